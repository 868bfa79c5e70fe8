"""Where every page is: the routes called `page-…` and a few others, with what each needs."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from tests.integration.api.routes import routes

#: Pages for whom nobody knows yet.
STRANGERS_PAGES = ("login",)
#: What an address needs beyond its path. `{run}` and others are the site's arguments.
_QUERIES = {
    "page-compare": "?run={run}&run={other}",
    "page-diff": "?old=1&new=2&case=sentiment/s01",
    "page-move": "?version=3&model={model}",
    "page-rollback": "?tag=stable",
    "page-start-run": "?version=2",
    "page-planner": "?model=meta-llama/Meta-Llama-3-70B-Instruct&gpu=h100-sxm&tp=4",
}
#: Pages about another prompt than the others', by what it is called in the arguments.
_NAMES = {"page-clear-canary": "canary"}
#: Only their POST does something; GET leads to a page that is listed by itself.
_LEADS_ELSEWHERE = {f"page-{name}" for name in "cancel-run resume-run cancel-check try".split()}


def pages() -> list[str]:
    """The routes that people read when they are signed in. A new page is among them by itself."""
    named = (str(pattern.name) for pattern in routes())
    return ["overview", *sorted({n for n in named if n.startswith("page-")} - _LEADS_ELSEWHERE)]


def address(route: str, arguments: dict[str, Any]) -> str:
    """The path of a page about something that exists on the site."""
    [pattern] = [found for found in routes() if found.name == route]
    known = arguments | {"name": arguments[_NAMES.get(route, "name")]}
    named = {name: known[name] for name in pattern.pattern.converters}
    return reverse(route, kwargs=named) + _QUERIES.get(route, "").format(**arguments)
