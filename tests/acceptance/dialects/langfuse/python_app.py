"""An application with the Langfuse SDK for Python: settings from the environment, as anybody's."""

from __future__ import annotations

import json
import logging
import sys
from importlib.metadata import version
from typing import Any

from langfuse import Langfuse

logged: list[str] = []


class _Keep(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        logged.append(f"{record.name} {record.levelname}: {record.getMessage()}")


logging.getLogger().addHandler(_Keep(logging.WARNING))
client = Langfuse()
answers: dict[str, object] = {}
QUICK: Any = {"cache_ttl_seconds": 0, "max_retries": 0}


def prompt(name: str, **asked: object) -> dict[str, object]:
    got = client.get_prompt(name, **QUICK, **asked)  # type: ignore[call-overload]
    return {
        "version": got.version,
        "compiled": got.compile(name="Ann"),
        "labels": got.labels,
        "config": got.config,
        "fallback": got.is_fallback,
    }


def error(call: object, *given: object, **named: object) -> str:
    try:
        call(*given, **named)  # type: ignore[operator]
    except Exception as failure:  # noqa: BLE001 - whatever the SDK makes of it
        return f"{type(failure).__name__} {failure}"
    return "no error"


answers["auth"] = client.auth_check()
answers["health"] = client.api.health.health().status
WELCOME = "team/welcome"
for label in (None, "production", "canary", "latest", "production@29", "stable@30"):
    answers[f"label {label}"] = prompt(WELCOME, **({"label": label} if label else {}))
answers["version"] = prompt(WELCOME, version=2)
answers["raw"] = client.api.prompts.get(WELCOME, resolve=False).prompt
chat = client.get_prompt("support/chat", type="chat", **QUICK)
turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
answers["chat"] = chat.compile(company="ACME", question="Why?", history=turns)
answers["shape"] = prompt("shape")["compiled"]
listed = client.api.prompts.list(limit=2, page=2)
answers["list"] = [[one.name for one in listed.data], listed.meta.total_items]
starts = {"type": "string", "column": "name", "operator": "starts with", "value": "team/"}
if not version("langfuse").startswith("4."):  # which knows no filter
    answers["filtered"] = [
        (one.name, one.versions, one.labels)
        for one in client.api.prompts.list(filter=json.dumps([starts])).data
    ]
answers["by label"] = [one.versions for one in client.api.prompts.list(label="canary").data]
quick = logging.getLogger("langfuse")
quick.disabled = True  # what follows is meant to fail
for name in ("listing", "latex", "greeting", "nobody"):
    answers[f"refused {name}"] = error(client.get_prompt, name, **QUICK)
answers["no label"] = error(client.get_prompt, WELCOME, label="blue", **QUICK)
answers["fallback"] = prompt("nobody", fallback="Hi {{name}}")
answers["create"] = error(client.create_prompt, name="mine", prompt="Hi", labels=["production"])
answers["update"] = error(client.update_prompt, name=WELCOME, version=2, new_labels=["production"])
answers["delete"] = error(client.api.prompts.delete, WELCOME)
quick.disabled = False
logged.clear()
arm = client.get_prompt(WELCOME, label="canary", **QUICK)
with client.start_as_current_observation(as_type="generation", name="answer", prompt=arm) as span:
    span.update(output="fine", model="tiny")
    span.score(name="helpful", value=1.0, data_type="BOOLEAN")
    span.score_trace(name="said", value="thanks", data_type="CATEGORICAL")
client.flush()
client.shutdown()
answers["logged"] = logged
sys.stdout.write("\n" + json.dumps(answers) + "\n")
