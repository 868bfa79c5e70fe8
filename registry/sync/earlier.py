"""What was published before the newest commit, and is not what that commit says: at first contact
with a repository whose ledger tells that a registry lived with it.

The states of the branch count, each as if a registry had followed it: the commits of the
first-parent history, from the one where the registry began, which the ledger names if it begins
with an adoption, or else from the first one. A version was published with the text of the first
state in which it could be read. Where the ledger tells the version's digest, it is the first text
with that digest, if there is one: a registry sees what is the newest commit when it looks, so of
two texts that came with one push it published the second, and only its digest tells that. Prompts
that are gone, or broken now, are as they could be read last.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from core.findings import Finding
from registry.domain.change import RepositoryChange
from registry.domain.layout import (
    PARTIALS_FOLDER,
    REGISTERS,
    prompt_of,
    sort_paths,
)
from registry.domain.live_writing import PATH as TAGS
from registry.domain.repository import ParsedPrompt, ParsedRepository, parse_repository
from registry.domain.told_move import ToldMove
from registry.domain.version import VersionContent
from registry.mirror import (
    Chosen,
    Mirror,
    MirrorRefusedError,
    MirrorTimeoutError,
    MirrorTree,
    Step,
)
from registry.promotion import Kind

#: What decides how a prompt and its versions read.
_REGISTERS = tuple(path for path in REGISTERS if path != TAGS)
_FOLDER = "prompts"
#: Reading states may take so long: thousands of them, of any repository that anybody works with.
_SECONDS = 600
#: `(prompt, number)`.
_Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class EarlierVersion:
    """A version as it was published, the commit that brought it, and its file then."""

    content: VersionContent
    commit: str
    blob: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """`prompts` are those that cannot be read now, `versions` those that are gone, or broken, or
    whose text may have been another one; `findings` say what could not be found out.
    """

    prompts: Sequence[ParsedPrompt] = ()
    versions: Sequence[EarlierVersion] = ()
    findings: Sequence[Finding] = ()


NOTHING_EARLIER = Earlier()


def look_back(mirror: Mirror, change: RepositoryChange, told: Sequence[ToldMove]) -> Earlier:
    """What lies before `change`, where the ledger tells these moves; nothing where it tells none.
    Raises MirrorDamagedError.
    """
    if not told:
        return NOTHING_EARLIER
    # Tags are adopted at first contact, before any other move; later only to mend a ledger.
    began = told[0].commit if told[0].kind == Kind.ADOPTED else ""
    try:
        steps = tuple(mirror.history(change.commit).steps(began, (_FOLDER, *_REGISTERS)))
    except (MirrorRefusedError, MirrorTimeoutError) as error:
        return Earlier(findings=(_unread(error.message),))
    digests: dict[_Key, str] = {}
    for move in told:
        if move.version is not None and move.version_digest is not None:
            digests.setdefault((move.prompt, move.version), move.version_digest)
    return _Walk(mirror, steps, change.parsed, digests).result()


def _unread(why: str) -> Finding:
    return Finding(
        *(_FOLDER, 0, 0, "warning", "history_not_read"),
        f"what was published before and is gone or edited now may be missing: {why}",
        "restore a backup of the database if such a version is needed",
    )


@dataclass(slots=True)
class _Doubtful:
    """A prompt of which the newest commit does not say all. `here` are its files in the state that
    is looked at, `pending` those of versions whose text is not found yet.
    """

    is_missing: bool
    pending: set[str]
    here: set[str] = field(default_factory=set)
    described: ParsedPrompt | None = None
    is_broken: bool = False

    def is_due(self, *, is_touched: bool) -> bool:
        """Whether the state can tell something new of it; `is_touched`: it has other files."""
        if not self.pending.isdisjoint(self.here):
            return True
        return self.is_missing and bool(self.here) and (is_touched or self.is_broken)


class _Walk:
    """From the first state to the last, looking at prompts in doubt where they change."""

    def __init__(
        self,
        mirror: Mirror,
        steps: Sequence[Step],
        now: ParsedRepository,
        digests: Mapping[_Key, str],
    ) -> None:
        self._mirror = mirror
        self._steps = steps
        self._digests = digests
        self._prompts = _doubtful(steps, now)
        self._found: dict[_Key, EarlierVersion] = {}

    def result(self) -> Earlier:
        """Everything that was found."""
        give_up_at = time.monotonic() + _SECONDS
        findings = []
        for step, names in self._states():
            if time.monotonic() >= give_up_at:
                findings.append(_unread(f"reading its states takes longer than {_SECONDS} seconds"))
                break
            self._look(step, names)
        prompts = [one.described for one in self._prompts.values() if one.described is not None]
        return Earlier(prompts, list(self._found.values()), findings)

    def _states(self) -> Iterator[tuple[Step, list[str]]]:
        """The steps that tell something, each with the prompts of which it does."""
        for step in self._steps:
            touched = set()
            is_wide = False
            for path, address in step.changed.items():
                name = prompt_of(path)
                if name in self._prompts:
                    touched.add(name)
                    here = self._prompts[name].here
                    here.discard(path) if address is None else here.add(path)
                is_wide |= path in _REGISTERS or path.startswith(f"{PARTIALS_FOLDER}/")
            among = self._prompts if is_wide else touched
            due = [n for n in among if self._prompts[n].is_due(is_touched=n in touched)]
            if due:
                yield step, sorted(due)

    def _look(self, step: Step, names: Sequence[str]) -> None:
        files, parsed = self._read(step.commit, names)
        for name in names:
            one, prompt = self._prompts[name], parsed.prompts.get(name)
            one.is_broken = prompt is None
            if prompt is None:
                continue
            if one.is_missing:
                one.described = prompt
            for content in prompt.versions:
                if content.path in one.pending:
                    self._publish(one, content, step.commit, files)

    def _publish(
        self, one: _Doubtful, content: VersionContent, commit: str, files: MirrorTree
    ) -> None:
        """The first text counts until there is the one that was told."""
        key = content.name, content.number
        is_told = self._digests.get(key, content.digest) == content.digest
        if is_told or key not in self._found:
            blob = files.blob_id(content.path)
            self._found[key] = EarlierVersion(content, commit, blob)
        if is_told:
            one.pending.remove(content.path)

    def _read(self, commit: str, names: Sequence[str]) -> tuple[MirrorTree, ParsedRepository]:
        folders = {f"{_FOLDER}/{name}" for name in names}
        chosen = Chosen({"", *folders}, deep={PARTIALS_FOLDER}, unlisted={TAGS})
        files: MirrorTree
        try:
            files = self._mirror.part(commit, chosen) or self._mirror.tree(commit)
        except MirrorRefusedError:  # as it was then
            return MirrorTree(commit, (), lambda _: iter(())), ParsedRepository()
        return files, parse_repository(files, only=names)


def _doubtful(steps: Sequence[Step], now: ParsedRepository) -> dict[str, _Doubtful]:
    """The prompts that were there once and cannot be read now, or have a version that cannot, or
    whose file, or a partial of which, was ever changed.
    """
    times = Counter(path for step in steps for path in step.changed)
    layout = sort_paths(times)
    changed = {name for name, path in layout.partials.items() if times[path] > 1}
    found = {}
    for name, folder in layout.prompts.items():
        prompt = now.prompts.get(name)
        known = {content.path: content for content in prompt.versions} if prompt else {}
        pending = {
            path
            for path in folder.versions.values()
            if path not in known or times[path] > 1 or not changed.isdisjoint(known[path].partials)
        }
        if pending or prompt is None:
            found[name] = _Doubtful(prompt is None, pending)
    return found
