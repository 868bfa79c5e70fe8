"""The page that says what each import maps: made by importing one example of everything there is.

What the examples become is what the importers do, so the page cannot promise anything else.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evals.importers.fidelity import Item
from evals.importers.openai_evals.classes import known_classes
from evals.importers.openai_evals.registry import SIBLINGS
from evals.importers.promptfoo.cases import UNMAPPED_OPTIONS
from evals.importers.promptfoo.settings import SETTINGS
from evals.importers.promptfoo.tests import UNMAPPED_KEYS
from evals.importers.promptfoo.types import BASE_TYPES, RED_TEAM
from evals.importers.run import Imported, read_import

_INTRODUCTION = """\
# What imports map

Every row is one example, imported when this page was made. *Not mapped* means that it is named in
the fidelity report and is not in the files. How to import: [docs/importing.md](../importing.md).
Model-graded checks need a model that judges: the one the source names, or `--judge MODEL`."""

_NEGATION = """\
Every type may begin with `not-`. `assert-set` becomes an `all` check with its `threshold` and
weights; what asks a model cannot stand in it. `weight: 0` and `metricOnly` measure and decide
nothing. What is not in the table is not mapped."""
_WHICH = ("any", "all")
#: Values that an example needs where a text will not do.
_VALUES: Mapping[str, dict[str, Any]] = {
    "regex": {"value": "^a+$"},
    "is-json": {"value": {"type": "object"}},
    "contains-json": {"value": {"type": "object"}},
    **{f"{case}contains-{which}": {"value": ["a", "b"]} for case in ("", "i") for which in _WHICH},
    "latency": {"threshold": 500},
    "cost": {"threshold": 0.01},
    "word-count": {"value": {"min": 2, "max": 9}},
}
_RULE = "| --- | --- | --- |"
_MESSAGES = [{"role": "user", "content": "{{ sample.output_text }} against {{ item.x }}"}]
_ON_TEXT = {"input": "{{ sample.output_text }}", "reference": "{{ item.x }}"}
_OF_MODEL = {"model": "gpt-4.1", "input": _MESSAGES}
_OPERATIONS = (("eq", ""), ("ne", " (with `not: true`)"), ("like", ""), ("ilike", ""))
_METRICS = (
    "fuzzy_match bleu gleu meteor cosine rouge_1 rouge_2 rouge_3 rouge_4 rouge_5 rouge_l".split()
)
_FORMULAS = ("0.7 * a + 0.3 * b", "(a + b) / 2", "min(a, b)", "max(a, b)", "a * b")


def page() -> str:
    """The whole page as Markdown."""
    parts = [_INTRODUCTION, *_promptfoo(), *_openai_evals(), *_openai_api()]
    return "\n\n".join(parts) + "\n"


def _promptfoo() -> Iterable[str]:
    types = [*sorted(BASE_TYPES), RED_TEAM + "pii"]
    asserts = [{"type": kind, **_VALUES.get(kind, {"value": "a text"})} for kind in types]
    cases = [{"vars": {"q": "x"}, "assert": [one]} for one in asserts]
    found = _imported("promptfoo", {"promptfooconfig.json": {"prompts": ["{{q}}"], "tests": cases}})
    items = _items(found, "assertion")
    yield "## promptfoo: types of assertions"
    yield _NEGATION
    yield _table("type", [(f"`{kind}`", item) for kind, item in zip(types, items, strict=True)])
    yield "## promptfoo: what else is not mapped"
    yield _reasons("key of the configuration", SETTINGS)
    yield _reasons("key of a test", UNMAPPED_KEYS)
    yield _reasons("key of `options`", UNMAPPED_OPTIONS)


def _openai_evals() -> Iterable[str]:
    classes = known_classes()
    args = {"samples_jsonl": "s.jsonl", "modelgraded_spec": "m"}
    registry = {f"e{n}": {"class": name, "args": args} for n, name in enumerate(classes)}
    spec = {"prompt": "{completion}", "choice_strings": "YN", "choice_scores": {"Y": 1, "N": 0}}
    files = {
        "evals/x.yaml": registry,
        "modelgraded/m.yaml": {"m": spec},
        "data/s.jsonl": {"input": [{"role": "user", "content": "q"}], "ideal": "1"},
    }
    found = _imported("openai-evals", files)
    judged = {item.line: item for item in _items(found, "modelgraded")}
    rows = []
    for name, item in zip(classes, _items(found, "eval class", "modelgraded"), strict=True):
        rows.append((f"`{name}`", judged.get(item.line, item)))
    yield "## openai/evals: classes"
    yield "Other classes are code and are not mapped; their samples are kept without checks."
    yield _table("class", rows)
    yield "## openai/evals: other folders of a registry"
    yield _reasons("folder", SIBLINGS)


def _openai_api() -> Iterable[str]:
    text = {"type": "string_check", **_ON_TEXT}
    pair = {"a": {**text, "operation": "eq"}, "b": {**text, "operation": "like"}}
    field = {**text, "operation": "eq", "input": "{{ sample.output_json.a[0].b }}"}
    similar = {"type": "text_similarity", "pass_threshold": 0.8, **_ON_TEXT}
    labels = {"labels": ["good", "bad"], "passing_labels": ["good"]}
    graders: dict[str, dict[str, Any]] = {
        **{f"`string_check` {op}{note}": {**text, "operation": op} for op, note in _OPERATIONS},
        "`string_check` eq on a field of `sample.output_json`": field,
        **{f"`text_similarity` {m}": {**similar, "evaluation_metric": m} for m in _METRICS},
        "`label_model`": {"type": "label_model", **_OF_MODEL, **labels},
        "`score_model`": {"type": "score_model", **_OF_MODEL, "range": [1, 7], "pass_threshold": 5},
        **{
            f"`multi` {formula}": {
                "type": "multi", "graders": pair,
                "calculate_output": formula, "pass_threshold": 0.5,
            }
            for formula in _FORMULAS
        },
        "`python`": {"type": "python", "source": "x"},
        "`endpoint`": {"type": "endpoint"},
    }  # fmt: skip
    content = [{"item": {"x": "two words and more to count"}}]
    messages = {"template": [{"role": "user", "content": "{{ item.x }}"}]}
    source = {"source": {"type": "file_content", "content": content}, "input_messages": messages}
    run = {"id": "r", "data_source": source}
    body = {"id": "e", "testing_criteria": list(graders.values()), "runs": [run]}
    found = _imported("openai-api", {"e.json": body})
    yield "## Evals API: graders"
    yield _table("grader", zip(graders, _items(found, "grader"), strict=True))


def _imported(tool: str, files: Mapping[str, Any]) -> Imported:
    with tempfile.TemporaryDirectory() as place:
        for path, body in files.items():
            target = Path(place) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(body, indent=None if path.endswith(".jsonl") else 1))
        return read_import(tool, Path(place), "suite", "judge")


def _items(found: Imported, *kinds: str) -> list[Item]:
    """One item for each line, in the order of the source."""
    items = [item for item, _ in found.fidelity.items() if item.kind in kinds]
    return list({item.line: item for item in items}.values())


def _table(first: str, rows: Iterable[tuple[str, Item]]) -> str:
    lines = [
        f"| {first} | becomes | difference, or why not and what to do |",
        "| --- | --- | --- |",
    ]
    for name, item in rows:
        becomes = "*not mapped*" if item.fate == "not_mapped" else f"`{_check(item)}`"
        said = "; ".join(filter(None, (item.detail, item.todo))).replace("|", "\\|")
        lines.append(f"| {name} | {becomes} | {said} |")
    return "\n".join(lines)


def _check(item: Item) -> str:
    return item.into.removeprefix("check ")


def _reasons(first: str, reasons: Mapping[str, tuple[str, str]]) -> str:
    lines = [f"| {first} | why not | what to do |", _RULE]
    lines += [f"| `{key}` | {reason} | {todo} |" for key, (reason, todo) in reasons.items()]
    return "\n".join(lines)
