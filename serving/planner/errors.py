"""What a plan cannot be made from, one class per case."""

from __future__ import annotations

from core.errors import InvalidError, NotFoundError, RefusedError


class ModelConfigInvalidError(InvalidError):
    """The model's config.json cannot be read as one."""

    code = "model_config_invalid"
    hint = "give the config.json as published beside the weights"


class ModelNotPlannableError(RefusedError):
    """The planner does not know how this kind of model uses memory."""

    code = "model_not_plannable"


class UnknownModelError(NotFoundError):
    """The model is not in the planner's catalogue."""

    code = "unknown_model"
    hint = "give the path of its config.json instead"


class UnknownGpuError(NotFoundError):
    """The GPU is not in the planner's catalogue."""

    code = "unknown_gpu"


class PlanRequestInvalidError(InvalidError):
    """The plan that is asked for is not a possible one."""

    code = "plan_request_invalid"


class EngineVersionUnknownError(InvalidError):
    """The planner has no constants for this vLLM version."""

    code = "engine_version_unknown"
