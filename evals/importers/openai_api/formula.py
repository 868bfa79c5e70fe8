"""`calculate_output` of a multi grader: a weighted sum, the least or the greatest."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

_NUMBER = r"\d+(?:\.\d+)?"
_TERM = re.compile(
    rf"\s*(?:(?P<before>{_NUMBER})\s*\*\s*)?(?P<name>[A-Za-z_]\w*)"
    rf"(?:\s*\*\s*(?P<after>{_NUMBER}))?(?:\s*/\s*(?P<over>{_NUMBER}))?\s*"
)
_MEAN = re.compile(rf"\s*\((?P<sum>[^()]*)\)\s*(?:/\s*(?P<over>{_NUMBER}))?\s*")
_CHOICE = re.compile(r"\s*(?P<kind>min|max)\s*\((?P<names>[\w\s,]*)\)\s*")
MAX_CHARS = 2_000


@dataclass(frozen=True)
class Formula:
    """`total` is the value when every grader gives 1; `weights` are theirs, 1 for min and max."""

    kind: Literal["sum", "min", "max"]
    weights: Mapping[str, float]
    total: float


def read_formula(text: str, names: Collection[str]) -> Formula | None:
    """The formula over graders called `names`; None when it is something else."""
    if len(text) > MAX_CHARS:
        return None
    if found := _CHOICE.fullmatch(text):
        chosen = [name.strip() for name in found["names"].split(",")]
        kind: Literal["min", "max"] = "min" if found["kind"] == "min" else "max"
        weights = dict.fromkeys(chosen, 1.0)
        return Formula(kind, weights, 1.0) if weights.keys() <= set(names) else None
    over = 1.0
    if found := _MEAN.fullmatch(text):
        text, over = found["sum"], float(found["over"] or 1)
    return _sum(text, over, names)


def _sum(text: str, over: float, names: Collection[str]) -> Formula | None:
    weights: dict[str, float] = {}
    for part in text.split("+"):
        term = _TERM.fullmatch(part)
        if term is None or term["name"] not in names or term["name"] in weights or not over:
            return None
        divisor = float(term["over"] or 1) * over
        if not divisor:
            return None
        factor = float(term["before"] or 1) * float(term["after"] or 1)
        weights[term["name"]] = factor / divisor
    total = sum(weights.values())
    return Formula("sum", weights, total) if total > 0 else None
