"""The answer came in time.

Times are measured at the client, for each response: `max_ms` bounds the whole answer, `max_ttft_ms`
the time to its first token. At least one of the two is needed. An answer whose time was not
measured is an error, never a pass.
"""

from __future__ import annotations

import math
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

_MILLISECONDS = {"type": "number", "exclusiveMinimum": 0, "maximum": 86_400_000}


def problems(params: Mapping[str, Any]) -> Iterator[Problem]:
    """A latency check without a limit would pass everything."""
    if params["max_ms"] is None and params["max_ttft_ms"] is None:
        yield Problem((), "latency needs `max_ms` or `max_ttft_ms`")


def _compare(label: str, measured: float | None, limit: float) -> Observation:
    if measured is None or not math.isfinite(measured) or measured < 0:
        raise CheckError(f"{label} was not measured")
    passed = measured <= limit
    relation = "within" if passed else "over"
    return Observation(passed, f"{label} {measured:.0f} ms, {relation} {limit:g} ms")


def evaluate(params: Mapping[str, Any], answer: Answer, _expected: Any) -> Observation:
    """Compare each declared limit with what was measured."""
    limits = (
        ("whole answer", answer.total_ms, params["max_ms"]),
        ("first token", answer.ttft_ms, params["max_ttft_ms"]),
    )
    seen = [_compare(label, took, limit) for label, took, limit in limits if limit is not None]
    if not seen:
        raise CheckError("latency needs `max_ms` or `max_ttft_ms`")
    return Observation(all(o.passed for o in seen), "; ".join(o.detail for o in seen))


CHECK = CheckType(
    type="latency",
    documentation=__doc__,
    parameters=(
        Parameter("max_ms", _MILLISECONDS, "Most milliseconds from request to last token."),
        Parameter("max_ttft_ms", _MILLISECONDS, "Most milliseconds from request to first token."),
    ),
    evaluate=evaluate,
    problems=problems,
)
