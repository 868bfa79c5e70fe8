"""How promptfoo's deterministic assertions become checks. The table is in assertions.py."""

from __future__ import annotations

import re
from typing import Any

from evals.importers import javascript, vocabulary
from evals.importers.errors import ImportRefusedError
from evals.importers.loading import read_yaml_text
from evals.importers.nodes import as_number
from evals.importers.promptfoo.assertion import Assertion, Verdict, lost
from evals.importers.promptfoo.csv_rows import split_list
from evals.importers.vocabulary import Check

_GRADED = "its score is a share in Assay and 0 or 1 in promptfoo, which counts in the test's score"
_TOKENS = "words are counted by Assay's own rules, so scores differ a little"
_OLD_SCHEMA = frozenset({"definitions", "dependencies", "additionalItems"})
_NONE = "use `regex` with `not: true` for what must not be there"
MAX_WORDS = 1_000


def equals(assertion: Assertion) -> Verdict:
    """Text for text; an object or list is compared as JSON."""
    value, shape = assertion.value, assertion.shape
    if value is None:
        return lost("it has no value")
    if shape.path is not None:
        return _json_path(shape.path, value)
    if isinstance(value, dict | list):
        return Verdict(vocabulary.json_value(value))
    text = javascript.text_of(value)
    steps = (["strip"] if shape.trim else []) + (["casefold"] if shape.lower else [])
    notes = [_folding(assertion, text)] if steps else []
    return Verdict(vocabulary.exact(text, steps), tuple(notes))


def contains(assertion: Assertion) -> Verdict:
    """A substring."""
    text, problem = _text(assertion.value)
    if problem:
        return lost(problem)
    return Verdict(_substring(assertion, text), (_folding(assertion, text),))


def contains_list(assertion: Assertion) -> Verdict:
    """Any or all of several substrings."""
    value = assertion.value
    honours_quotes = assertion.base == "contains-any"
    listed = split_list(value, honours_quotes=honours_quotes) if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed:
        return lost("it has no list of values")
    read = [_text(item) for item in listed]
    if problem := next((problem for _, problem in read if problem), ""):
        return lost(problem)
    checks = [_substring(assertion, text) for text, _ in read]
    is_any = assertion.base.endswith("-any")
    check = vocabulary.any_of(checks) if is_any or len(checks) == 1 else vocabulary.all_of(checks)
    notes = [_folding(assertion, text) for text, _ in read]
    if assertion.is_scored and not is_any and len(checks) > 1:
        notes.append("some of several texts score a share in Assay and 0 in promptfoo")
    return Verdict(check, tuple(dict.fromkeys(notes)))


def starts_with(assertion: Assertion) -> Verdict:
    """A prefix."""
    text, problem = _text(assertion.value)
    if problem:
        return lost(problem)
    check = vocabulary.starts_with(text)
    steps = (["strip"] if assertion.shape.trim else []) + (
        ["casefold"] if assertion.shape.lower else []
    )
    return Verdict(
        {**check, **({"normalise": steps} if steps else {})}, (_folding(assertion, text),)
    )


def regex(assertion: Assertion) -> Verdict:
    """A JavaScript pattern, read by RE2."""
    if not isinstance(assertion.value, str) or not assertion.value:
        return lost("it has no pattern")
    if assertion.shape.lower or (assertion.shape.trim and re.search(r"[\^$]", assertion.value)):
        return lost("its pattern is applied to a transformed output")
    read = javascript.translate_pattern(assertion.value)
    if read.problem:
        return lost(read.problem, "write a pattern for RE2 that says the same")
    return Verdict(vocabulary.regex(read.pattern), (read.difference,))


def is_json(assertion: Assertion) -> Verdict:
    """Valid JSON, perhaps of a schema."""
    if assertion.base == "contains-json" and assertion.negate:
        # Turned around, the stricter `json` would pass what promptfoo fails: a text around JSON.
        return lost("`json` judges the whole answer and cannot say that no part is JSON", _NONE)
    schema = assertion.value
    if isinstance(schema, str) and schema.strip():
        try:
            schema = read_yaml_text(schema)
        except ImportRefusedError as error:
            return lost(f"its schema cannot be read: {error.message}")
    if schema in (None, ""):
        schema = None
    elif not isinstance(schema, dict):
        return lost("its value is not a JSON Schema")
    notes = [_schema_note(schema)] if schema else []
    if assertion.base == "contains-json":
        notes.append("stricter: the whole answer must be JSON, not only a part of it")
    return Verdict(vocabulary.json_document(_without_dialect(schema)), tuple(notes))


def levenshtein(assertion: Assertion) -> Verdict:
    """At most so many edits; 5 when nothing is said."""
    text, problem = _text(assertion.value, allow_empty=True)
    if problem:
        return lost(problem)
    limit = 5 if assertion.threshold is None else int(assertion.threshold)
    check = vocabulary.levenshtein(text, limit)
    notes = (_GRADED if assertion.is_scored else "",)
    return Verdict(check, notes, uses_threshold=False)


