"""A version for clients that replace `{name}` by `str(value)` and know nothing else.

They leave alone what they are given no value for, and replace `{name}` wherever it stands: so text
that could be taken for a variable is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.errors import InvalidError
from registry.domain.standalone import Piece, conversation, is_substitution
from registry.domain.template.environment import environment
from registry.domain.version import PromptType, Schema

_LOOKS_LIKE_A_VARIABLE = re.compile(r"\{[^{}\s\"']*\}")


class NotSingleBracesError(InvalidError):
    """The template is more than text and variables."""

    code = "not_single_braces"
    hint = "the callback assay.integrations.litellm renders every template"


def single_braces(
    kind: PromptType, template: str, variables: Mapping[str, Schema]
) -> tuple[Piece, ...]:
    """`template` (flattened, parsed without findings) as messages; a text is one of the user.

    Raises NotSingleBracesError, NotStandaloneError.
    """
    defaults = [name for name, schema in variables.items() if "default" in schema]
    if defaults:
        raise NotSingleBracesError(f"the variable {defaults[0]} has a default")
    if kind == "text":
        return (Piece("user", _rewritten(template.removesuffix("\n"), variables)),)
    messages, placeholders = conversation(template)
    for slot in placeholders:
        # The caller's own messages come last there, so that is where the only one may be.
        if slot.after != len(messages) or len(placeholders) > 1:
            raise NotSingleBracesError(f"the placeholder {slot.name} is not at the end")
    return tuple(Piece(one.role, _rewritten(one.content, variables)) for one in messages)


def _rewritten(body: str, variables: Mapping[str, Schema]) -> str:
    if not is_substitution(body, variables):
        raise NotSingleBracesError("there is more than `{{ variable }}` in it")
    written = ""
    # The lexer drops one line end at the end: this one, not the body's own.
    for _, kind, value in environment().lexer.tokeniter(f"{body}\n", None):
        if kind == "data":
            _check_text(value)
            written += value
        elif kind == "name":
            if written.endswith("{"):
                raise NotSingleBracesError(f"a `{{` stands right before the variable {value}")
            written += f"{{{value}}}"
    return written


def _check_text(text: str) -> None:
    found = _LOOKS_LIKE_A_VARIABLE.search(text)
    if found is not None:
        raise NotSingleBracesError(f"the text {found[0]!r} would be taken for a variable")
