"""A commit that changes files of a few prompts only: these are looked at, all else was seen before.

What the whole way would find is found: whatever may reach further than the changed prompts makes a
commit one that is not local. Prompts that something was found about are read again each time, as in
the whole way, so what is kept of the findings before is about other files.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.findings import Finding
from registry.domain.change import Locality, RepositoryChange
from registry.domain.layout import PARTIALS_FOLDER, prompt_of
from registry.domain.live_writing import PATH as TAGS
from registry.domain.repository import ParsedRepository, parse_repository
from registry.mirror import Chosen, CommitMissingError, Mirror
from registry.models import MirrorState, SyncRun
from registry.sync.basis import basis
from registry.sync.findings import stored_findings
from registry.sync.published import published_contents

#: Changed files, prompts and findings of a commit that is looked at in part: more are a change of
#: the repository.
_MOST_PATHS = 200
_MOST_PROMPTS = 200
_MOST_FINDINGS = 2_000
#: Their findings do not say exactly which file they are about.
_UNPLACED = frozenset({"path_too_long", "path_not_utf8", "path_control_character"})


@dataclass(frozen=True, slots=True)
class Local:
    """A local change; what was found outside of it (`kept`), and what of the last sync's counts
    it does not change.
    """

    change: RepositoryChange
    skipped: tuple[Finding, ...]
    kept: tuple[Finding, ...]
    other_prompts: int
    other_versions: int


def local_change(mirror: Mirror, state: MirrorState, commit: str, now: datetime) -> Local | None:
    """What `commit`, a later one of the same branch, changes; None when that has to be found out by
    looking at all of it. Raises MirrorDamagedError.
    """
    last = SyncRun.objects.filter(
        commit=state.applied_commit, status=SyncRun.Status.APPLIED.value
    ).first()
    if last is None or state.basis != basis(mirror.limits):
        return None
    try:
        comparison = mirror.compare(state.applied_commit, commit)
    except CommitMissingError:
        return None
    paths = comparison.paths(_MOST_PATHS) if comparison else None
    locality = None if paths is None else _locality(paths, last)
    if comparison is None or locality is None:
        return None
    chosen = _chosen(locality)
    before, after = comparison.before(chosen), comparison.after(chosen)
    if before is None or after is None:
        return None
    published = published_contents(locality.prompts)
    was = parse_repository(before, published, only=locality.prompts)
    parsed = parse_repository(after, published, only=locality.prompts)
    if _loses(was, parsed):  # tags.yaml may name it
        return None
    return Local(
        RepositoryChange(commit, after, parsed, now, locality),
        after.skipped,
        tuple(each for each in locality.findings if not _is_listed(each.path, chosen)),
        last.prompts - len(was.prompts),
        last.versions - _version_count(was),
    )


def _locality(paths: frozenset[str], last: SyncRun) -> Locality | None:
    """None when a path is no file of a prompt, or a finding is about more than one."""
    touched = {prompt_of(path) for path in paths}
    findings = stored_findings(last, _MOST_FINDINGS)
    if None in touched or findings is None:
        return None
    if any(found.path == TAGS or found.code in _UNPLACED for found in findings):
        return None
    named = touched | {prompt_of(found.path) for found in findings}
    prompts = frozenset(name for name in named if name is not None)
    return Locality(prompts, paths, findings) if len(prompts) <= _MOST_PROMPTS else None


def _chosen(locality: Locality) -> Chosen:
    """Without tags.yaml: nobody has to say again that all it names is there."""
    folders = frozenset(f"prompts/{name}" for name in locality.prompts)
    return Chosen({"", *folders}, deep={PARTIALS_FOLDER}, unlisted={TAGS})


def _is_listed(path: str, chosen: Chosen) -> bool:
    folder = path.rpartition("/")[0]
    return folder in chosen.folders or f"{folder}/".startswith(f"{PARTIALS_FOLDER}/")


def _loses(was: ParsedRepository, parsed: ParsedRepository) -> bool:
    return not _versions(was) <= _versions(parsed)


def _versions(parsed: ParsedRepository) -> set[tuple[str, int]]:
    """Every version, and of each prompt that could be read a 0."""
    return {
        (name, number)
        for name, prompt in parsed.prompts.items()
        for number in (0, *(version.number for version in prompt.versions))
    }


def _version_count(parsed: ParsedRepository) -> int:
    return sum(len(prompt.versions) for prompt in parsed.prompts.values())
