"""What a check that must ask a model is given, what it asks, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from evals.domain.checks.spec import Answer

Kind = Literal["chat", "embeddings", "likelihood"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged. `question` is the rendered prompt as text.

    `baseline` is the live version's answer to the same case and repeat, None when there is none.
    `judge` is the suite's declaration of the judge (JudgeSpec), None for checks without one.
    `nonce` is fresh for each subject: no answer can contain it.
    """

    question: str
    answer: Answer
    expected: Any
    baseline: Answer | None
    judge: Any
    nonce: str


@dataclass(frozen=True, slots=True)
class Question:
    """One request to a model. `model` names a pin in models.yaml; `key` finds the reply again.

    `messages` are (role, content) pairs, for chat and likelihood; `texts` is for embeddings.
    """

    key: str
    model: str
    kind: Kind
    messages: tuple[tuple[str, str], ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `vectors` are in the order of the question's texts.

    `logprob` is the mean natural-log probability per token of the last message; None where it was
    not asked for.
    """

    text: str = ""
    finish_reason: str | None = None
    vectors: tuple[tuple[float, ...], ...] = ()
    logprob: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
