"""A prompt as Langfuse's clients read it: the same bytes from the snapshot and from the database.

Field by field what the SDKs accept: integers for versions, objects for `config`, lists for `labels`
and `tags`, text for a message's content; anything else is a validation error in somebody's process.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from registry.dialects.langfuse.wanted import CANARY, LATEST, PRODUCTION, STABLE, Wanted
from registry.domain.plain import Parts, Placeholder, Plain, Slot, Turn, plain
from registry.lookup import Choice, Entry, Face, Pointer, Text, choose, said

_ARMS = frozenset({STABLE, CANARY})


def choice(entry: Entry, want: Wanted) -> Choice | None:
    """The pointer that answers; None when it is no pointer that does, or there is none."""
    if want.number is not None or want.tag == LATEST:
        return None
    canary = entry.pointers.get(CANARY)
    is_drawn = canary is not None and (want.bucket or 0) < (canary.weight or 0)
    if canary is not None and want.bucket is not None and is_drawn and STABLE in entry.pointers:
        return Choice(canary, is_own=False)
    return choose(entry.name, entry.pointers, want.tag, "")


def number(entry: Entry, want: Wanted, chosen: Choice | None) -> int | None:
    """The version that answers; None when there is none."""
    if want.number is not None:
        return want.number
    if want.tag == LATEST:
        return entry.newest or None
    return chosen.pointer.version if chosen else None


def face(entry: Entry, text: Text, chosen: Choice | None, *, bare: bool) -> Face:
    """The encoded answer. `bare`: without Assay's own word in `config`.

    Raises PlainTextError when clients without Jinja2 cannot fill the version in.
    """
    content = said(text)
    made = plain(content["type"], content["template"], content["variables"], {})
    config = model_config(content["parameters"], chosen.pointer if chosen else None)
    if chosen is not None and not bare:
        config["assay"] = _word(chosen)
    body = encoded(
        {
            "name": entry.name,
            "version": text.number,
            "type": made.type,
            "prompt": prompt(made),
            "config": config,
            "labels": labels(entry, text.number),
            "tags": [],
            "commitMessage": None,
            "resolutionGraph": None,
        }
    )
    return Face((body, b""), f'"{sha256(body).hexdigest()[:16]}"', text)


def prompt(made: Plain) -> str | list[dict[str, str]]:
    """The text, or the messages and placeholders."""
    if made.type == "text":
        return written(made.text)
    return [_message(turn) for turn in made.turns]


def _message(turn: Turn | Placeholder) -> dict[str, str]:
    if isinstance(turn, Placeholder):
        return {"type": "placeholder", "name": turn.name}
    return {"role": turn.role, "content": written(turn.content)}


def written(parts: Parts) -> str:
    """Slots as `{{name}}`. Without blanks: one of the SDKs takes no others for LangChain."""
    return "".join(f"{{{{{part.name}}}}}" if isinstance(part, Slot) else part for part in parts)


def model_config(parameters: Mapping[str, Any], pointer: Pointer | None) -> dict[str, Any]:
    """What goes to the model's server with the prompt: its name there, and the parameters."""
    model = pointer.model if pointer else None
    return {**({"model": model.served_id} if model else {}), **parameters}


def _word(chosen: Choice) -> dict[str, Any]:
    pointer = chosen.pointer
    return {
        "arm": pointer.tag if pointer.tag in _ARMS else None,
        "tag": pointer.tag,
        "revision": pointer.sequence,
        "fallback": chosen.fallback,
    }


def labels(entry: Entry, version: int) -> list[str]:
    """The labels of a version: its tags, `production` beside `stable`, `latest` on the newest."""
    tags = [tag for tag, pointer in entry.pointers.items() if pointer.version == version]
    return labels_of(tags, is_newest=version == entry.newest)


def labels_of(tags: Iterable[str], *, is_newest: bool) -> list[str]:
    """`labels` of a version with these tags."""
    # A tag of that name is nothing that a client here can ask for.
    found = set(tags) - {PRODUCTION}
    found |= {PRODUCTION} if STABLE in found else set()
    return sorted(found | ({LATEST} if is_newest else set()))


def encoded(value: Any) -> bytes:
    """JSON as all answers here are written."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
