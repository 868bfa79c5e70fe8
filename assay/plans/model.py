"""Which model is planned, and which weights are loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import FileUnusableError, PlanUnclearError
from assay.plans.options import INDEX

if TYPE_CHECKING:
    from registry.domain.model_pin import ModelPin
    from serving.planner.architecture import Architecture

_LARGEST_FILE_BYTES = 64_000_000


def name_of(model: str | None, pin: ModelPin | None) -> str:
    """What `architecture_of` is to look for. Raises PlanUnclearError."""
    from serving.planner import catalogue

    if model is not None:
        return model
    if pin is None:
        raise PlanUnclearError("which model?", hint="--model, or --from models.yaml")
    if pin.served_id.lower() not in map(str.lower, catalogue.names()):
        raise PlanUnclearError(
            f"the planner does not know what {pin.served_id[:60]!r} is",
            hint="--model, with its name on the hub or the path of its config.json",
        )
    return pin.served_id


def architecture_of(wanted: str) -> tuple[Architecture, int | None]:
    """The architecture by name or path; the bytes of the safetensors index, where there is one."""
    from serving.planner import catalogue
    from serving.planner.config import parse_config
    from serving.planner.weights import total_size

    path = Path(wanted)
    if path.suffix != ".json" and not path.is_dir():
        return catalogue.find(wanted).architecture, None
    if path.is_dir():
        path /= "config.json"
    index = path.with_name(INDEX)
    architecture = parse_config(read(path), name=path.parent.name or wanted)
    return architecture, total_size(read(index)) if index.is_file() else None


def read(path: Path) -> bytes:
    """The file. Raises FileUnusableError."""
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise FileUnusableError(f"{path} cannot be read: {error.strerror}") from error
    if len(text) > _LARGEST_FILE_BYTES:
        raise FileUnusableError(f"{path} is larger than {_LARGEST_FILE_BYTES:,} bytes")
    return text


def weights_of(weights: str | None, wanted: str, pin: ModelPin) -> str:
    """What vLLM loads: a hub id, or the path of a folder on its machine. Raises PlanUnclearError.

    `wanted` is what `architecture_of` was asked for; a config.json does not say where it is from.
    """
    from serving.planner import catalogue

    if weights is not None:
        return weights
    known = {name.lower(): name for name in catalogue.names()}
    if wanted.lower() in known:
        return known[wanted.lower()]
    raise PlanUnclearError(
        f"nothing says what vLLM is to load for {pin.name}",
        hint="--weights OWNER/NAME of the hub at the pin's revision, or --weights /FOLDER",
    )
