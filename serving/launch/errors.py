"""Why a model version cannot be launched, one class per case."""

from __future__ import annotations

from core.errors import InvalidError


class LaunchError(InvalidError):
    """This model version cannot be launched."""

    code = "launch_invalid"


class RevisionNotPinnedError(LaunchError):
    """The weights are not named by a commit, so another model could be served tomorrow."""

    code = "launch_revision_not_pinned"
    hint = "write the 40-digit commit of the model's repository into models.yaml"


class EngineNotVllmError(LaunchError):
    """Only vLLM is launched; other engines are used where they already run."""

    code = "launch_engine_not_vllm"


class EngineNotPinnedError(LaunchError):
    """The vLLM version is not given, and flags, defaults and answers differ between versions."""

    code = "launch_engine_not_pinned"
    hint = "write engine_version into models.yaml"


class EngineTooOldError(LaunchError):
    """This vLLM version lacks a flag that is needed."""

    code = "launch_engine_too_old"


class MachinesUnevenError(LaunchError):
    """These GPUs cannot be shared out evenly over the machines."""

    code = "launch_machines_uneven"
