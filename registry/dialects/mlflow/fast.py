"""Reads from a process's snapshot, for when the database does not answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

from core.errors import AssayError
from registry.dialects import known
from registry.dialects.mlflow import asking, entities
from registry.dialects.mlflow.searching import search
from registry.domain.dots import meant_by
from registry.lookup import Entry, Lookups, Reply

_SEARCH, _SET_TAG = "registered-models/search", "registered-models/set-tag"
_Number = Callable[[Entry, Mapping[str, str]], int]
_VERSIONS: Mapping[str, _Number] = {
    "registered-models/alias": asking.by_alias,
    "model-versions/get": asking.by_number,
}
#: Method and route of what is answered here.
READS = frozenset(
    {("POST", _SET_TAG), ("GET", _SEARCH), ("GET", "registered-models/get")}
    | {("GET", route) for route in _VERSIONS}
)


class Ask(NamedTuple):
    """A read as it came, one of READS. `query` is raw; `token` the digest of the token."""

    route: str
    query: str
    token: str


def answer(lookups: Lookups, ask: Ask, *, last_known: bool = False) -> Reply | None:
    """The last known; None while the view can read the database, and for what it refuses."""
    if not last_known:
        return None
    pairs = parse_qsl(ask.query, keep_blank_values=True)
    try:
        if ask.route in {_SEARCH, _SET_TAG}:
            return _of_all(lookups, ask, pairs)
        return _of_one(lookups, ask, dict(pairs))
    except AssayError:
        return None


def _of_one(lookups: Lookups, ask: Ask, query: Mapping[str, str]) -> Reply | None:
    names = meant_by(asking.parameter(query, "name"))
    found = lookups.find_among(names, ask.token, last_known=True)
    if found is None:
        return None
    if ask.route not in _VERSIONS:
        value = {"registered_model": entities.registered_model(found.entry)}
        return known.sent(value, found.standing)
    text = found.entry.texts.get(_VERSIONS[ask.route](found.entry, query))
    if text is None:
        return None
    value = {"model_version": entities.model_version(found.entry, text)}
    return known.sent(value, found.standing)


def _of_all(lookups: Lookups, ask: Ask, pairs: list[tuple[str, str]]) -> Reply | None:
    all_ = lookups.known(ask.token, last_known=True)
    if all_ is None:
        return None
    if ask.route == _SET_TAG:
        return known.sent({}, all_.standing)
    wanted = search(dict(pairs), [value for name, value in pairs if name == "order_by"])
    page = wanted.page(entry.name for entry in all_.visible())
    found = [all_.entries[name] for name in page]
    return known.sent(entities.searched(found, wanted.limit), all_.standing)
