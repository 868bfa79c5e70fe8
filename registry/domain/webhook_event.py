"""What a Git host tells, as far as it matters: a webhook is a wake-up, the truth is fetched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs


class Wake(StrEnum):
    """What a webhook is good for."""

    SYNC = "sync"
    PING = "ping"
    NOTHING = "nothing"


_PUSHES = frozenset({"push", "Push Hook"})
_PINGS = frozenset({"ping"})


def wake_of(event: str, body: bytes, content_type: str, branch: str) -> Wake:
    """What to do about an event (`push`, `Push Hook`; empty: a plain hook) on the followed branch.

    A push whose branch cannot be read counts: asking once more costs little, missing it a minute.
    """
    if event in _PINGS:
        return Wake.PING
    if event and event not in _PUSHES:
        return Wake.NOTHING
    ref = _ref(body, content_type)
    return Wake.SYNC if ref in (None, f"refs/heads/{branch}", branch) else Wake.NOTHING


def _ref(body: bytes, content_type: str) -> str | None:
    value = _payload(body, content_type)
    ref = value.get("ref") if isinstance(value, Mapping) else None
    return ref if isinstance(ref, str) else None


def _payload(body: bytes, content_type: str) -> Any:
    """The JSON, also of GitHub's older form: `payload=` in a form."""
    try:
        text = body.decode("utf-8")
        if content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
            text = parse_qs(text, max_num_fields=10).get("payload", [""])[0]
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
