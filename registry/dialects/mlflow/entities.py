"""Prompts as MLflow's registered models and model versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from registry.domain.dots import dotted
from registry.domain.standalone import NotStandaloneError, Standalone, standalone
from registry.models import Prompt, PromptVersion

_IS_PROMPT = {"mlflow.prompt.is_prompt": "true"}
#: Our parameters by MLflow's names; others keep theirs.
_MODEL_CONFIG = {"stop": "stop_sequences"}


def registered_model(prompt: Prompt, aliases: Mapping[str, int]) -> dict[str, Any]:
    """A prompt: `aliases` are its tags, and the version each points at."""
    created = _milliseconds(prompt.created_at)
    return {
        "name": dotted(prompt.name),
        "creation_timestamp": created,
        "last_updated_timestamp": created,
        "description": prompt.description,
        "latest_versions": [],
        "tags": _pairs({**_IS_PROMPT, "assay.name": prompt.name}),
        "aliases": [
            {"alias": alias, "version": str(number)} for alias, number in sorted(aliases.items())
        ],
    }


def model_version(version: PromptVersion, aliases: Mapping[str, int]) -> dict[str, Any]:
    """A version, its text for MLflow's own renderer. Raises NotStandaloneError."""
    published = _milliseconds(version.published_at)
    content = version.content
    tags = {
        **_IS_PROMPT,
        "_mlflow_prompt_type": content["type"],
        **_text(version),
        **_parameters(content["parameters"]),
        "assay.digest": version.digest,
        "assay.commit": version.commit,
    }
    return {
        "name": dotted(version.prompt.name),
        "version": str(version.number),
        "creation_timestamp": published,
        "last_updated_timestamp": published,
        "current_stage": "None",
        "description": content["description"],
        "source": "prompt-template",
        "run_id": "",
        "status": "READY",
        "tags": _pairs(tags),
        "run_link": "",
        "aliases": sorted(alias for alias, to in aliases.items() if to == version.number),
    }


def _text(version: PromptVersion) -> dict[str, str]:
    content = version.content
    try:
        made = standalone(content["type"], version.template, content["variables"])
    except NotStandaloneError as error:
        error.message = f"{version} cannot be rendered by MLflow: {error.message}"
        raise
    if content["type"] == "text":
        return {"mlflow.prompt.text": made.text}
    messages = [{"role": one.role, "content": one.content} for one in made.messages]
    return {"mlflow.prompt.text": json.dumps(messages), **_placeholders(made)}


def _placeholders(made: Standalone) -> dict[str, str]:
    """MLflow has no place for a conversation's earlier turns: the caller is told where they go."""
    if not made.placeholders:
        return {}
    places = [{"name": one.name, "after_messages": one.after} for one in made.placeholders]
    return {"assay.placeholders": json.dumps(places)}


def _parameters(parameters: Mapping[str, Any]) -> dict[str, str]:
    config = {
        _MODEL_CONFIG.get(name, name): value
        for name, value in parameters.items()
        if name != "response_format"
    }
    found = {"_mlflow_prompt_model_config": json.dumps(config)} if config else {}
    if "response_format" in parameters:
        found["_mlflow_prompt_response_format"] = json.dumps(parameters["response_format"])
    return found


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
