"""string_check, and the templates of graders: what they look at and what they compare with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from evals.domain.json_values import JsonError, read_json
from evals.importers import javascript, vocabulary
from evals.importers.interpolation import UnfilledError, fill
from evals.importers.nodes import Node, as_number
from evals.importers.vocabulary import Check

_ANSWER = re.compile(r"\s*\{\{\s*sample\.output_text\s*\}\}\s*")
_FIELD = re.compile(r"\s*\{\{\s*sample\.output_json((?:\.[A-Za-z_]\w*|\[[0-9]{1,6}\])+)\s*\}\}\s*")


class NotMappedError(Exception):
    """Why a grader has no counterpart; a clause for the report, and what to do."""

    def __init__(self, reason: str, todo: str = "") -> None:
        super().__init__(reason)
        self.todo = todo


def require_answer(template: str) -> None:
    """NotMappedError unless a grader looks at the whole answer."""
    if not _ANSWER.fullmatch(template):
        raise NotMappedError(f"it judges `{template[:80]}`, and checks judge the answer's text")


def string_check(node: Node) -> Callable[[Mapping[str, Any]], Check]:
    """The check for an item. Raises NotMappedError, and so does what it returns."""
    given, reference, operation = (node.text(key) for key in ("input", "reference", "operation"))
    if operation in {"eq", "ne"} and _ANSWER.fullmatch(reference):
        given, reference = reference, given
    if found := _FIELD.fullmatch(given):
        return _field_check(found[1].removeprefix("."), reference, operation)
    require_answer(given)
    if operation in {"eq", "ne"}:
        return lambda item: vocabulary.common(
            vocabulary.exact(filled(reference, item)), negate=operation == "ne"
        )
    if operation in {"like", "ilike"}:
        return lambda item: vocabulary.contains(
            filled(reference, item), ignore_case=operation == "ilike"
        )
    raise NotMappedError(f"there is no operation {operation[:40]!r} in the Evals API")


def _field_check(path: str, reference: str, operation: str) -> Callable[[Mapping[str, Any]], Check]:
    if operation != "eq":
        raise NotMappedError("only `eq` can be said of a field of the answer's JSON")

    def check(item: Mapping[str, Any]) -> Check:
        return vocabulary.json_field(path, _spelled(filled(reference, item)))

    return check


def _spelled(text: str) -> list[Any]:
    """A text, and the JSON value that the API would print as this text."""
    try:
        value = read_json(text)
    except JsonError:
        return [text]
    is_other = not isinstance(value, str) and javascript.json_of(value) == text
    return [text, value] if is_other else [text]


def filled(template: str, item: Mapping[str, Any]) -> str:
    """A reference with the fields of an item put in. Raises NotMappedError."""
    if "sample." in template:
        raise NotMappedError("its reference is taken from the answer itself")
    try:
        return fill(template, {"item": _texts(item)})
    except UnfilledError as error:
        raise NotMappedError(str(error)) from error


def _texts(value: Any) -> Any:
    """Numbers and objects as the API prints them."""
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return javascript.json_of(value)
    return javascript.text_of(value) if as_number(value) is not None else value
