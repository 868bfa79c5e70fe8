"""What a model server says about itself: ids, context, version, limits, and what it offers.

Everything is asked for and nothing is taken for granted. What is only vLLM's (`/version`,
`/metrics`, `/tokenize`) or llama.cpp's (`/props`) is used where it answers; a server without it is
nothing unusual. All questions together cost a few milliseconds, and no seat of a chat.

Shapes: vLLM's `max_model_len` and llama.cpp's `meta.n_ctx` in the items of `/v1/models`, vLLM's
`{"version": …}`, llama.cpp's `total_slots` and `build_info` in `/props`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from core.errors import AssayError
from serving.client import ModelClient
from serving.load import EngineLoad, engine_load

TIMEOUT_SECONDS = 5.0
#: A list of models is no novel: more of them are not kept.
_MOST_MODELS = 200
_MOST_CHARS = 200
_ENGINES = {"vllm": "vllm", "llamacpp": "llama.cpp"}


@dataclass(frozen=True, slots=True)
class Served:
    """What one server answered. Empty, 0 and None: it does not say.

    `is_reachable`: some question was answered, even by a refusal; `is_healthy`: it says that it is
    ready. `max_context` (tokens) and `quantization` are of the id that was asked for. `slots` is
    how many requests it works on at once, `extras` are the paths beyond the OpenAI API, `load` is
    how busy it was just then.
    """

    is_reachable: bool
    is_healthy: bool = False
    error: str = ""
    ids: tuple[str, ...] = ()
    engine: str = ""
    version: str = ""
    max_context: int = 0
    quantization: str = ""
    slots: int = 0
    extras: tuple[str, ...] = ()
    load: EngineLoad | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object with every field."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        load = value.get("load")
        read = {
            "ids": tuple(value["ids"]),
            "extras": tuple(value["extras"]),
            "load": EngineLoad.from_json(load) if load else None,
        }
        return cls(**{**value, **read})


@dataclass(slots=True)
class _Answers:
    """What came back, and how the first question failed."""

    pages: dict[str, Any] = field(default_factory=dict)
    has_metrics: bool = False
    load: EngineLoad | None = None
    tokenizes: bool = False
    refused: bool = False
    error: str = ""


async def ask(client: ModelClient) -> Served:
    """Ask for everything at once, for at most five seconds. Never raises for what a server does."""
    answers = _Answers()
    asking = [
        *(_page(client, path, answers) for path in ("/v1/models", "/version", "/props")),
        _metrics(client, answers),
        _tokenize(client, answers),
    ]
    healthy, *_ = await asyncio.gather(client.healthy(), *map(_in_time, asking))
    return _read(answers, client.endpoint.served_id, is_healthy=bool(healthy))


async def _in_time(asking: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await asking
    except TimeoutError:
        return


async def _page(client: ModelClient, path: str, answers: _Answers) -> None:
    try:
        answers.pages[path] = _json(await client.page(path))
    except AssayError as error:
        _note(error, answers, path)


async def _metrics(client: ModelClient, answers: _Answers) -> None:
    try:
        page = await client.page("/metrics")
        answers.has_metrics = b"# TYPE" in page
        answers.load = engine_load(page.decode(errors="replace"))
    except AssayError as error:
        _note(error, answers, "/metrics")


async def _tokenize(client: ModelClient, answers: _Answers) -> None:
    try:
        answers.tokenizes = await client.tokenizes()
    except AssayError as error:
        _note(error, answers, "/tokenize")


def _note(error: AssayError, answers: _Answers, path: str) -> None:
    """A refusal is an answer; what the list of models says is the error that is told."""
    answers.refused |= getattr(error, "status", None) is not None
    if path == "/v1/models":
        answers.error = error.message


def _json(body: bytes) -> Any:
    """None for what is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _read(answers: _Answers, served_id: str, *, is_healthy: bool) -> Served:
    models = _models(answers.pages.get("/v1/models"))
    mine = next((model for model in models if model.get("id") == served_id), {})
    props = _object(answers.pages.get("/props"))
    version = _text(_object(answers.pages.get("/version")).get("version"))
    meta = _object(mine.get("meta"))
    found = {
        "/health": is_healthy,
        "/metrics": answers.has_metrics,
        "/tokenize": answers.tokenizes,
        "/version": bool(version),
        "/props": bool(props),
    }
    is_reachable = is_healthy or answers.refused or bool(answers.pages)
    return Served(
        is_reachable=is_reachable,
        is_healthy=is_healthy,
        error="" if models else answers.error or ("" if is_reachable else "it does not answer"),
        ids=tuple(_text(model.get("id")) for model in models),
        engine=_ENGINES.get(_text(mine.get("owned_by")), ""),
        version=version or _text(props.get("build_info")),
        max_context=_count(mine.get("max_model_len")) or _count(meta.get("n_ctx")),
        quantization=_text(meta.get("ftype")),
        slots=_count(props.get("total_slots")),
        extras=tuple(path for path, is_there in found.items() if is_there),
        load=answers.load,
    )


def _models(page: Any) -> list[Mapping[str, Any]]:
    models = _object(page).get("data")
    return [_object(model) for model in models[:_MOST_MODELS]] if isinstance(models, list) else []


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    """Short, printable, and nothing that a database cannot hold."""
    if not isinstance(value, str):
        return ""
    kept = "".join(mark for mark in value[:_MOST_CHARS] if mark.isprintable())
    return kept.encode(errors="replace").decode()


def _count(value: Any) -> int:
    return value if type(value) is int and 0 < value < 2**31 else 0
