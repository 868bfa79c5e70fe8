"""A model version: exactly which weights are served, how, and where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from core.digest import digest
from core.findings import Finding
from registry.domain.fields import Fields
from registry.domain.names import is_name
from registry.domain.parameters import MAX_STOPS
from registry.domain.source import Source

IDENTITY = (
    "name served_id revision tokenizer_revision engine engine_version dtype quantization "
    "max_context tensor_parallel"
).split()
_KEYS = (
    *IDENTITY[1:],
    "base_url",
    "base_url_env",
    "concurrency",
    "limits",
    "price",
    "timeout_seconds",
)
_URL_VARIABLE = re.compile(r"ASSAY_MODEL_[A-Z0-9_]+_URL")
#: Names that point somewhere else tomorrow.
_MOVING = frozenset({"main", "master", "head", "latest", "trunk", "default"})


@dataclass(frozen=True)
class ModelPin:
    """What a certificate says it was measured on. Prices are USD per million tokens."""

    name: str
    served_id: str
    revision: str = ""
    tokenizer_revision: str = ""
    engine: str = ""
    engine_version: str = ""
    dtype: str = ""
    quantization: str = ""
    #: Tokens; 0 when the file does not say.
    max_context: int = 0
    tensor_parallel: int = 1
    base_url: str = ""
    base_url_env: str = ""
    concurrency: int = 4
    price_prompt: float = 0.0
    price_completion: float = 0.0
    timeout_seconds: float = 120.0
    #: The most a prompt may ask for: answer tokens, temperature, top_p, stop sequences. None, and 0
    #: tokens: no limit.
    limit_max_tokens: int = 0
    limit_temperature: float | None = None
    limit_top_p: float | None = None
    limit_stop: int | None = None

    @property
    def digest(self) -> str:
        """Identity: changes when other weights or another engine could answer, not with price."""
        return digest({key: getattr(self, key) for key in IDENTITY})

    @property
    def pinned(self) -> bool:
        """Whether weights and tokenizer are named by revisions that do not move."""
        moves = {self.revision.lower(), self.tokenizer_revision.lower()} & _MOVING
        return bool(self.revision) and not moves

    def beyond_limits(self, parameters: Mapping[str, Any]) -> dict[str, str]:
        """The parameters of a version that ask for more than the limits or the context allow, each
        with a sentence.
        """
        limits = {
            "max_tokens": self.limit_max_tokens or None,
            "temperature": self.limit_temperature,
            "top_p": self.limit_top_p,
            "stop": self.limit_stop,
        }
        asked = {**parameters, "stop": len(parameters.get("stop", ()))}
        beyond = {
            key: f"{key} {_is(key, asked[key])}, and {self.name} allows {limit:g} at most"
            for key, limit in limits.items()
            if limit is not None and asked.get(key, 0) > limit
        }
        if 0 < self.max_context <= asked.get("max_tokens", 0):
            room = f"the context of {self.name}, {self.max_context} tokens, holds the prompt too"
            beyond.setdefault("max_tokens", f"max_tokens is {asked['max_tokens']}, and {room}")
        return beyond

    def to_json(self) -> dict[str, Any]:
        """A JSON object with every field."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ModelPin:
        """What `to_json` wrote."""
        return cls(**value)


def _is(key: str, value: float) -> str:
    return f"has {value:g} sequences" if key == "stop" else f"is {value:g}"


def parse_models(path: str, data: bytes) -> tuple[dict[str, ModelPin], tuple[Finding, ...]]:
    """models.yaml. A model with a mistake is left out; the others are still there."""
    source = Source(path)
    text = source.decode(data)
    if text is None or not source.load(text):
        return {}, tuple(source.findings)
    top = Fields(source, (), source.document.value, ("models",))
    models = top.mapping("models", None)
    found: dict[str, ModelPin] = {}
    for name in models.values:
        before = len(source.findings)
        pin = _pin(models, name)
        if not any(finding.severity == "error" for finding in source.findings[before:]):
            found[name] = pin
    return found, tuple(source.findings)


def _pin(models: Fields, name: str) -> ModelPin:
    if not is_name(name):
        at = (*models.at, name)
        models.source.report_key(at, "bad_name", f"{name[:60]!r} is not a valid name.")
    fields = models.mapping(name, _KEYS)
    price = fields.mapping("price", ("prompt", "completion"))
    limits = fields.mapping("limits", ("max_tokens", "temperature", "top_p", "stop"))
    pin = ModelPin(
        name=name,
        served_id=fields.text("served_id", is_required=True),
        revision=fields.text("revision"),
        tokenizer_revision=fields.text("tokenizer_revision"),
        engine=fields.text("engine"),
        engine_version=fields.text("engine_version"),
        dtype=fields.text("dtype"),
        quantization=fields.text("quantization"),
        max_context=fields.integer("max_context", 0, 1, 100_000_000),
        tensor_parallel=fields.integer("tensor_parallel", 1, 1, 4096),
        base_url=fields.text("base_url"),
        base_url_env=fields.text("base_url_env"),
        concurrency=fields.integer("concurrency", 4, 1, 4096),
        price_prompt=price.number("prompt", 0.0, 0, 1_000_000),
        price_completion=price.number("completion", 0.0, 0, 1_000_000),
        timeout_seconds=fields.number("timeout_seconds", 120.0, 1, 86_400),
        limit_max_tokens=limits.integer("max_tokens", 0, 1, 1_000_000),
        limit_temperature=(
            limits.number("temperature", 0.0, 0, 2) if "temperature" in limits else None
        ),
        limit_top_p=limits.number("top_p", 1.0, 0.0001, 1) if "top_p" in limits else None,
        limit_stop=limits.integer("stop", 0, 0, MAX_STOPS) if "stop" in limits else None,
    )
    _check_address(fields, pin)
    _check_revision(fields, pin)
    return pin


def _check_address(fields: Fields, pin: ModelPin) -> None:
    if pin.base_url and pin.base_url_env:
        fields.wrong("base_url", "bad_value", "Give `base_url` or `base_url_env`, not both.")
    if pin.base_url and not _is_http_url(pin.base_url):
        message = "`base_url` must be http(s)://host[:port][/path], without user or query."
        fields.wrong("base_url", "bad_value", message)
    if pin.base_url_env and not _URL_VARIABLE.fullmatch(pin.base_url_env):
        # A free choice would let a repository read any variable of the server.
        message = "`base_url_env` must look like ASSAY_MODEL_<NAME>_URL."
        fields.wrong("base_url_env", "bad_value", message)


def _check_revision(fields: Fields, pin: ModelPin) -> None:
    if not fields.values.get("revision"):
        message = f"The model {pin.name[:60]!r} has no `revision`; it is not pinned."
        hint = "certificates need one unless the gate allows unpinned models"
        fields.source.report_key(
            fields.at, "unpinned_model", message, severity="warning", hint=hint
        )
    for key, revision in (
        ("revision", pin.revision),
        ("tokenizer_revision", pin.tokenizer_revision),
    ):
        if revision.lower() in _MOVING:
            message = f"The {key} {revision!r} moves; use a commit or content hash."
            where = (*fields.at, key)
            fields.source.report(where, "moving_revision", message, severity="warning")


def _is_http_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        has_host = bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        return False
    is_plain = not (url.username or url.password or url.query or url.fragment)
    return url.scheme in {"http", "https"} and has_host and is_plain and text.isprintable()
