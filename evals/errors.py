"""What evaluation refuses, one class per case."""

from __future__ import annotations

from core.errors import ConflictError, InvalidError, NotFoundError, UnavailableError


class RunUnknownError(NotFoundError):
    """There is no such run."""

    code = "run_unknown"
    hint = "assay runs lists them; those of a check go when the check goes"


class RunFinishedError(ConflictError):
    """The run is finished; its verdict stays."""

    code = "run_finished"
    hint = "start another one"


class CheckUnknownError(NotFoundError):
    """There is no such check of a commit."""

    code = "check_unknown"


class GateUnknownError(InvalidError):
    """No gate policy guards this tag."""

    code = "gate_unknown"
    hint = "name one under tags: in gates.yaml"


class SuitesUnusableError(InvalidError):
    """The prompt has no usable suite."""

    code = "suites_unusable"
    hint = "see the findings of the last sync, or assay lint"


class JudgeUnknownError(NotFoundError):
    """There is no such judge, or no such trial of one."""

    code = "judge_unknown"


class LabelsMissingError(InvalidError):
    """There is nothing to measure the judge by."""

    code = "labels_missing"


class JudgeChangedError(ConflictError):
    """The judge's model is not the one that was declared."""

    code = "judge_changed"
    hint = "evaluate again"


class JudgeSilentError(UnavailableError):
    """The judge could not be asked."""

    code = "judge_silent"


class SelfJudgingError(InvalidError):
    """A model must not judge its own answers."""

    code = "self_judging"
    hint = "name another model, or say allow_self_judging: true in the suite"


class BeyondLimitsError(InvalidError):
    """The version asks the model for more than models.yaml allows."""

    code = "beyond_limits"
    hint = "ask for less in a new version, or raise limits in models.yaml"


class RunTooLargeError(InvalidError):
    """The suites ask for more answers than one run may have."""

    code = "run_too_large"
