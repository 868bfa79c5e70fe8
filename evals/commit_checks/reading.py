"""Read a proposed commit: what it changes, what is wrong with it, what there is to evaluate."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from core.findings import Finding
from evals.domain.impact import Impact, impact_of
from evals.domain.lint import Linted, lint_change
from evals.domain.proposal import ChangeReport, report_of
from evals.domain.suite import SuiteSpec, parse_suite
from registry import mirrored
from registry import queries as registry_queries
from registry.domain.files import AddressedFiles, Files, MemoryFiles
from registry.domain.layout import PARTIALS_FOLDER, sort_paths
from registry.domain.token_count import CountTokens
from registry.domain.version import VersionContent
from registry.mirror import Chosen, Mirror

#: These hold for every prompt, and name addresses and keys: a proposal's own are not believed.
_RULES = ("models.yaml", "gates.yaml")
_NOTHING = MemoryFiles({})
_TOP = Chosen({""})
#: What any prompt may use.
_SHARED = (PARTIALS_FOLDER, "suites", "datasets", "rubrics", "calibration")
#: Changed files, and prompts they reach: more are a change of the repository.
_MOST_PATHS = 1_000
_MOST_PROMPTS = 1_000


@dataclass(frozen=True, slots=True)
class Proposed:
    """A prompt that the commit touches, as it says it. `content` None: it brings no version.

    `suites` are those it names that could be read, `unusable` the names of the others.
    """

    prompt: str
    content: VersionContent | None
    model: str | None
    gate: str | None
    suites: tuple[SuiteSpec, ...]
    unusable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a commit proposes since `fork`; `title` is its subject."""

    fork: str
    title: str
    report: ChangeReport
    prompts: tuple[Proposed, ...]


def read_commit(head: str, base: str, count_tokens: CountTokens) -> Reading:
    """Fetch and read it. Raises CommitMissingError and what `Mirror.fetch` raises."""
    with mirrored.proposals() as mirror:
        tip = mirror.fetch().commit
        mirror.fetch_proposed(head)
        fork = _fork(mirror, base, head)
        sides = _part(mirror, fork, head) or _whole(mirror, fork, head)
        before, after, impact = sides.before, sides.after, sides.impact
        linted = lint_change(after, before, impact.scope, sides.skipped, count_tokens)
        live = {
            name: VersionContent.from_json(row.content)
            for name, row in registry_queries.live_versions(impact.prompts, "stable").items()
        }
        report = report_of(fork, head, before, impact, linted, count_tokens, live)
        files = _Trusted(after, mirror.part(tip, _TOP) or mirror.tree(tip))
        prompts = tuple(_proposed(impact, linted, before, files))
        return Reading(fork, mirror.commit_info(head).subject, report, prompts)


def _fork(mirror: Mirror, base: str, head: str) -> str:
    if set(base) == {"0"}:
        return base
    mirror.fetch_proposed(base)
    return mirror.fork(base, head)


@dataclass(frozen=True, slots=True)
class _Sides:
    """The files before a change and after it, what it touches, and what of it is no file to read
    (`skipped`).
    """

    before: Files
    after: Files
    impact: Impact
    skipped: tuple[Finding, ...]


def _whole(mirror: Mirror, fork: str, head: str) -> _Sides:
    is_first = set(fork) == {"0"}
    before: Files = _NOTHING if is_first else mirror.tree(fork)
    known = () if is_first else mirror.skipped(fork)
    after = mirror.tree(head)
    impact = impact_of(after, before, _changed(after, before))
    return _Sides(before, after, impact, _fresh(mirror.skipped(head), known))


def _part(mirror: Mirror, fork: str, head: str) -> _Sides | None:
    """The folders in which something differs, with those of the prompts that this reaches; None
    when it may reach every prompt.
    """
    paths = None if set(fork) == {"0"} else mirror.changed(fork, head, _MOST_PATHS)
    if paths is None or paths & set(_RULES):
        return None
    folders = {"", *(path.rpartition("/")[0] for path in paths)}
    touched = _listed(mirror, fork, head, folders)
    if touched is None or (prompts := touched.impact.scope.prompts) is None:
        return None
    if len(prompts) > _MOST_PROMPTS:
        return None
    return _listed(mirror, fork, head, folders | {f"prompts/{name}" for name in prompts})


def _listed(mirror: Mirror, fork: str, head: str, folders: Collection[str]) -> _Sides | None:
    chosen = Chosen(folders, deep=_SHARED)
    before, after = mirror.part(fork, chosen), mirror.part(head, chosen)
    if before is None or after is None:
        return None
    impact = impact_of(after, before, _changed(after, before))
    return _Sides(before, after, impact, _fresh(after.skipped, before.skipped))


def _fresh(now: Iterable[Finding], before: Collection[Finding]) -> tuple[Finding, ...]:
    """What was no file before is nothing that the change is about."""
    return tuple(found for found in now if found not in before)


def _changed(after: Files, before: Files) -> frozenset[str]:
    now, then = _addresses(after), _addresses(before)
    return frozenset(path for path in {*now, *then} if now.get(path) != then.get(path))


def _addresses(files: Files) -> dict[str, str]:
    assert isinstance(files, AddressedFiles)
    return {path: files.blob_id(path) for path in files.paths()}


@dataclass(frozen=True, slots=True)
class _Trusted:
    """A proposal's files, with models and policies of the branch: nobody sends a model's key to an
    address by opening a pull request.
    """

    files: Files
    trusted: Files

    def paths(self) -> Iterable[str]:
        rules = [path for path in self.trusted.paths() if path in _RULES]
        return [*(path for path in self.files.paths() if path not in _RULES), *rules]

    def read(self, path: str) -> bytes:
        return (self.trusted if path in _RULES else self.files).read(path)


def _proposed(impact: Impact, linted: Linted, before: Files, files: Files) -> Iterator[Proposed]:
    published = sort_paths(before.paths()).prompts
    specs: dict[str, SuiteSpec | None] = {}
    for name in sorted({*impact.prompts, *impact.reached}):
        prompt = linted.parsed.prompts.get(name)
        if prompt is None:
            continue  # it is gone, or cannot be read: that is the lint's
        known = published[name].versions if name in published else {}
        fresh = [version for version in prompt.versions if version.number not in known]
        for suite in prompt.suites:
            if suite not in specs:
                specs[suite] = parse_suite(suite, files)[0]
        found = {suite: specs[suite] for suite in dict.fromkeys(prompt.suites)}
        yield Proposed(
            prompt=name,
            content=fresh[-1] if fresh else None,
            model=prompt.model,
            gate=prompt.gate,
            suites=tuple(spec for spec in found.values() if spec is not None),
            unusable=tuple(suite for suite, spec in found.items() if spec is None),
        )
