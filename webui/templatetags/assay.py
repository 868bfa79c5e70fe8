"""Times, shares and chips as every page shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import slugify
from django.utils.timesince import timesince

from evals.domain.case_state import CaseState

register = template.Library()

#: What became of a case, for who sees no colours.
_SIGNS = {
    CaseState.PASSED: "✓",
    CaseState.FAILED: "✗",
    CaseState.FLAKY: "~",
    CaseState.ERROR: "!",
    CaseState.NOT_ASKED: "·",
}

_TONES = {
    "PASS": "good",
    "FAIL": "bad",
    "ERROR": "bad",
    "INCONCLUSIVE": "warn",
    "regressed": "bad",
    "fixed": "good",
    "flaky": "warn",
    "error": "bad",
    "overridden": "bad",
    "failed": "bad",
    "changed": "bad",
    "cannot tell": "warn",
    "same": "good",
    "applied": "good",
}


@register.simple_tag
def when(moment: datetime | None) -> SafeString:
    """`3 minutes ago` or `just now`, with the exact time for a pointer that rests on it."""
    if moment is None:
        return SafeString("—")
    exact = moment.astimezone(UTC)
    is_new = (timezone.now() - moment).total_seconds() < 60
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        exact.isoformat(timespec="seconds"),
        f"{exact:%Y-%m-%d %H:%M:%S} UTC",
        "just now" if is_new else f"{timesince(moment, depth=1)} ago",
    )


@register.filter
def percent(share: float | None) -> str:
    """A share as percent with one decimal; a dash for none."""
    return "—" if share is None else f"{100 * share:.1f} %"


@register.filter
def figure(value: float | None) -> str:
    """A number with one decimal at most; a dash for none."""
    return "—" if value is None else f"{value:,.1f}".removesuffix(".0")


@register.filter
def points(share: float) -> str:
    """A share as percent without the sign, as in `p95`."""
    return f"{100 * share:g}"


@register.filter
def tone(word: Any) -> str:
    """The colour class of a verdict, a change or a state; empty for what is neither."""
    return _TONES.get(str(word), "")


def _drawn(state: CaseState, sign: str) -> SafeString:
    mark = '<i class="state {}" role="img" aria-label="{}" title="{}">{}</i>'
    return format_html(mark, slugify(state), state, state, sign)


#: Made once: a map has a thousand of them.
_STATES = {state: _drawn(state, sign) for state, sign in _SIGNS.items()}


@register.filter
def drawn(state: CaseState) -> SafeString:
    """What became of a case in one run, as a mark in its colour."""
    return _STATES[state]
