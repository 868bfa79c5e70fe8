"""How rendering goes wrong."""

from __future__ import annotations

from core.errors import InvalidError, RefusedError
from registry.domain.schemas import ValueProblem


class RenderError(InvalidError):
    """The prompt cannot be rendered with these values."""

    code = "render_invalid"

    @classmethod
    def about(cls, problems: tuple[ValueProblem, ...]) -> RenderError:
        """`fields["errors"]` names each problem by JSON pointer."""
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        message = f"{first.pointer} {first.message}{more}.".strip()
        message = message[0].upper() + message[1:]
        return cls(message, errors=[problem.to_json() for problem in problems])


class RenderRefusedError(RefusedError):
    """The template asked for something templates may not do."""

    code = "render_refused"
