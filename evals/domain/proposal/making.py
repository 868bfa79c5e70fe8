"""From a change to what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from evals.domain.impact import Impact
from evals.domain.lint import Linted
from evals.domain.proposal.value import ChangeReport, PromptChange
from registry.domain.contract import diff_contract
from registry.domain.files import Files
from registry.domain.lint import State
from registry.domain.lint.prefix_cache import prefix_of, scores
from registry.domain.lint.subject import models_of
from registry.domain.repository import ParsedPrompt, parse_repository
from registry.domain.text_diff import unified
from registry.domain.token_count import Counted, CountTokens, Row, estimated
from registry.domain.version import VersionContent

#: `CountTokens` for one model.
_Count = Callable[[Sequence[Row]], Sequence[Counted]]


def report_of(
    base: str,
    head: str,
    before: Files,
    impact: Impact,
    linted: Linted,
    count_tokens: CountTokens = estimated,
    live: Mapping[str, VersionContent] = MappingProxyType({}),
) -> ChangeReport:
    """The report of the change from `base`, whose files are `before`, to `head`.

    `live` is what a registry has live of prompts, whatever the base's tags.yaml says.
    """
    names = frozenset(impact.prompts)
    state = State(before, parse_repository(before, only=names))
    return ChangeReport(
        base=base,
        head=head,
        prompts=tuple(_prompts(names, state, linted, count_tokens, live)),
        elsewhere=tuple(_elsewhere(impact)),
        reached=tuple(impact.reached.items()),
        findings=linted.findings,
        ignored=linted.ignored,
    )


def _prompts(
    names: frozenset[str],
    before: State,
    linted: Linted,
    count_tokens: CountTokens,
    live: Mapping[str, VersionContent],
) -> Iterator[PromptChange]:
    models = models_of(linted.parsed)
    for name in sorted(names):
        old = before.parsed.prompts.get(name, ParsedPrompt(name))
        now = linted.parsed.prompts.get(name, ParsedPrompt(name))
        stable = before.stable.get(name)
        called = next((v for v in old.versions if v.number == stable), _newest(old))
        pin = linted.parsed.models.get(models.get(name, ""))
        count = partial(count_tokens, pin)
        fresh = _new_versions(old, now)
        made = _prompt(name, live.get(name, called), fresh[-1] if fresh else None, count)
        differs = stable is not None and made.old != stable
        yield replace(
            made,
            called_live=stable if differs else None,
            unmeasured=tuple(version.number for version in fresh[:-1]),
        )


def _newest(prompt: ParsedPrompt) -> VersionContent | None:
    return prompt.versions[-1] if prompt.versions else None


def _new_versions(old: ParsedPrompt, now: ParsedPrompt) -> list[VersionContent]:
    """Those that say something new."""
    known = {version.number: version.digest for version in old.versions}
    return [v for v in now.versions if known.get(v.number) != v.digest]


def _prompt(
    name: str, old: VersionContent | None, new: VersionContent | None, count: _Count
) -> PromptChange:
    if new is None:
        return PromptChange(name, old.number if old else None, None)
    told = [version for version in (new, old) if version is not None]
    # One row: both are counted in the same way.
    [counted] = count([[text for version in told for text in prefix_of(version).texts]])
    now, *before = scores(counted)
    if old is None:
        return PromptChange(name, None, new.number, shared_now=now.share, counted=counted.how)
    return PromptChange(
        name=name,
        old=old.number,
        new=new.number,
        diff=unified(old.source, new.source, before=f"v{old.number}", after=f"v{new.number}"),
        contract=diff_contract(old, new),
        shared_before=before[0].share,
        shared_now=now.share,
        counted=counted.how,
    )


def _elsewhere(impact: Impact) -> Iterator[tuple[str, str]]:
    kinds = {
        "partial": impact.partials,
        "suite": impact.suites,
        "rubric": impact.rubrics,
        "model": impact.models,
        "tag": impact.tags,
    }
    for kind, names in kinds.items():
        yield from ((kind, name) for name in names)
    if "gates.yaml" in impact.paths:
        yield "file", "gates.yaml"
    yield from (("dataset", path) for path in sorted(impact.paths) if path.startswith("datasets/"))
