"""Answers each line of stdin, a list of steps for MLflow's own client, by what became of them."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException


def shown(prompt: Any, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": prompt.name,
        "version": prompt.version,
        "template": prompt.template,
        "aliases": sorted(prompt.aliases),
        "commit_message": prompt.commit_message,
        "model_config": prompt.model_config,
        "tags": prompt.tags,
        "text": prompt.format(**values) if values else None,
    }


def load(step: dict[str, Any]) -> Any:
    options = {k: step[k] for k in ("version", "allow_missing", "cache_ttl_seconds") if k in step}
    prompt = mlflow.genai.load_prompt(step["load"], **options)
    return None if prompt is None else shown(prompt, step.get("values", {}))


def search(step: dict[str, Any]) -> Any:
    found = mlflow.genai.search_prompts(**step["search"])
    return [[prompt.name, prompt.description] for prompt in found]


def write(step: dict[str, Any]) -> Any:
    getattr(mlflow.genai, step["write"])(**step["with"])


def done(step: dict[str, Any]) -> Any:
    run = load if "load" in step else search if "search" in step else write
    try:
        return run(step)
    except MlflowException as error:
        return {"error": error.error_code, "message": error.message}
    except Exception as error:  # noqa: BLE001 - what a renderer raises is the answer here
        return {"error": type(error).__name__, "message": str(error)}


class Kept(logging.Handler):
    """Collects what the client warns about."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


kept = Kept()
logging.getLogger("mlflow").addHandler(kept)
for line in sys.stdin:
    given = json.loads(line)
    os.environ["MLFLOW_TRACKING_TOKEN"] = given["token"]
    kept.lines.clear()
    answers = [done(step) for step in given["steps"]]
    for thread in threading.enumerate():
        if thread.name.startswith("link_prompt"):
            thread.join(30)
    print(json.dumps({"answers": answers, "warnings": kept.lines}), flush=True)
