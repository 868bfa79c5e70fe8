"""A judge as a suite declares it: everything a verdict can depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from core.digest import digest
from evals.domain.judge.rubric import Mode, Rubric
from registry.domain.model_pin import ModelPin
from registry.domain.version import VersionContent

MAX_SAMPLES = 15


@dataclass(frozen=True, slots=True)
class JudgeModel:
    """The pin of models.yaml that judges, as it stood when the suite was read."""

    name: str
    digest: str
    served_id: str
    revision: str

    @classmethod
    def of(cls, pin: ModelPin) -> JudgeModel:
        """What a suite keeps of a pin."""
        return cls(pin.name, pin.digest, pin.served_id, pin.revision)

    def is_same_as(self, pin: ModelPin) -> bool:
        """Whether both are the same weights, whatever the pins are called."""
        if self.digest == pin.digest or self.name == pin.name:
            return True
        if self.revision and pin.revision:
            return self.revision == pin.revision
        return self.served_id == pin.served_id


@dataclass(frozen=True)
class JudgeSpec:
    """A rubric, a prompt and a model. `prompt` is None for likelihood, which asks nothing.

    `samples` verdicts are asked for at `temperature`. `calibration` is the digest of the file of
    human labels, empty when there is none. `script` is the prompt once rendered, with places for
    the texts (see `compose`): it follows from the rest, so it is neither compared nor stored.
    """

    rubric: Rubric
    model: JudgeModel
    prompt: VersionContent | None = None
    samples: int = 1
    temperature: float = 0.0
    calibration: str = ""
    script: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    @property
    def mode(self) -> Mode:
        """How the rubric judges."""
        return self.rubric.mode

    @cached_property
    def identity(self) -> str:
        """SHA-256 of what the judge says, 64 hex digits: what a calibration is kept under."""
        return digest(self._identity())

    @cached_property
    def digest(self) -> str:
        """SHA-256, 64 hex digits: the identity and the human labels it is measured by."""
        return digest({**self._identity(), "calibration": self.calibration})

    def _identity(self) -> dict[str, Any]:
        prompt = self.prompt
        return {
            "prompt": prompt and [prompt.name, prompt.number, prompt.digest],
            "rubric": [self.rubric.name, self.rubric.digest],
            "model": [self.model.name, self.model.digest],
            "samples": self.samples,
            "temperature": self.temperature,
        }

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back to an equal value."""
        return {
            "rubric": self.rubric.to_json(),
            "model": asdict(self.model),
            "prompt": self.prompt and self.prompt.to_json(),
            "samples": self.samples,
            "temperature": self.temperature,
            "calibration": self.calibration,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> JudgeSpec:
        """Read what `to_json` wrote."""
        prompt = data["prompt"]
        return cls(
            rubric=Rubric.from_json(data["rubric"]),
            model=JudgeModel(**data["model"]),
            prompt=prompt and VersionContent.from_json(prompt),
            samples=data["samples"],
            temperature=data["temperature"],
            calibration=data["calibration"],
        )
