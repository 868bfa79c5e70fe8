"""A merged change to tags.yaml is a promotion request: noted with the commit, decided by the gate.

Merging into the branch that is followed is the authorisation: whoever may do that may ask for any
tag. The evidence is asked for as of everybody else. A commit asks once. Commits with which we wrote
moves back ask for nothing, known by their ids and not by what they say of themselves; neither does
a branch whose history was rewritten.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from core.errors import AssayError
from registry import githost, promotion
from registry.domain.actor import Actor, Scope
from registry.domain.change import RepositoryChange
from registry.domain.live import DEFAULT_CANARY_WEIGHT, LiveTag, parse_live
from registry.domain.live_writing import PATH, Key
from registry.domain.storable import storable
from registry.errors import EvidenceChangingError, RevisionConflictError
from registry.mirror import CommitInfo, Mirror
from registry.models import HostReport, MirrorAlarm, TagRequest, WriteBack
from registry.sync import alarms
from registry.sync.reaching import ROOT

#: What the Git host lists the answer under.
_CONTEXT = "assay/tags"
#: Commits looked at to find out who changed an entry; of older ones the newest commit answers.
_COMMITS_READ = 100
#: Requests decided in one sync; the next one goes on.
_DECIDED_AT_ONCE = 500
_ACTOR_CHARS = 200


@dataclass(frozen=True, slots=True)
class _Declared:
    """What a tags.yaml says. Only what is `whole` says by its silence that a tag is not wanted."""

    tags: Mapping[Key, LiveTag]
    is_whole: bool


def note_requests(mirror: Mirror, change: RepositoryChange, before: str) -> frozenset[Key]:
    """Remember what the commits since `before` ask for. Returns the entries they changed.

    Joins the sync's transaction, so that nothing is asked twice and nothing is forgotten.
    """
    if change.locality is not None and PATH not in change.locality.paths:
        return frozenset()
    commits = mirror.touching(PATH, before, change.commit, _COMMITS_READ)
    if not commits or not mirror.is_ancestor(before, change.commit):
        return frozenset()
    old, new = _declared(mirror, before), _declared(mirror, change.commit)
    changed = _changed(old, new)
    _stop_alarms(changed, change.now)
    authors = _authors(mirror, commits, changed)
    ours = frozenset(
        WriteBack.objects.filter(commit__in=authors.values()).values_list("commit", flat=True)
    )
    infos = {commit: mirror.commit_info(commit) for commit in {*authors.values()} - ours}
    TagRequest.objects.bulk_create(
        [
            _request(key, changed[key], infos[commit])
            for key, commit in authors.items()
            if commit in infos
        ],
        ignore_conflicts=True,
    )
    return frozenset(changed)


def decide_requests(now: datetime) -> int:
    """Answer what waits, each in a transaction of its own. Returns how many were answered."""
    _stop_answered_alarms(now)
    waiting = TagRequest.objects.filter(status=TagRequest.Status.WAITING.value)
    return sum(_decide(request, now) for request in waiting.order_by("id")[:_DECIDED_AT_ONCE])


def requests_about(actor: Actor) -> QuerySet[TagRequest]:
    """What was asked for about prompts that the actor sees."""
    if not actor.prompts:
        return TagRequest.objects.all()
    named = TagRequest.objects.order_by().values_list("prompt", flat=True).distinct()
    return TagRequest.objects.filter(prompt__in=actor.visible(named))


def _declared(mirror: Mirror, commit: str) -> _Declared:
    files = mirror.part(commit, ROOT)
    if files is None or PATH not in files.paths():
        return _Declared({}, is_whole=False)
    entries, findings = parse_live(PATH, files.read(PATH))
    tags = {(entry.live.prompt, entry.live.tag): entry.live for entry in entries}
    return _Declared(tags, is_whole=not findings)


def _changed(old: _Declared, new: _Declared) -> dict[Key, LiveTag | None]:
    changed: dict[Key, LiveTag | None] = {
        key: entry for key, entry in new.tags.items() if old.tags.get(key) != entry
    }
    if new.is_whole:
        changed |= {key: None for key in old.tags if key not in new.tags}
    return changed


def _authors(
    mirror: Mirror, commits: tuple[str, ...], changed: Mapping[Key, LiveTag | None]
) -> dict[Key, str]:
    """The newest commit that made each entry what it is."""
    if len(commits) == 1:
        return dict.fromkeys(changed, commits[0])
    found: dict[Key, str] = {}
    for commit in commits:
        here = _declared(mirror, commit).tags
        parents = mirror.commit_info(commit).parents
        before = _declared(mirror, parents[0]).tags if parents else {}
        for key, entry in changed.items():
            if key not in found and here.get(key) == entry != before.get(key):
                found[key] = commit
        if len(found) == len(changed):
            break
    return {key: found.get(key, commits[0]) for key in changed}


def _request(key: Key, entry: LiveTag | None, info: CommitInfo) -> TagRequest:
    prompt, tag = key
    weight = entry.weight if entry else None
    if entry and tag == promotion.CANARY and weight is None:
        weight = DEFAULT_CANARY_WEIGHT
    return TagRequest(
        prompt=prompt,
        tag=tag,
        version=entry.version if entry else None,
        model=(entry.model or "") if entry else "",
        weight=weight,
        commit=info.id,
        author=storable(info.author_email or info.author_name or "unknown"),
        commit_subject=storable(info.subject),
    )


def _decide(request: TagRequest, now: datetime) -> bool:
    """True when it is answered; False when it has to wait for somebody else's change."""
    status, code, message = TagRequest.Status.GRANTED, "", ""
    try:
        if not _is_live(request):
            _move(request)
    except (EvidenceChangingError, RevisionConflictError):
        return False
    except AssayError as error:
        status, code, message = TagRequest.Status.REFUSED, error.code, storable(error.message)
        _ring(request, message)
    with transaction.atomic():
        TagRequest.objects.filter(pk=request.pk, status=TagRequest.Status.WAITING.value).update(
            status=status.value, code=code, message=message, decided_at=now
        )
        _show(request.commit)
    return True


