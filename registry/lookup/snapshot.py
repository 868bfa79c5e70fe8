"""What one process knows. Written by its keeper's thread, read by all others without a lock.

Every change replaces one reference, so a reader sees the old or the new, never half of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from registry.lookup import loading
from registry.lookup.body import face
from registry.lookup.loading import Cursor, Missing, Token
from registry.lookup.values import Entry, Face, choose

#: Prompts read at once: a fraction of a second, so that a look for changes is never late for long.
PAGE = 500
#: Texts read at once when nothing else is to be done.
_TEXTS_AT_ONCE = 100


class Snapshot:
    """Prompts, tokens, and where the registry stood when they were last known to be current."""

    def __init__(self) -> None:
        """Empty: everything is to be read."""
        self.entries: dict[str, Entry] = {}
        self.tokens: dict[str, Token] = {}
        #: Incarnation and revision, which change together.
        self.stand = ("", 0)
        self.mirrored_at: float | None = None
        self._by_id: dict[int, Entry] = {}
        self._doubtful: list[int] = []
        self._missing: list[Missing] = []

    @property
    def revision(self) -> int:
        """The registry's, when it was last looked at."""
        return self.stand[1]

    @property
    def is_doubtful(self) -> bool:
        """Whether something changed that was not read yet."""
        return bool(self._doubtful)

    @property
    def is_complete(self) -> bool:
        """Whether every change that is known was read, and every text."""
        return not self._doubtful and not self._missing

    def doubt(self, prompts: Iterable[int]) -> None:
        """Stop answering for these prompts until they are read again."""
        for pk in prompts:
            if pk in self._by_id:
                self._by_id[pk].is_doubtful = True
            self._doubtful.append(pk)

    def read_everything(self, cursor: Cursor) -> Iterable[None]:
        """Read all prompts again, a page at each step; what is gone is forgotten at the end."""
        self.tokens = loading.tokens(cursor)
        self._missing.clear()
        prompts = loading.prompt_ids(cursor)
        for at in range(0, len(prompts), PAGE):
            self._read(cursor, prompts[at : at + PAGE])
            yield
        for pk in self._by_id.keys() - set(prompts):
            self._forget(pk)

    def read_tokens(self, cursor: Cursor) -> None:
        """Who may ask. What was used and not noted yet is kept."""
        fresh = loading.tokens(cursor)
        for digest, token in fresh.items():
            if digest in self.tokens:
                token.used_at = self.tokens[digest].used_at
        self.tokens = fresh

    def read_more(self, cursor: Cursor) -> None:
        """One step of what is left: a page of doubtful prompts, or some texts of old versions."""
        if self._doubtful:
            self._read(cursor, list(dict.fromkeys(self._doubtful[:PAGE])))
            # Not before: until they are read, something is missing.
            del self._doubtful[:PAGE]
            return
        for version, text in loading.texts(cursor, self._missing[-_TEXTS_AT_ONCE:]):
            if version.prompt in self._by_id:
                self._by_id[version.prompt].texts[version.number] = text
        del self._missing[-_TEXTS_AT_ONCE:]

    def face(
        self, entry: Entry, asked: str | int, key: str, *, seed: bool, now: float
    ) -> Face | None:
        """The answer to a tag or a number; None for what only the database can answer."""
        # Without a key the question alone decides, so what answers it need not be chosen again.
        found = None if key else entry.faces.get((asked, "", seed))
        if found is not None and (found.until is None or now < found.until):
            return found
        choice = choose(entry.name, entry.pointers, asked, key) if isinstance(asked, str) else None
        if choice is None and isinstance(asked, str):
            return None
        shape = (asked, choice.pointer.tag if choice and key else "", seed)
        found = entry.faces.get(shape)
        if found is not None and (found.until is None or now < found.until):
            return found
        text = entry.texts.get(choice.pointer.version if choice else int(asked))
        if text is None:
            return None
        made = face(entry.name, text, choice, orphaned=entry.orphaned, now=now, seed=seed)
        if made is not None:
            entry.keep(shape, made)
        return made

    def _read(self, cursor: Cursor, prompts: Sequence[int]) -> None:
        found, missing = loading.entries(cursor, prompts, self.entries)
        self._missing += missing
        for pk in set(prompts) - {entry.pk for entry in found.values()}:
            self._forget(pk)
        self._by_id.update({entry.pk: entry for entry in found.values()})
        # One step for all of them: a release moves several tags at once.
        self.entries.update(found)

    def _forget(self, pk: int) -> None:
        gone = self._by_id.pop(pk, None)
        if gone is not None and self.entries.get(gone.name) is gone:
            del self.entries[gone.name]
