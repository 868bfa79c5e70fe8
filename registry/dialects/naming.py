"""Which prompt a client means, when its names cannot have folders."""

from __future__ import annotations

from core.errors import InvalidError
from registry import queries
from registry.domain.actor import Actor, Scope
from registry.domain.dots import meant_by


class NameAmbiguousError(InvalidError):
    """The name without folders stands for several prompts."""

    code = "name_ambiguous"
    hint = "rename one of them, or give the client a token that is limited to the other"


def named(name: str, actor: Actor) -> str:
    """The one prompt the actor may look up that `name`, with or without folders, stands for.

    `name` itself when there is none. Raises NotAllowedError, NameAmbiguousError.
    """
    actor.require(Scope.LOOKUP)
    found = actor.visible(queries.names_among(meant_by(name)))
    if len(found) > 1:
        raise NameAmbiguousError(f"{name} stands for {' and '.join(found)}")
    if not found:
        actor.require(Scope.LOOKUP, name)
        return name
    return found[0]
