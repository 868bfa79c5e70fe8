"""A commit that reaches a few prompts only: these are looked at, all else was seen before.

What the whole way would find is found. Prompts that something was found about are read again each
time, as in the whole way, so what is kept of the findings before is about other files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from core.findings import Finding
from registry.domain.change import Locality, RepositoryChange
from registry.domain.layout import PARTIALS_FOLDER
from registry.domain.live_writing import PATH as TAGS
from registry.domain.repository import ParsedRepository, parse_repository
from registry.mirror import Chosen, CommitMissingError, Mirror
from registry.models import MirrorState, SyncRun
from registry.sync.basis import basis
from registry.sync.findings import applied_run, stored_findings
from registry.sync.published import published_contents
from registry.sync.reaching import ROOT, Reach, reach_of

#: Changed files, prompts and findings of a commit that is looked at in part: more are a change of
#: the repository.
_MOST_PATHS = 200
_MOST_PROMPTS = 200
_MOST_FINDINGS = 2_000


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
    last = applied_run(state.applied_commit)
    if last is None or state.basis != basis(mirror.limits):
        return None
    before = state.applied_commit
    try:
        paths = mirror.changed(before, commit, _MOST_PATHS)
        tops = mirror.part(before, ROOT), mirror.part(commit, ROOT)
    except CommitMissingError:
        return None
    findings = stored_findings(last, _MOST_FINDINGS)
    if paths is None or findings is None or tops[0] is None or tops[1] is None:
        return None
    reach = reach_of(paths, findings, tops[0], tops[1])
    if reach is None or len(reach.prompts) > _MOST_PROMPTS:
        return None
    return _looked_at(mirror, commit, now, last, Locality(reach.prompts, paths, findings), reach)


def _looked_at(
    mirror: Mirror, commit: str, now: datetime, last: SyncRun, locality: Locality, reach: Reach
) -> Local | None:
    chosen = _chosen(reach)
    before, after = mirror.part(last.commit, chosen), mirror.part(commit, chosen)
    if before is None or after is None:
        return None
    talked_about = {found.path for found in locality.findings}
    published = published_contents(locality.prompts, but=talked_about)
    was = parse_repository(before, published, only=locality.prompts)
    parsed = parse_repository(after, published, only=locality.prompts)
    if _loses(was, parsed) and not reach.with_tags:  # tags.yaml may name it
        return _looked_at(mirror, commit, now, last, locality, replace(reach, with_tags=True))
    return Local(
        RepositoryChange(commit, after, parsed, now, locality),
        after.skipped,
        tuple(each for each in locality.findings if not _is_listed(each.path, chosen)),
        last.prompts - len(was.prompts),
        last.versions - _version_count(was),
    )


def _chosen(reach: Reach) -> Chosen:
    """Without tags.yaml where nobody has to say again that all it names is there."""
    folders = {f"prompts/{name}" for name in reach.prompts}
    unlisted = () if reach.with_tags else (TAGS,)
    return Chosen({"", *folders, *reach.folders}, deep={PARTIALS_FOLDER}, unlisted=unlisted)


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
