"""A model whose verdicts are part of a proof."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JudgeModel:
    """A model that judged: its pin, and the fingerprint measured before the first answer and after
    the last one.
    """

    name: str
    digest: str
    fingerprint: str
