"""A version as one template: includes written out, for clients that know only plain Jinja2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from registry.domain.template.environment import environment

_Token = tuple[int, str, str]


def flatten(source: str, partials: Mapping[str, str]) -> str:
    """`source` with every `{% include "partials/…" %}` replaced by the partial's own text.

    Rendering the result gives what rendering `source` gives. Expects a version that was parsed
    without findings: includes are fixed, known and free of cycles.
    """
    # The lexer drops the last line break, as every Jinja2 does once; the client's will again.
    return _expanded(source, partials) + ("\n" if source.endswith("\n") else "")


def _expanded(source: str, partials: Mapping[str, str]) -> str:
    return "".join(_written_out(source, partials))


def _written_out(source: str, partials: Mapping[str, str]) -> Iterator[str]:
    tag: list[_Token] = []
    for token in environment().lexer.tokeniter(source, None):
        if tag or token[1] == "block_begin":
            tag.append(token)
        else:
            yield token[2]
        if token[1] == "block_end":
            target = _included(tag)
            yield _partial(partials[target], partials) if target else _text(tag)
            tag = []


def _included(tag: list[_Token]) -> str | None:
    """The partial an include tag names; None for every other tag."""
    words = [(kind, value) for _, kind, value in tag[1:-1] if kind != "whitespace"]
    if len(words) > 1 and words[0] == ("name", "include") and words[1][0] == "string":
        return words[1][1][1:-1]
    return None


def _text(tag: list[_Token]) -> str:
    return "".join(value for _, _, value in tag)


def _partial(body: str, partials: Mapping[str, str]) -> str:
    text = _expanded(body, partials)
    # What a partial sets stays inside it.
    has_assignment = any(
        kind == "name" and value == "set"
        for _, kind, value in environment().lexer.tokeniter(body, None)
    )
    return f"{{% with %}}{text}{{% endwith %}}" if has_assignment else text
