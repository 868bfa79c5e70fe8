"""Does a server serve what a pin says? In sentences, from what the server says about itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from registry.domain.model_pin import ModelPin
from serving.served import Served

_RELEASE = re.compile(r"v?(\d+(?:\.\d+)+)")
#: What llama.cpp calls its files in one word; longer names are written in many ways.
_GGUF = re.compile(r"(?:Q\d_\d|F16|BF16|F32)", re.IGNORECASE)
_ENGINES = frozenset({"vllm", "llama.cpp"})
_TOLD_IDS = 5


def differences(pin: ModelPin, served: Served) -> tuple[str, ...]:
    """What the server says otherwise than the pin; nothing where one of both is silent."""
    return tuple(_differences(pin, served))


def _differences(pin: ModelPin, served: Served) -> Iterator[str]:
    if served.ids and pin.served_id not in served.ids:
        shown = ", ".join(served.ids[:_TOLD_IDS])
        more = len(served.ids) - _TOLD_IDS
        and_more = f" and {more} more" if more > 0 else ""
        yield f"{pin.name} is pinned as {pin.served_id!r}, and the server has {shown}{and_more}"
    if served.engine and pin.engine.lower() in _ENGINES - {served.engine}:
        yield f"{pin.name} is pinned on {pin.engine}, and {served.engine} answers"
    elif _is_other_release(pin.engine_version, served.version):
        yield (
            f"{pin.name} is pinned on {pin.engine or 'version'} {pin.engine_version}, and "
            f"{served.version} answers"
        )
    if served.max_context and pin.max_context and served.max_context != pin.max_context:
        yield (
            f"{pin.name} is pinned with a context of {pin.max_context} tokens, and the server has "
            f"{served.max_context}"
        )
    pinned, found = pin.quantization, served.quantization
    if _GGUF.fullmatch(pinned) and _GGUF.fullmatch(found) and pinned.upper() != found.upper():
        yield f"{pin.name} is pinned with the quantization {pinned}, and the server has {found}"


def _is_other_release(pinned: str, served: str) -> bool:
    """Compared as far as both go: `v0.32` is `0.32.0+cpu`. What is no release says nothing."""
    one, other = _RELEASE.fullmatch(pinned.strip()), _RELEASE.match(served.strip())
    if one is None or other is None:
        return False
    first, second = one[1].split("."), other[1].split(".")
    length = min(len(first), len(second))
    return first[:length] != second[:length]
