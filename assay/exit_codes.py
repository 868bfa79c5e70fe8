"""The exit codes: what a script may rely on."""

from __future__ import annotations

from assay.errors import AssayApiError
from core.errors import AssayError, UnavailableError

PASS = 0
GATE_FAILED = 1
USAGE = 2
INCONCLUSIVE = 3
NOT_EVALUATED = 4
INTERRUPTED = 130

MEANINGS = {
    PASS: "done; for `eval --wait` and `ci`: the verdict is PASS",
    GATE_FAILED: "gate failed: the verdict is FAIL, a promotion lacks its certificate, a judge is "
    "only advisory, a `plan` does not fit, or `lint` or `ci` found errors",
    USAGE: "usage, configuration, or any other refusal",
    INCONCLUSIVE: "the verdict is INCONCLUSIVE",
    NOT_EVALUATED: "could not evaluate: the verdict is ERROR, the run was cancelled, or the server "
    "or a part of it did not answer",
    INTERRUPTED: "interrupted with Ctrl-C; a run that was waited for goes on",
}

_VERDICTS = {"PASS": PASS, "FAIL": GATE_FAILED, "INCONCLUSIVE": INCONCLUSIVE}


def of_verdict(verdict: str | None) -> int:
    """The exit code of a verdict; ERROR, none at all and any unknown one fail closed."""
    return _VERDICTS.get(verdict or "", NOT_EVALUATED)


def of_error(error: AssayApiError | AssayError) -> int:
    """The exit code of an error, by its kind."""
    if error.code == "not_certified":
        return GATE_FAILED
    if isinstance(error, AssayApiError):
        return NOT_EVALUATED if error.kind == "unavailable" else USAGE
    return NOT_EVALUATED if isinstance(error, UnavailableError) else USAGE
