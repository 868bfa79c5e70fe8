"""A rubric as a value: what is judged, on which scale, and which verdicts pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, cast, get_args

from core.digest import digest

Mode = Literal["score", "label", "pairwise", "likelihood"]
MODES: tuple[str, ...] = get_args(Mode)

#: The verdicts of a pairwise judge: which of the two answers is better.
PAIR_VERDICTS = ("A", "B", "tie")
#: Room for the judge to think, in characters; servers hold it by the schema.
USUAL_REASONING_CHARS = 600


@dataclass(frozen=True, slots=True)
class Anchor:
    """What one step of a scale, or one label, means. `passes` counts for labels only."""

    value: int | str
    means: str
    passes: bool = False


@dataclass(frozen=True)
class Rubric:
    """One file under rubrics/. `digest` changes with everything a verdict can depend on.

    `anchors` are the steps of a score (ascending whole numbers; the first and the last bound the
    scale) or the labels; empty for pairwise and likelihood. `pass_at` is the lowest mean score that
    passes, in units of the scale, or for likelihood the lowest mean log-probability a token
    (natural logarithm, at most 0). `reasoning_chars` None leaves the reasoning unbounded.
    """

    name: str
    mode: Mode
    criterion: str
    anchors: tuple[Anchor, ...] = ()
    pass_at: float = 0.0
    reasoning_chars: int | None = USUAL_REASONING_CHARS
    description: str = ""

    @cached_property
    def digest(self) -> str:
        """SHA-256, 64 hex digits; the name and the description do not count."""
        body = self.to_json()
        del body["name"], body["description"]
        return digest(body)

    @property
    def low(self) -> int:
        """The worst score."""
        return int(self.anchors[0].value)

    @property
    def high(self) -> int:
        """The best score."""
        return int(self.anchors[-1].value)

    @property
    def verdicts(self) -> tuple[int | str, ...]:
        """Everything the judge may answer; empty for likelihood, which answers nothing."""
        if self.mode == "score":
            return tuple(range(self.low, self.high + 1))
        if self.mode == "label":
            return tuple(anchor.value for anchor in self.anchors)
        return PAIR_VERDICTS if self.mode == "pairwise" else ()

    @property
    def passing(self) -> frozenset[str]:
        """The labels that pass."""
        return frozenset(str(anchor.value) for anchor in self.anchors if anchor.passes)

    @property
    def scale(self) -> str:
        """The scale in words, a line for each step or label: what the judge's prompt shows."""
        if self.mode == "pairwise":
            return "A: the first answer is better\nB: the second is better\ntie: neither is better"
        return "\n".join(f"{anchor.value}: {anchor.means}" for anchor in self.anchors)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back to an equal value."""
        return asdict(self) | {"anchors": [asdict(anchor) for anchor in self.anchors]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rubric:
        """Read what `to_json` wrote."""
        anchors = tuple(Anchor(**anchor) for anchor in data["anchors"])
        return cls(**{**data, "anchors": anchors, "mode": cast("Mode", data["mode"])})
