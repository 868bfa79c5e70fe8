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
    # What a partial sets stays inside it; and its own blank edges are text, which a chat block that
    # begins or ends with them must not take for layout.
    has_assignment = any(
        kind == "name" and value == "set"
        for _, kind, value in environment().lexer.tokeniter(body, None)
    )
    is_closed = has_assignment or text != text.strip()
    return f"{{% with %}}{text}{{% endwith %}}" if is_closed else text


def plain_text(template: str) -> str | None:
    """What a client that knows no chat can render: the template, or its only message's text.

    `template` is flattened. Placeholders are left out, as if nothing was given for them. None when
    there are several messages, or logic around them: a flat text would say something else.
    """
    inside: list[str] = []
    messages = 0
    is_open = False
    for tag, text in _pieces(template):
        if tag == "chat":
            messages, is_open = messages + 1, True
        elif tag == "endchat":
            is_open = False
        elif is_open:
            inside.append(text)
        elif tag != "placeholder" and text.strip():
            return template if not messages and "chat" not in _tags(template) else None
    if messages == 1:
        return "".join(inside).strip()
    return template if messages == 0 else None


def _tags(template: str) -> set[str]:
    return {tag for tag, _ in _pieces(template)}


def _pieces(template: str) -> Iterator[tuple[str, str]]:
    """`(word, text)` of every block tag, `("", text)` of what is between; no comments."""
    tag: list[_Token] = []
    for token in environment().lexer.tokeniter(template, None):
        if tag or token[1] == "block_begin":
            tag.append(token)
            if token[1] == "block_end":
                words = [value for _, kind, value in tag if kind == "name"]
                yield words[0] if words else "", _text(tag)
                tag = []
        elif not token[1].startswith("comment"):
            yield "", token[2]
