"""The checks of a suite that ask a model, compared with the judges and models there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.findings import Finding, Severity
from evals.domain.judge.spec import JudgeSpec
from evals.domain.spec import CaseSpec
from evals.domain.suite.dataset import MAX_FINDINGS
from evals.domain.suite.judges import JudgeReader
from registry.domain.fields import Fields
from registry.domain.positions import Mark

_JUDGED = ("judge", "pairwise")
_EMBEDDED = "embedding_similarity"


@dataclass(frozen=True, slots=True)
class Asked:
    """What checks ask: the judges by name, and of each model that embeds the digest of its pin."""

    judges: Mapping[str, JudgeSpec]
    pins: Mapping[str, str]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Use:
    """One check that asks, and where it stands."""

    type: str
    target: str
    is_negated: bool
    path: str
    mark: Mark

    def finding(self, code: str, message: str, severity: Severity = "error") -> Finding:
        return Finding(self.path, self.mark.line, self.mark.column, severity, code, message)


def read_asked(
    fields: Fields,
    reader: JudgeReader,
    cases: Sequence[CaseSpec],
    places: Mapping[str, tuple[str, Mark]],
) -> Asked:
    """Read the `judges` of the suite in `fields` and hold every check that asks against them.

    Findings about the suite's own `judges` go to its source, all others are in the result.
    """
    judges = reader.judges()
    declared = fields.mapping("judges", None).values
    uses = [*_suite_uses(fields), *_case_uses(cases, places)]
    findings = [found for use in uses for found in _wrong(use, judges, declared, reader)]
    _tell_unused(fields, declared, uses)
    embedders = sorted({use.target for use in uses if use.type == _EMBEDDED})
    pins = {name: pin.digest for name in embedders if (pin := reader.pin(name))}
    return Asked(judges, pins, (*reader.findings, *findings[:MAX_FINDINGS]))


def _suite_uses(fields: Fields) -> Iterator[_Use]:
    for index, raw in enumerate(fields.items("checks")):
        if isinstance(raw, dict):
            mark = fields.source.document.mark((*fields.at, "checks", index))
            is_negated = raw.get("not") is True
            yield from _use(raw.get("type"), raw, is_negated, fields.source.path, mark)


def _case_uses(cases: Sequence[CaseSpec], places: Mapping[str, tuple[str, Mark]]) -> Iterator[_Use]:
    for case in cases:
        for check in case.checks:
            yield from _use(check.type, check.params, check.negate, *places[case.key])


def _use(
    check_type: Any, params: Mapping[str, Any], is_negated: bool, path: str, mark: Mark
) -> Iterator[_Use]:
    if check_type in (*_JUDGED, _EMBEDDED):
        target = params.get("model" if check_type == _EMBEDDED else "judge")
        if isinstance(target, str):  # anything else has its finding already
            yield _Use(check_type, target, is_negated, path, mark)


def _wrong(
    use: _Use, judges: Mapping[str, JudgeSpec], declared: Mapping[str, Any], reader: JudgeReader
) -> Iterator[Finding]:
    if use.type == _EMBEDDED:
        yield from _wrong_embedder(use, reader)
        return
    if use.is_negated:
        # An empty answer fails without a judge, and would pass this way.
        message = f"A {use.type} check cannot be turned around; say in the rubric what passes."
        yield use.finding("negated_judge", message)
    if use.target not in declared:
        message = f"The suite has no judge {use.target[:60]!r} under `judges`."
        yield use.finding("unknown_judge", message)
    judge = judges.get(use.target)
    if judge is None or judge.mode == "likelihood":
        return
    if (judge.mode == "pairwise") != (use.type == "pairwise"):
        message = f"A {use.type} check cannot use the mode {judge.mode} of {use.target!r}."
        yield use.finding("judge_mode", message)


def _wrong_embedder(use: _Use, reader: JudgeReader) -> Iterator[Finding]:
    pin = reader.pin(use.target)
    if pin is None:
        message = f"models.yaml has no model {use.target[:60]!r} that can be read."
        yield use.finding("unknown_model", message)
    elif not pin.pinned:
        message = f"The model {use.target!r} that embeds has no `revision`; it is not pinned."
        yield use.finding("unpinned_judge", message, "warning")


def _tell_unused(fields: Fields, declared: Mapping[str, Any], uses: Sequence[_Use]) -> None:
    used = {use.target for use in uses if use.type in _JUDGED}
    for name in declared:
        if name not in used:
            at = (*fields.at, "judges", name)
            message = f"No check asks the judge {name[:60]!r}."
            fields.source.report_key(at, "unused_judge", message, severity="warning")
