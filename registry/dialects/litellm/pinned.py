"""A pinned version as LiteLLM reads it, from the snapshot or from the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import InvalidError
from registry.domain.names import version_number
from registry.domain.single_braces import NotSingleBracesError, single_braces
from registry.domain.standalone import NotStandaloneError
from registry.lookup import Text, said


class NotPinnedError(InvalidError):
    """LiteLLM keeps the answer until its proxy restarts, so a tag would never move there."""

    code = "not_pinned"
    hint = (
        "ask for a version, as in prompt_id=greeting@v3; to follow a tag use the callback "
        "assay.integrations.litellm, or LiteLLM's langfuse/ models"
    )


def only(query: Mapping[str, str], name: str) -> str:
    """The one thing the query may say: a label or version beside it would not be obeyed.

    Raises InvalidError.
    """
    others = sorted(set(query) - {name})
    text = query.get(name, "")
    if others or not text:
        raise InvalidError(
            f"the query is {name}= and nothing else"
            + (f", not {others[0][:60]}=" if others else "")
        )
    return text


def pinned(asked: str) -> tuple[str, int]:
    """Name and number of `greeting@v3`. Raises NotPinnedError."""
    name, _, version = asked.rpartition("@")
    number = version_number(version) if name else None
    if number is None:
        raise NotPinnedError(f"prompt_id={asked[:200]!r} names no version")
    return name, number


def body(asked: str, text: Text) -> dict[str, Any]:
    """The answer to `asked`. Raises NotSingleBracesError, NotStandaloneError."""
    content = said(text)
    try:
        made = single_braces(content["type"], content["template"], content["variables"])
    except (NotSingleBracesError, NotStandaloneError) as error:
        error.message = f"{asked} cannot be filled in by LiteLLM: {error.message}"
        raise
    return {
        "prompt_id": asked,
        "prompt_template": [{"role": one.role, "content": one.content} for one in made],
        "prompt_template_optional_params": content["parameters"],
    }
