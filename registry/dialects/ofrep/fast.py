"""Evaluations from a process's snapshot: as the views answer them, or not at all."""

from __future__ import annotations

from typing import NamedTuple

from registry.dialects.ofrep import evaluation
from registry.dialects.ofrep.evaluation import PREFIX, Context
from registry.domain.dots import meant_by
from registry.lookup import Live, Lookups, Reply, choose


class Ask(NamedTuple):
    """An evaluation as it came: of `flag`, or of all when that is empty. `token` is a digest."""

    flag: str
    context: Context
    token: str
    if_none_match: str = ""


def answer(lookups: Lookups, ask: Ask, *, last_known: bool = False) -> Reply | None:
    """The answer; None for what the view must answer. `last_known` as for the registry's own."""
    return (_one if ask.flag else _every)(lookups, ask, last_known=last_known)


def _one(lookups: Lookups, ask: Ask, *, last_known: bool) -> Reply | None:
    if not ask.flag.startswith(PREFIX):
        return None
    names = meant_by(ask.flag.removeprefix(PREFIX))
    found = lookups.find_among(names, ask.token, last_known=last_known)
    if found is None:
        return None
    entry, (key, tag) = found.entry, (ask.context.key, ask.context.tag)
    choice = choose(entry.name, entry.pointers, tag, key)
    face = lookups.snapshot.face(entry, tag, key, seed=False, now=found.now)
    if choice is None or face is None:
        return None
    return evaluation.one(ask.flag, Live(entry, choice, face), ask.context, found.standing)


def _every(lookups: Lookups, ask: Ask, *, last_known: bool) -> Reply | None:
    known = lookups.known(ask.token, last_known=last_known)
    answers = lookups.live(known, ask.context.tag, ask.context.key) if known else None
    if known is None or answers is None:
        return None
    return evaluation.every(answers, ask.context, ask.if_none_match, known.standing)
