r"""A regular expression matches somewhere in the answer.

The engine is RE2: its time grows with the length of the answer and nothing else. Use `^` and `$` to
match the whole answer, `(?i)` to ignore case, `(?s)` to let a dot match line ends. There are no
back-references and no look-around, and `$` does not forgive a line end after it (`\s*$` does).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evals.domain.checks.spec import (
    Answer,
    CheckError,
    CheckType,
    Observation,
    Parameter,
    Problem,
)
from evals.domain.checks.wording import quote
from evals.domain.linear_regex import PatternError, compile_pattern, search


def problems(params: Mapping[str, Any]) -> Iterator[Problem]:
    """A pattern that does not compile, or that matches every answer."""
    try:
        compiled = compile_pattern(params["pattern"])
    except PatternError as error:
        yield Problem(("pattern",), error.message, error.hint)
        return
    if compiled.search("") is not None and compiled.search("\x1f") is not None:
        hint = "anchor it with ^ and $"
        yield Problem(("pattern",), "the pattern matches every answer", hint, is_error=False)


def evaluate(params: Mapping[str, Any], answer: Answer, _expected: Any) -> Observation:
    """Search the answer for the pattern."""
    pattern = params["pattern"]
    try:
        found = search(pattern, answer.text)
    except PatternError as error:
        raise CheckError(error.message) from error
    if found:
        return Observation(True, f"matches {pattern}")
    return Observation(False, f"{pattern} does not match {quote(answer.text)}")


CHECK = CheckType(
    type="regex",
    documentation=__doc__,
    parameters=(
        Parameter("pattern", {"type": "string", "minLength": 1}, "RE2 syntax.", required=True),
    ),
    evaluate=evaluate,
    problems=problems,
)
