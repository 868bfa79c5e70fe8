"""The checks of Assay that imports write, one function each: the only place that spells them.

When a check changes its parameters, this file changes and nothing else of the importers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from core.digest import canonical_json
from evals.domain.checks import expectation_problem
from evals.domain.json_values import read_json
from evals.domain.suite.entries import read_checks
from registry.domain.fields import Fields
from registry.domain.positions import Document
from registry.domain.source import Source

Check = dict[str, Any]


def exact(value: str, normalise: Sequence[str] = ()) -> Check:
    """The answer is this text."""
    return {
        "type": "exact",
        "value": value,
        **({"normalise": list(normalise)} if normalise else {}),
    }


def contains(value: str, *, ignore_case: bool = False) -> Check:
    """The text is in the answer."""
    return {"type": "contains", "value": value, **({"ignore_case": True} if ignore_case else {})}


def any_of(checks: Sequence[Check]) -> Check:
    """One of them passes; a single one stands for itself."""
    return dict(checks[0]) if len(checks) == 1 else {"type": "any", "checks": list(checks)}


def all_of(checks: Sequence[Check]) -> Check:
    """All of them pass, or with a threshold their weighted mean reaches it."""
    return {"type": "all", "checks": list(checks)}


def starts_with(value: str) -> Check:
    """The answer begins with this text."""
    return {"type": "starts_with", "value": value}


def regex(pattern: str) -> Check:
    """The RE2 pattern matches somewhere."""
    return {"type": "regex", "pattern": pattern}


def json_document(schema: Any = None) -> Check:
    """The answer is JSON, of this schema when there is one."""
    return {"type": "json", **({"schema": schema} if schema is not None else {})}


def json_value(value: Any) -> Check:
    """The answer is JSON and equal to this value."""
    return {"type": "json", "schema": {"const": value}}


def json_field(path: str, values: Sequence[Any]) -> Check:
    """The answer is JSON, and what is at `path` (`a.b[0]`) is one of these values."""
    return {"type": "json", "path": path, "schema": {"enum": list(values)}}


def levenshtein(value: str, max_distance: int) -> Check:
    """At most so many edits away from this text."""
    return {"type": "levenshtein", "value": value, "max_distance": max_distance}


def similarity(value: str, threshold: float) -> Check:
    """The fuzzy similarity with this text."""
    return {"type": "similarity", "value": value, "threshold": threshold}


def rouge(value: str, variant: str, threshold: float) -> Check:
    """ROUGE against this text."""
    return {"type": "rouge", "value": value, "variant": variant, "threshold": threshold}


def bleu(value: str, threshold: float) -> Check:
    """BLEU against this text, 0 to 1."""
    return {"type": "bleu", "value": value, "threshold": threshold}


def max_cost(usd: float) -> Check:
    """The answer costs at most this many US dollars."""
    return {"type": "max_cost", "max_usd": usd}


def refusal() -> Check:
    """The answer refuses."""
    return {"type": "refusal"}


def latency(max_ms: float) -> Check:
    """The whole answer came within so many milliseconds."""
    return {"type": "latency", "max_ms": max_ms}


def embedding(value: str, model: str, threshold: float) -> Check:
    """The cosine of the embeddings of the answer and this text, by a model of models.yaml."""
    return {
        "type": "embedding_similarity",
        "value": value,
        "model": model,
        "threshold": threshold,
    }


def judge(name: str) -> Check:
    """The judge that the suite declares under this name passes the answer."""
    return {"type": "judge", "judge": name}


def common(
    check: Check,
    *,
    name: str = "",
    weight: float | None = None,
    threshold: float | None = None,
    negate: bool = False,
) -> Check:
    """The check with the keys that every check takes."""
    done = dict(check)
    if name:
        done["name"] = name
    if weight is not None and weight != 1:
        done["weight"] = weight
    if threshold is not None:
        done["threshold"] = threshold
    if negate:
        done["not"] = True
    return done


def problem_with(check: Mapping[str, Any]) -> str:
    """Why no suite could hold this check, as this installation knows checks; empty if one can."""
    return _problem(canonical_json(dict(check)).decode())


@lru_cache(maxsize=4096)  # a default check meets every case
def _problem(text: str) -> str:
    source = Source("check")
    values = {"checks": [read_json(text)]}
    source.document = Document(values)
    read = read_checks(Fields(source, (), values, None))
    errors = [finding.message for finding in source.findings if finding.severity == "error"]
    # Every check that is written carries its own value, so none may need a case's `expected`.
    errors += [problem for spec in read if (problem := expectation_problem(spec, None))]
    return errors[0].rstrip(".") if errors else ""