def rouge(assertion: Assertion) -> Verdict:
    """ROUGE-1, at least 0.75 when nothing is said."""
    text, problem = _text(assertion.value)
    if problem:
        return lost(problem)
    threshold = 0.75 if assertion.threshold is None else assertion.threshold
    return Verdict(vocabulary.rouge(text, "rouge-1", threshold), (_TOKENS,), uses_threshold=False)


def bleu(assertion: Assertion) -> Verdict:
    """BLEU, at least 0.5 when nothing is said; a list holds several references."""
    value: Any = assertion.value
    texts = [_text(item) for item in (value if isinstance(value, list) else [value])]
    if not texts or (problem := next((p for _, p in texts if p), "")):
        return lost(problem if texts else "it has no value")
    threshold = 0.5 if assertion.threshold is None else assertion.threshold
    given = [text for text, _ in texts]
    check = vocabulary.bleu(given[0], threshold)
    return Verdict(
        {**check, "value": given if len(given) > 1 else given[0]},
        ("sacrebleu's smoothing and words, so scores differ a little",),
        uses_threshold=False,
    )


def latency(assertion: Assertion) -> Verdict:
    """Milliseconds from request to last token."""
    if assertion.threshold is None:
        return lost("it has no threshold", "say how many milliseconds")
    check = vocabulary.latency(assertion.threshold)
    note = "Assay measures a streamed request; promptfoo the whole call, perhaps from its cache"
    return Verdict(check, (note,), uses_threshold=False)


def cost(assertion: Assertion) -> Verdict:
    """US dollars for one answer."""
    if assertion.threshold is None:
        return lost("it has no threshold", "say how many US dollars")
    note = "Assay takes prices from models.yaml only; without `price` the check is an error"
    return Verdict(vocabulary.max_cost(assertion.threshold), (note,), uses_threshold=False)


def refusal(_assertion: Assertion) -> Verdict:
    """The answer refuses."""
    return Verdict(vocabulary.refusal(), ("the phrases that count as a refusal are not the same",))


def word_count(assertion: Assertion) -> Verdict:
    """A number of words, or a range, as a pattern."""
    value = assertion.value
    low, high = (value.get("min"), value.get("max")) if isinstance(value, dict) else (value, value)
    low = low if isinstance(value, dict) else _count(low)
    least, most = _count(low) or 0, _count(high)
    if _count(low) is None and most is None:
        return lost("it has no number of words")
    if least > MAX_WORDS or (most or 0) > MAX_WORDS or (most is not None and most < max(least, 1)):
        return lost(f"only 1 to {MAX_WORDS:,} words can be counted by a pattern")
    repeats = f"{{{max(least - 1, 0)},{'' if most is None else most - 1}}}"
    note = "words are runs of anything but ASCII white space"
    return Verdict(vocabulary.regex(rf"^\s*(?:\S+\s+){repeats}\S+\s*$"), (note,))


def _count(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    number = as_number(value)
    return int(number) if number is not None and number >= 0 else None


def _text(value: Any, *, allow_empty: bool = False) -> tuple[str, str]:
    """(the text, "") or ("", why there is none)."""
    if value is None or isinstance(value, dict | list):
        return "", "its value is not a text"
    text = javascript.text_of(value)
    if not text and not allow_empty:
        return "", "its value is empty, which promptfoo refuses or every answer meets"
    return text, ""


def _substring(assertion: Assertion, text: str) -> Check:
    ignores = assertion.base.startswith("icontains") or assertion.shape.lower
    return vocabulary.contains(text, ignore_case=ignores)


def _folding(assertion: Assertion, text: str) -> str:
    if assertion.shape.lower and text != text.lower():
        return "promptfoo lowers the output only, so there it can never match this value"
    if assertion.shape.trim and text != text.strip():
        return "promptfoo trims the output only, so there it can never match this value"
    is_plain = text.casefold() == text.lower()
    ignores = assertion.base.startswith("icontains") or assertion.shape.lower
    return "" if is_plain or not ignores else "Assay folds case (ß is ss); promptfoo lowers it"


def _json_path(path: tuple[str, ...], value: Any) -> Verdict:
    """A field of the answer's JSON equals a value: said with a schema."""
    wanted = [value]
    if isinstance(value, str):
        try:
            parsed = read_yaml_text(value)
        except ImportRefusedError:
            parsed = value
        if not isinstance(parsed, str) and javascript.json_of(parsed) == value:
            wanted.append(parsed)  # promptfoo compares with the text of the field
    schema: dict[str, Any] = {"enum": wanted}
    for key in reversed(path):
        schema = {"type": "object", "required": [key], "properties": {key: schema}}
    return Verdict(vocabulary.json_document(schema))


def _without_dialect(schema: Any) -> Any:
    """Without `$schema`: every schema is read as 2020-12, which the report says."""
    return (
        {k: v for k, v in schema.items() if k != "$schema"} if isinstance(schema, dict) else schema
    )


def _schema_note(schema: dict[str, Any]) -> str:
    text = javascript.json_of(schema)
    notes = []
    if '"format":' in text:
        notes.append("`format` is not asserted")
    if "$schema" in schema or any(f'"{word}":' in text for word in _OLD_SCHEMA):
        notes.append("the schema is read as JSON Schema 2020-12")
    return "; ".join(notes)
