"""A pin of models.yaml as what is planned, and a plan of it as what is launched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import FileUnusableError, ModelMissingError, PlanUnclearError
from assay.plans.model import read

if TYPE_CHECKING:
    from registry.domain.model_pin import ModelPin
    from serving.launch import Launch
    from serving.planner.request import Settings

_FILE = "models.yaml"
#: Settings of a plan that a pin decides, and its key for them.
_DECIDED = {
    "tp": "tensor_parallel",
    "dtype": "dtype",
    "quantization": "quantization",
    "max_model_len": "max_context",
    "vllm_version": "engine_version",
}


def pin_of(path: Path, name: str | None) -> ModelPin:
    """The pin `name` of a models.yaml, given as a file or by its folder; None: the only one there.
    Raises FileUnusableError, ModelMissingError, PlanUnclearError and EngineNotVllmError.
    """
    from serving.launch import EngineNotVllmError

    pin = _named(path, name)
    if pin.engine.lower() not in {"", "vllm"}:
        raise EngineNotVllmError(f"{pin.name} runs on {pin.engine!r}, not on vLLM")
    return pin


def _named(path: Path, name: str | None) -> ModelPin:
    from registry.domain.model_pin import parse_models

    path = path / _FILE if path.is_dir() else path
    pins, findings = parse_models(str(path), read(path))
    mistakes = [finding for finding in findings if finding.severity == "error"]
    if name is None and len(pins) == 1 and not mistakes:
        [pin] = pins.values()
        return pin
    if name in pins:
        return pins[name]
    if mistakes:
        raise FileUnusableError(f"{mistakes[0]}", hint="`assay lint` shows what else is wrong")
    there = f"it has {', '.join(pins) or 'none'}"
    if name is None:
        raise PlanUnclearError(f"which model of {path}?", hint=f"--name; {there}")
    raise ModelMissingError(f"{path} has no model {name[:60]!r}", hint=there)


def decided(pin: ModelPin | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that somebody said something about: options that are not None, or the pin.

    A pin decides alone, also by its silence: what it does not say is a default of the engine, and
    another value is another model. Raises PlanUnclearError for an option that says otherwise.
    """
    found = {name: value for name, value in given.items() if value is not None}
    for name, key in _DECIDED.items() if pin else ():
        pinned = getattr(pin, key)
        if name in found and _plain(found[name]) != _plain(pinned):
            said = f"says {key}: {pinned}" if pinned else f"says nothing of {key}"
            raise PlanUnclearError(
                f"--{name.replace('_', '-')} is {found[name]}, and the pin {said}",
                hint=f"leave the option out, or write {key} into a pin: it is another model then",
            )
        if pinned:
            found[name] = pinned
    return found


def _plain(value: object) -> str:
    return str(value).removeprefix("v")


def launch_of(pin: ModelPin, settings: Settings, *, model: str, release: str | None) -> Launch:
    """The pin, launched as it was planned: nothing the plan counted on is left to a default.

    `model` is what vLLM loads. The release is by default the pin's name and the beginning of its
    digest: another pin of that name answers as another one.
    """
    from serving.launch import Launch

    return Launch(
        model=model,
        served_name=pin.served_id,
        revision=pin.revision,
        tokenizer_revision=pin.tokenizer_revision,
        engine=pin.engine,
        engine_version=pin.engine_version,
        dtype=settings.dtype,
        quantization=pin.quantization,
        kv_dtype="" if settings.kv_dtype == "auto" else settings.kv_dtype,
        max_context=settings.max_model_len,
        tensor_parallel=settings.tp,
        pipeline_parallel=settings.pp,
        max_sequences=settings.max_num_seqs,
        max_batched_tokens=settings.max_num_batched_tokens,
        gpu_memory_utilization=settings.utilization,
        release=f"{pin.name}-{pin.digest[:12]}" if release is None else release,
    )


def object_name(pin: ModelPin) -> str:
    """The pin's name as Kubernetes takes names: `llama-3-1-8b`."""
    return re.sub("[._-]+", "-", pin.name).strip("-")