def _show(commit: str) -> None:
    """What became of all that the commit asked for, as its status at the Git host."""
    asked = list(TagRequest.objects.filter(commit=commit).order_by("prompt", "tag"))
    refused = [one for one in asked if one.status == TagRequest.Status.REFUSED]
    state = HostReport.State.PASSED
    if refused:
        state = HostReport.State.FAILED
    elif any(one.status == TagRequest.Status.WAITING for one in asked):
        state = HostReport.State.RUNNING
    told = [f"{_subject(one)} {one.status}: {one.message}" for one in refused]
    told = told or [f"{_subject(one)} {one.status}" for one in asked]
    githost.show(commit, _CONTEXT, githost.Shown(state, "; ".join(told)))


def _is_live(request: TagRequest) -> bool:
    return promotion.is_live(
        prompt=request.prompt,
        tag=request.tag,
        version=request.version,
        model=request.model or None,
        weight=request.weight,
    )


def _move(request: TagRequest) -> None:
    actor = Actor(f"git:{request.author}"[:_ACTOR_CHARS], frozenset({Scope.PROMOTE}))
    reason = f"{request.commit_subject} ({request.commit})".strip()
    if request.version is None:
        promotion.clear(prompt=request.prompt, tag=request.tag, actor=actor, reason=reason)
        return
    target = promotion.Target(
        request.prompt, request.tag, request.version, request.model or None, request.weight
    )
    promotion.promote(target=target, actor=actor, reason=reason)


def _ring(request: TagRequest, reason: str) -> None:
    wanted = f"v{request.version}" if request.version else "no version"
    on = f" on {request.model}" if request.model else ""
    told = f"tags.yaml asks for {wanted}{on} (by {request.author}), and that is not live: {reason}"
    alarms.raise_alarm(alarms.Kind.TAGS_DIFFER, _subject(request), told, request.commit)


def _stop_alarms(keys: Collection[Key], now: datetime) -> None:
    """What tags.yaml asked for before does not count any more."""
    subjects = [f"{prompt}:{tag}" for prompt, tag in keys]
    _ringing().filter(subject__in=subjects).update(resolved_at=now)


def _stop_answered_alarms(now: datetime) -> None:
    """Somebody moved the tag to where it was wanted."""
    for subject in _ringing().values_list("subject", flat=True):
        prompt, _, tag = subject.rpartition(":")
        last = TagRequest.objects.filter(prompt=prompt, tag=tag).first()
        if last is not None and _is_live(last):
            _ringing().filter(subject=subject).update(resolved_at=now)


def _ringing() -> QuerySet[MirrorAlarm]:
    return MirrorAlarm.objects.filter(kind=alarms.Kind.TAGS_DIFFER.value, resolved_at=None)


def _subject(request: TagRequest) -> str:
    return f"{request.prompt}:{request.tag}"
