"""Prompts as MLflow's registered models and model versions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from registry.domain.dots import dotted
from registry.domain.standalone import NotStandaloneError, Standalone, standalone
from registry.lookup import Entry, Text, said

_IS_PROMPT = {"mlflow.prompt.is_prompt": "true"}
#: Our parameters by MLflow's names; others keep theirs.
_MODEL_CONFIG = {"stop": "stop_sequences"}


def registered_model(entry: Entry) -> dict[str, Any]:
    """A prompt: its aliases are its tags, and the version each points at."""
    created = _milliseconds(entry.created_at)
    return {
        "name": dotted(entry.name),
        "creation_timestamp": created,
        "last_updated_timestamp": created,
        "description": entry.description,
        "latest_versions": [],
        "tags": _pairs({**_IS_PROMPT, "assay.name": entry.name}),
        "aliases": [
            {"alias": alias, "version": str(pointer.version)}
            for alias, pointer in sorted(entry.pointers.items())
        ],
    }


def model_version(entry: Entry, text: Text) -> dict[str, Any]:
    """A version, its text for MLflow's own renderer. Raises NotStandaloneError."""
    published = _milliseconds(text.published_at)
    content = said(text)
    tags = {
        **_IS_PROMPT,
        "_mlflow_prompt_type": content["type"],
        **_text(f"{entry.name}@v{text.number}", content),
        **_parameters(content["parameters"]),
        "assay.digest": text.digest,
        "assay.commit": text.commit,
    }
    return {
        "name": dotted(entry.name),
        "version": str(text.number),
        "creation_timestamp": published,
        "last_updated_timestamp": published,
        "current_stage": "None",
        "description": text.description,
        "source": "prompt-template",
        "run_id": "",
        "status": "READY",
        "tags": _pairs(tags),
        "run_link": "",
        "aliases": sorted(
            alias for alias, to in entry.pointers.items() if to.version == text.number
        ),
    }


def searched(found: Sequence[Entry], limit: int) -> dict[str, Any]:
    """A page of a search; one more than `limit` says that there is a next one."""
    shown = found[:limit]
    token = {"next_page_token": shown[-1].name} if found[limit:] else {}
    return {"registered_models": [registered_model(one) for one in shown], **token}


def _text(version: str, content: Mapping[str, Any]) -> dict[str, str]:
    try:
        made = standalone(content["type"], content["template"], content["variables"])
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


def _milliseconds(moment: float) -> int:
    return int(moment * 1000)
