"""Templates with their syntax in classes: the policy of pages allows no inline style."""

from __future__ import annotations

from django.utils.safestring import SafeString, mark_safe
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers.templates import DjangoLexer

_LONGEST = 200_000
_FORMAT = HtmlFormatter(nowrap=True, classprefix="hl-")


def highlighted(template: str) -> SafeString:
    """The Jinja2 template as HTML, escaped by Pygments; its lines are kept as they are."""
    lexer = DjangoLexer(ensurenl=False, stripnl=False)
    html: str = highlight(template[:_LONGEST], lexer, _FORMAT)
    return mark_safe(html)  # noqa: S308 - escaped there
