"""What a latency phase is to do: the suite's `latency:` section as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Slo:
    """What a good request keeps, in milliseconds; None means no such limit."""

    ttft_ms: float | None = None
    tpot_ms: float | None = None
    e2e_ms: float | None = None

    def __bool__(self) -> bool:
        """Whether any limit is declared."""
        return (self.ttft_ms, self.tpot_ms, self.e2e_ms) != (None, None, None)

    def to_json(self) -> dict[str, float]:
        """The declared limits."""
        return {name: limit for name, limit in asdict(self).items() if limit is not None}


@dataclass(frozen=True, slots=True)
class LatencySpec:
    """`concurrency` are the levels, one after the other: requests on their way at once, both arms
    together. `requests` are measured at each level for each arm, after `warmup` more that are
    discarded. `max_seconds` bounds the whole phase.

    `max_tokens` is the length of every answer where `ignore_eos` is wanted and the engine has such
    a switch; elsewhere it is the longest an answer may be.
    """

    concurrency: tuple[int, ...] = (1, 4)
    requests: int = 100
    warmup: int = 10
    max_tokens: int = 64
    ignore_eos: bool = True
    slo: Slo = Slo()
    max_seconds: float = 600.0

    @property
    def requests_per_arm(self) -> int:
        """Requests one arm sends in the whole phase, warm-up included."""
        return len(self.concurrency) * (self.requests + self.warmup)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back; what is as by default is left out."""
        said: dict[str, Any] = {
            "concurrency": list(self.concurrency),
            "requests": self.requests,
            "warmup": self.warmup,
            "max_tokens": self.max_tokens,
            "ignore_eos": self.ignore_eos,
            "slo": self.slo.to_json(),
            "max_seconds": self.max_seconds,
        }
        return {key: value for key, value in said.items() if value != _DEFAULTS[key]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LatencySpec:
        """Read what `to_json` wrote."""
        said = {**_DEFAULTS, **data}
        return cls(**{**said, "concurrency": tuple(said["concurrency"]), "slo": Slo(**said["slo"])})


#: As JSON. Never change one: it would change what stored suites mean.
_DEFAULTS: dict[str, Any] = {
    "concurrency": [1, 4],
    "requests": 100,
    "warmup": 10,
    "max_tokens": 64,
    "ignore_eos": True,
    "slo": {},
    "max_seconds": 600.0,
}
