"""Follow the repository: store its suites, and tell the registry what proof must be made with.

A sync costs what changed: a suite whose files are the same as last time, and about which there was
nothing to say, is not read again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from django.db.models import F, QuerySet

from core.digest import digest
from core.findings import Finding
from evals.domain.checks import SEMANTICS
from evals.domain.suite import SuiteSpec, lint_suites, parse_suite, suite_names, suite_path
from evals.domain.suite.labels import labels_path, parse_labels
from evals.local_change import JUDGE_CHANGED, check_local
from evals.models import LabelSet, Suite
from registry import certificates
from registry.domain.change import RepositoryChange
from registry.domain.files import AddressedFiles, Files
from registry.models import Certificate, Prompt, PromptVersion

_BATCH = 200
_GATES = "gates.yaml"


def combined_digest(suites: Mapping[str, str]) -> str:
    """One digest over the suites of a prompt, name -> digest; what its certificates name."""
    return digest(sorted([name, value] for name, value in suites.items()))


def follow_repository(change: RepositoryChange) -> tuple[Finding, ...]:
    """Store every suite; certificates made with other suites expire.

    Joins the sync's transaction. Returns what is wrong with suites and datasets. A prompt that
    names no suite, or one that is missing or broken, can prove nothing until it is mended. So does
    one whose judge's published prompt was edited.
    """
    prompts = _prompts(change)
    named = {name for prompt in prompts for name in prompt.suites}
    if change.locality is None:
        named.update(suite_names(change.files))  # a judge is measured before a prompt relies on it
    known = {row.name: row for row in _current(named).defer("spec")}
    unread = {name for name in known if _is_unchanged(known[name], change.files)}
    if change.locality is not None:
        check_local(change.locality, change.files, named - unread)
    read = [_read(name, change.files) for name in sorted(named - unread)]
    edited = _edited_judges(read)
    read = [replace(one, spec=None) if one.paths & edited else one for one in read]
    findings = (*_lint(change, known, unread), *map(_judge_changed, sorted(edited)))
    if change.locality is None:
        _store(read, keep=unread, findings=findings, commit=change.commit)
    digests = {name: known[name].digest for name in unread}
    digests |= {one.spec.name: one.spec.digest for one in read if one.spec is not None}
    _require(prompts, digests, change.now)
    return findings


def _current(names: Collection[str]) -> QuerySet[Suite]:
    return Suite.objects.filter(is_current=True, name__in=names)


def _prompts(change: RepositoryChange) -> list[Prompt]:
    """The prompts with the suites they name. One whose prompt.yaml is broken or gone names those it
    named last: what is live goes on being proven, or not, by them.
    """
    prompts = Prompt.objects.only("name", "suites", "suite_digest")
    if change.locality is not None:
        prompts = prompts.filter(name__in=change.locality.prompts)
    return list(prompts)


@dataclass(slots=True)
class _Watched:
    """Files that remember which of them were read."""

    files: Files
    seen: set[str] = field(default_factory=set)

    def paths(self) -> Iterable[str]:
        return self.files.paths()

    def read(self, path: str) -> bytes:
        # What is not there counts too: its coming is a change.
        self.seen.add(path)
        return self.files.read(path)


@dataclass(frozen=True, slots=True)
class _Read:
    """A suite as its files say it; `spec` is None when they are broken."""

    spec: SuiteSpec | None
    paths: frozenset[str]
    sources: Mapping[str, str]
    labels: tuple[LabelSet, ...] = ()


def _read(name: str, files: Files) -> _Read:
    watched = _Watched(files)
    spec, _ = parse_suite(name, watched)
    return _Read(
        spec, frozenset(watched.seen), _addresses(watched.seen, files), _labels(spec, files)
    )


def _labels(spec: SuiteSpec | None, files: Files) -> tuple[LabelSet, ...]:
    """The human labels that the suite's judges are to be measured by."""
    found = []
    for judge in spec.judges.values() if spec else ():
        if judge.calibration:
            rows, _ = parse_labels(judge.rubric, files.read(labels_path(judge.rubric.name)))
            found.append(
                LabelSet(
                    digest=judge.calibration,
                    rubric=judge.rubric.name,
                    rows=[asdict(row) for row in rows],
                )
            )
    return tuple(found)


def _edited_judges(read: Iterable[_Read]) -> frozenset[str]:
    """Paths of judges' prompts that read differently than when they were published.

    The registry keeps the first content, and a suite must not judge by another. Its versions are
    stored before the suites, so a new one is there already.
    """
    prompts = [
        judge.prompt
        for one in read
        for judge in (one.spec.judges.values() if one.spec else ())
        if judge.prompt is not None
    ]
    published = PromptVersion.objects.filter(prompt__name__in={prompt.name for prompt in prompts})
    digests = {
        (name, number): stored
        for name, number, stored in published.values_list("prompt__name", "number", "digest")
    }
    return frozenset(
        prompt.path
        for prompt in prompts
        if digests.get((prompt.name, prompt.number), prompt.digest) != prompt.digest
    )


