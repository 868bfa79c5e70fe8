"""promptfoo's providers as entries of models.yaml. Keys and secrets are never copied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evals.importers.interpolation import has_template
from evals.importers.model_entries import UNPINNED, entry, entry_problem
from evals.importers.nodes import Node, as_number

#: Providers that answer the chat completions of OpenAI. The model follows the last word given here.
_COMPATIBLE = frozenset(
    "openai openrouter togetherai together groq deepseek mistral fireworks cerebras xai litellm "
    "localai ollama vllm perplexity hyperbolic nscale lambdalabs llamafile lmstudio".split()
)
_CALLS = frozenset({"chat", "completion", "responses", "embedding", "embeddings"})
#: Words after which no text model follows.
_OTHER = frozenset(
    {"assistant", "realtime", "image", "moderation", "transcription", "video", "agents"}
)
_SAMPLING = frozenset(
    "temperature top_p max_tokens max_completion_tokens stop seed response_format".split()
)
_SECRETS = frozenset({"apiKey", "apiKeyEnvar", "headers", "organization"})
_NO_ENDPOINT = "its endpoint does not speak OpenAI's chat completions"
_PROGRAM = "it is a program, and programs of a source are never run"


@dataclass(frozen=True)
class Provider:
    """A model with its sampling parameters, or the reason why there is none."""

    node: Node
    label: str
    name: str = ""
    entry: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    differences: tuple[str, ...] = ()
    problem: str = ""
    #: What is done to its outputs before a test sees them; None when nothing is.
    transform: Node | None = None


def read_provider(node: Node) -> Provider:
    """One provider: a string, `{id, config}` or `{"openai:x": {…}}`."""
    value = node.value
    if isinstance(value, str):
        return _provider(node, value, Node({}, node.file, node.at, node.lines))
    if not isinstance(value, dict) or not value:
        return Provider(node, str(value), problem="this is not a provider")
    if isinstance(value.get("id"), str):
        return _provider(node, value["id"], node)
    if len(value) == 1:
        name, inner = next(node.entries())
        if isinstance(inner.value, dict):
            identity = inner.text("id") or name
            return _provider(node, identity, inner)
    return Provider(node, str(value), problem="it has no `id`")


def served_model(identity: str) -> tuple[str, str]:
    """(model, "") of a provider's id, or ("", the reason why it cannot be asked)."""
    if identity.startswith(("file://", "exec:", "python:", "package:")) or identity.endswith(
        (".py", ".js", ".ts", ".mjs", ".rb", ".go")
    ):
        return "", _PROGRAM
    if has_template(identity):
        return "", "its name is a template"
    vendor, *rest = identity.split(":")
    if identity == "echo":
        return "", "it repeats the prompt; Assay asks real models"
    if vendor not in _COMPATIBLE or (rest and rest[0] in _OTHER):
        return "", _NO_ENDPOINT
    model = ":".join(rest[1:] if rest and rest[0] in _CALLS else rest)
    if not model or "/" in vendor:
        return "", "it names no model"
    return model, ""


def _provider(node: Node, identity: str, settings: Node) -> Provider:
    label = settings.text("label") or identity
    model, problem = served_model(identity)
    if problem:
        return Provider(node, label, problem=problem)
    config = settings.value.get("config") if isinstance(settings.value, dict) else None
    given: dict[str, Any] = config if isinstance(config, dict) else {}
    base_url = given.get("apiBaseUrl")
    name, body = entry(
        model,
        base_url=base_url if isinstance(base_url, str) and not has_template(base_url) else None,
        price=_price(given),
    )
    differences = [UNPINNED]
    if ":completion:" in identity or ":responses:" in identity:
        differences.append("Assay asks through chat completions")
    if problem := entry_problem(name, body):
        if "base_url" in body:
            name, body = entry(model)
            differences.append(f"its address is not taken over: {problem}")
        if problem := entry_problem(name, body):
            return Provider(node, label, problem=problem)
    transform = settings.get("transform")
    return Provider(
        node, label, name, body, _sampling(given), tuple(differences), transform=transform
    )


def _sampling(given: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: given[key] for key in given if key in _SAMPLING}
    if "max_completion_tokens" in found:
        found["max_tokens"] = found.pop("max_completion_tokens")
    return found


def _price(given: Mapping[str, Any]) -> dict[str, float] | None:
    """USD per million tokens, from USD per token."""
    both = as_number(given.get("cost"))
    prices = {
        "prompt": as_number(given.get("inputCost", both)),
        "completion": as_number(given.get("outputCost", both)),
    }
    found = {key: round(cost * 1e6, 6) for key, cost in prices.items() if cost is not None}
    return found or None


def settings_left(provider: Node) -> list[tuple[Node, str, str]]:
    """(place, key, why) of every setting of a provider that no models.yaml holds."""
    value = provider.value
    if not isinstance(value, dict):
        return []
    inner = (
        provider if "id" in value else next((child for _, child in provider.entries()), provider)
    )
    left = [
        (child, key, "a run in Assay has no such setting")
        for key, child in inner.entries()
        if key not in {"id", "label", "config", "transform"}
    ]
    config = inner.get("config")
    for key, child in config.entries() if config is not None else ():
        if key in _SECRETS:
            left.append((child, key, "secrets are never copied; see ASSAY_MODEL_…_KEY"))
        elif key not in _SAMPLING | {"apiBaseUrl", "cost", "inputCost", "outputCost"}:
            left.append((child, key, "neither models.yaml nor a prompt has such a setting"))
        elif key == "apiBaseUrl" and not isinstance(child.value, str):
            left.append((child, key, "it is not an address"))
        elif key == "apiBaseUrl" and has_template(child.value):
            left.append((child, key, "it is a template; set the model's address variable"))
    return left
