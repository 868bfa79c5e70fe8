"""Many lookups at once, asked of the database: every pointer as of one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.utils import timezone

from registry.domain.actor import Actor
from registry.errors import PromptUnknownError, TagUnknownError, VersionUnknownError
from registry.lookup import loading
from registry.lookup.body import face
from registry.lookup.loading import Missing
from registry.lookup.many import Bundle, Item, Live
from registry.lookup.values import STABLE, Choice, Entry, Face, choose
from registry.models import Prompt


@dataclass(frozen=True, slots=True)
class Shelf:
    """Some prompts as they were at `revision`, with the texts that were asked for.

    Raises nothing until it is asked for a prompt, tag or version that it has not.
    """

    entries: Mapping[str, Entry]
    revision: int
    now: float
    #: Versions whose text was not asked for: they exist.
    others: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def face(self, item: Item) -> Face:
        """The answer. Raises PromptUnknownError, TagUnknownError, VersionUnknownError."""
        entry = self.entries.get(item.name)
        if entry is None:
            raise PromptUnknownError.named(item.name)
        if isinstance(item.asked, int):
            if item.asked not in entry.texts:
                known = [*entry.texts, *self.others.get(entry.name, ())]
                raise VersionUnknownError.among(entry.name, item.asked, known)
            return self._made(entry, item.asked, None)
        choice = choose(entry.name, entry.pointers, item.asked, item.key)
        if choice is None:
            raise TagUnknownError.among(entry.name, item.asked, entry.pointers)
        return self._made(entry, choice.pointer.version, choice)

    def live(self, name: str, tag: str, key: str = "") -> Live | None:
        """What a tag answers; None for one that is not set. Raises PromptUnknownError."""
        entry = self.entries.get(name)
        if entry is None:
            raise PromptUnknownError.named(name)
        choice = choose(name, entry.pointers, tag, key)
        if choice is None:
            return None
        return Live(entry, choice, self._made(entry, choice.pointer.version, choice))

    def _made(self, entry: Entry, number: int, choice: Choice | None) -> Face:
        text = entry.texts[number]
        made = face(entry.name, text, choice, orphaned=entry.orphaned, now=self.now)
        assert made is not None
        return made


def shelf_for(items: Iterable[Item]) -> Shelf:
    """Everything the items ask for, where it exists."""
    items = list(items)
    rows = Prompt.objects.filter(name__in={item.name for item in items})
    wanted = {(item.name, item.asked) for item in items}
    return _read(list(rows.values_list("pk", flat=True)), wanted)


def bundle(tag: str, actor: Actor) -> tuple[Bundle, int]:
    """What `tag` answers for every prompt the actor sees, and the registry's revision.

    Raises TagUnknownError when no prompt has the tag; `stable` may be set nowhere.
    """
    answers, revision = live(tag, "", actor)
    if not answers and tag != STABLE:
        raise TagUnknownError(f"no prompt has a tag {tag!r}", tags=[])
    return Bundle(tag, answers), revision


def live(tag: str, key: str, actor: Actor) -> tuple[list[Live], int]:
    """What `tag` answers for every prompt that has it and the actor sees, by name; the revision."""
    with connection.cursor() as cursor:
        prompts = loading.prompt_ids(cursor)
    shelf = _read(prompts, frozenset())
    seen = actor.visible(sorted(shelf.entries))
    found = [one for name in seen if (one := shelf.live(name, tag, key)) is not None]
    return found, shelf.revision


def _read(prompts: Sequence[int], wanted: Iterable[tuple[str, str | int]]) -> Shelf:
    with connection.cursor() as cursor:
        entries, rest = loading.entries(cursor, prompts, {})
        names = {entry.pk: entry.name for entry in entries.values()}
        asked = set(wanted)
        more = [one for one in rest if (names[one.prompt], one.number) in asked]
        for version, text in loading.texts(cursor, more):
            entries[names[version.prompt]].texts[version.number] = text
    # The same for all of them: one statement read them.
    revision = next((entry.revision for entry in entries.values()), 0)
    return Shelf(entries, revision, timezone.now().timestamp(), _numbers(rest, names))


def _numbers(rest: Iterable[Missing], names: Mapping[int, str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for one in rest:
        found.setdefault(names[one.prompt], []).append(one.number)
    return found