def _judge_changed(path: str) -> Finding:
    return Finding(
        path,
        1,
        1,
        "error",
        JUDGE_CHANGED,
        "The published prompt of a judge was edited; suites that use it can prove nothing.",
        "restore the file and write a new version",
    )


def _addresses(paths: Iterable[str], files: Files) -> dict[str, str]:
    """What a suite was read from, and with which understanding; empty when nobody can tell.

    The gates count too: lint says whether a suite is large enough for them.
    """
    if not isinstance(files, AddressedFiles):
        return {}
    found = {path: _address(path, files) for path in sorted(paths)}
    return found | {"": f"{SEMANTICS} {_address(_GATES, files)}"}


def _address(path: str, files: AddressedFiles) -> str:
    """Empty for what is not there."""
    try:
        return files.blob_id(path)
    except KeyError:
        return ""


def _is_unchanged(row: Suite, files: Files) -> bool:
    paths = [path for path in row.sources if path]
    return bool(paths) and _addresses(paths, files) == row.sources


def _lint(
    change: RepositoryChange, known: Mapping[str, Suite], unread: AbstractSet[str]
) -> tuple[Finding, ...]:
    """Findings about the suites that were read, and about prompts that have something new."""
    fresh = set(
        PromptVersion.objects.filter(commit=change.commit).values_list("prompt__name", flat=True)
    )
    prompts = {
        name: prompt
        for name, prompt in change.parsed.prompts.items()
        if name in fresh or not unread >= set(prompt.suites)
    }
    needed = {name for prompt in prompts.values() for name in prompt.suites}
    parsed = replace(change.parsed, prompts=prompts)
    if change.locality is not None:  # nothing of suites is listed
        used = {
            path
            for name in needed & unread
            for path, blob in known[name].sources.items()
            if path and blob
        }
        return lint_suites(_Listed(change.files, (*change.files.paths(), *sorted(used))), parsed)
    skipped = frozenset(suite_path(name) for name in unread if name not in needed)
    listed = [path for path in change.files.paths() if path not in skipped]
    return lint_suites(_Listed(change.files, listed), parsed)


@dataclass(frozen=True, slots=True)
class _Listed:
    """Files of which these are listed: no others need a look."""

    files: Files
    listed: Sequence[str]

    def paths(self) -> Iterable[str]:
        return self.listed

    def read(self, path: str) -> bytes:
        return self.files.read(path)


def _store(
    read: Iterable[_Read], *, keep: Collection[str], findings: Iterable[Finding], commit: str
) -> None:
    """Exactly these suites are current afterwards. Old contents stay for the runs they served."""
    talked_about = {finding.path for finding in findings}
    rows = [
        Suite(
            name=one.spec.name,
            digest=one.spec.digest,
            spec=one.spec.to_json(),
            # What has findings is read every time, so that every sync repeats them.
            sources={} if talked_about & one.paths else one.sources,
            commit=commit,
        )
        for one in read
        if one.spec is not None
    ]
    stays = [*keep, *(row.name for row in rows)]
    Suite.objects.filter(is_current=True).exclude(name__in=stays).update(is_current=False)
    if rows:
        _replace(rows)
    labels = {label.digest: label for one in read for label in one.labels}
    for label in labels.values():
        label.commit = commit
    LabelSet.objects.bulk_create(labels.values(), ignore_conflicts=True)


def _replace(rows: list[Suite]) -> None:
    names = [row.name for row in rows]
    Suite.objects.filter(is_current=True, name__in=names).update(is_current=False)
    Suite.objects.bulk_create(
        rows,
        batch_size=_BATCH,
        # The content may be the one it had before.
        update_conflicts=True,
        unique_fields=["name", "digest"],
        update_fields=["is_current", "is_proposed", "sources", "spec"],
    )


def _require(prompts: Iterable[Prompt], digests: Mapping[str, str], now: datetime) -> None:
    """Tell the registry each prompt's combined digest where it is another one than before.

    Most changed prompts have nothing to expire, so their rows are written together, and first:
    whoever certifies one meanwhile waits for the row and then sees the new digest.
    """
    changed = []
    for prompt in prompts:
        wanted = _digest_of(prompt.suites, digests)
        if prompt.suite_digest != wanted:
            prompt.suite_digest = wanted
            changed.append(prompt)
    Prompt.objects.bulk_update(changed, ["suite_digest"], batch_size=_BATCH)
    stale = _with_stale_certificates()
    for prompt in changed:
        if prompt.suite_digest and prompt.pk in stale:  # a broken suite expires nothing
            certificates.require_suites(prompt=prompt, suite_digest=prompt.suite_digest, now=now)


def _with_stale_certificates() -> frozenset[int]:
    """Prompts with a certificate that counts and was measured with other suites."""
    valid = Certificate.objects.filter(expired_at=None)
    stale = valid.exclude(suite_digest=F("prompt_version__prompt__suite_digest"))
    return frozenset(stale.values_list("prompt_version__prompt", flat=True).order_by())


def _digest_of(names: Iterable[str], digests: Mapping[str, str]) -> str:
    """The prompt's combined digest; empty when it names none, or one that cannot be used."""
    chosen = {name: digests.get(name, "") for name in names}
    return combined_digest(chosen) if chosen and all(chosen.values()) else ""
