"""How judging goes wrong. A case whose judge failed is an error, never a pass and never a fail."""

from __future__ import annotations

from core.errors import InvalidError


class VerdictError(InvalidError):
    """The judge gave no verdict that can be used."""

    code = "judge_no_verdict"


class JudgeUnusableError(InvalidError):
    """The judge cannot be asked as it stands."""

    code = "judge_unusable"
