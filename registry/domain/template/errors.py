"""How rendering goes wrong."""

from __future__ import annotations

from typing import Any

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


class PlainTextError(InvalidError):
    """The template is more than text with variables."""

    code = "not_plain_text"
    hint = "ask /api/v1/prompts/{name} and render it with Jinja2, or publish a version without it"

    def __init__(self, what: str, line: int, partial: str = "", **fields: Any) -> None:
        """`what` completes a sentence; `line` counts from 1 in the body, or in the partial."""
        self.what, self.line, self.partial = what, line, partial
        where = f"prompts/{partial}.jinja2:{line}" if partial else f"line {line}"
        super().__init__(f"{where}: {what}", **fields)

    def located(self, path: str, first_line: int) -> PlainTextError:
        """The same with file and line, for a body that starts on line `first_line` of `path`."""
        found = PlainTextError(self.what, self.line, self.partial)
        if not self.partial:
            found.message = f"{path}:{self.line + first_line - 1}: {self.what}"
        return found
