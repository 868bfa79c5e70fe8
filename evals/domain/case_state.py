"""How one case went in one run, in one word."""

from __future__ import annotations

from enum import StrEnum


class CaseState(StrEnum):
    """What the repeats of a case came to."""

    PASSED = "passed"
    FAILED = "failed"
    #: Some repeats passed and some failed.
    FLAKY = "flaky"
    #: An answer could not be judged, and none failed.
    ERROR = "error"
    NOT_ASKED = "not asked"


def case_state(passes: int, failures: int, errors: int) -> CaseState:
    """The state of a case with so many repeats of each outcome."""
    if passes and failures:
        return CaseState.FLAKY
    if failures:
        return CaseState.FAILED
    if errors:
        return CaseState.ERROR
    return CaseState.PASSED if passes else CaseState.NOT_ASKED
