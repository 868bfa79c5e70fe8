"""Who asks, and what they may do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from core.errors import RefusedError


class Scope(StrEnum):
    """What a token or a role allows. No scope includes another: a token lists each it needs."""

    LOOKUP = "lookup"
    READ = "read"
    EVALUATE = "evaluate"
    PROMOTE = "promote"
    ADMIN = "admin"


class Role(StrEnum):
    """A person's place; each includes the one before it."""

    VIEWER = "viewer"
    EDITOR = "editor"
    PROMOTER = "promoter"
    ADMIN = "admin"

    @property
    def scopes(self) -> frozenset[Scope]:
        """What a person of this role may do."""
        ladder = [Scope.EVALUATE, Scope.PROMOTE, Scope.ADMIN]
        return frozenset({Scope.LOOKUP, Scope.READ, *ladder[: list(Role).index(self)]})


class NotAllowedError(RefusedError):
    """You may not do this."""

    code = "not_allowed"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who asks. `name` goes into the ledger, such as `user:ada` or `token:ci`."""

    name: str
    scopes: frozenset[Scope]
    #: Globs of prompt names; empty means every prompt.
    prompts: tuple[str, ...] = ()

    @property
    def role(self) -> str:
        """The highest thing the actor may do, as the ledger records it."""
        return max(self.scopes, key=list(Scope).index).value if self.scopes else "nobody"

    def may(self, scope: Scope, prompt: str | None = None) -> bool:
        """Whether the actor has `scope`, for `prompt` when one is named."""
        return scope in self.scopes and (prompt is None or self.sees(prompt))

    def sees(self, prompt: str) -> bool:
        """Whether the actor's globs cover the prompt."""
        return not self.prompts or any(fnmatchcase(prompt, glob) for glob in self.prompts)

    def visible(self, prompts: Iterable[str]) -> list[str]:
        """Those of `prompts` the actor's globs cover."""
        return [name for name in prompts if self.sees(name)]

    def require(self, scope: Scope, prompt: str | None = None) -> None:
        """Refuse unless `may`. Raises NotAllowedError."""
        if scope not in self.scopes:
            raise NotAllowedError(
                f"{self.name} has no {scope.value} scope",
                hint=f"ask an admin for a token or role with {scope.value}",
                scope=scope.value,
            )
        if prompt is not None and not self.sees(prompt):
            raise NotAllowedError(
                f"{self.name} is limited to {', '.join(self.prompts)}; {prompt} is not among them"
            )


#: Assay itself: sync adopting what a repository says is live.
SYSTEM = Actor("system:sync", frozenset(Scope))
