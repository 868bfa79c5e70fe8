"""Single answers of a run, and what they were worth."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckSaid:
    """What one check said about one answer. `score` lies between 0 and 1; a weight of 0 means that
    the check decided nothing.
    """

    name: str
    passed: bool
    type: str = ""
    critical: bool = False
    detail: str = ""
    score: float | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class BaselineAnswer:
    """What the live version answered to the same question. The outcome `skipped` says that it
    cannot be asked this. `error` is empty when it could be scored; times are milliseconds, None
    for an answer that was not asked for just now.
    """

    outcome: str
    score: float | None
    text: str
    checks: tuple[CheckSaid, ...]
    error: str | None
    from_cache: bool
    ttft_ms: float | None
    total_ms: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class CaseAnswer:
    """One answer of a run. `error` is empty when it could be scored; times are milliseconds.

    `score` is the weighted mean of its checks. `cached_tokens` are prompt tokens that the server
    had in its prefix cache, None when it does not say. `baseline` is None when nothing was
    compared.
    """

    suite: str
    case: str
    repeat: int
    outcome: str
    text: str
    checks: tuple[CheckSaid, ...]
    error: str | None
    ttft_ms: float | None
    total_ms: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    score: float | None = None
    from_cache: bool = False
    cached_tokens: int | None = None
    baseline: BaselineAnswer | None = None


#: Either arm's answer.
ArmAnswer = CaseAnswer | BaselineAnswer
