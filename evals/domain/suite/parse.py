"""Suite files: suites/<name>.yaml and the dataset it names, to a SuiteSpec or to findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.findings import Finding
from evals.domain.checks import CheckSpec
from evals.domain.spec import CaseSpec, SuiteSpec
from evals.domain.suite.asked import read_asked
from evals.domain.suite.dataset import EXTENSIONS, MAX_CASES, MAX_FINDINGS, read_dataset
from evals.domain.suite.entries import MAX_REPEATS, read_case, read_checks, read_threshold
from evals.domain.suite.judges import JudgeReader
from evals.domain.suite.latency import read_latency
from registry.domain.fields import Fields
from registry.domain.files import Files
from registry.domain.names import is_name, is_variable_name
from registry.domain.positions import Document, Mark, Path
from registry.domain.source import Source

FOLDER = "suites/"
EXTENSION = ".yaml"
_KEYS = [
    "description",
    "dataset",
    "cases",
    "repeats",
    "min_pass_rate",
    "min_cases",
    "checks",
    "threshold",
    "cluster",
    "allow_self_judging",
    "latency",
    "judges",
]


@dataclass(frozen=True)
class LoadedSuite:
    """A suite with what is needed to talk about its files. `spec` is None after an error.

    `places` maps each case's key to (path, mark).
    """

    path: str
    spec: SuiteSpec | None
    findings: tuple[Finding, ...]
    places: Mapping[str, tuple[str, Mark]] = field(default_factory=dict)


def suite_path(name: str) -> str:
    """The file of the suite called `name`."""
    return f"{FOLDER}{name}{EXTENSION}"


def parse_suite(name: str, files: Files) -> tuple[SuiteSpec | None, tuple[Finding, ...]]:
    """The suite, or None and at least one error. Never raises on what the files hold."""
    loaded = load_suite(name, files)
    return loaded.spec, loaded.findings


def load_suite(name: str, files: Files) -> LoadedSuite:
    """As `parse_suite`, with the places of the cases."""
    source = Source(suite_path(name))
    text = _read(name, source, files)
    if text is None or not source.load(text):
        return LoadedSuite(source.path, None, tuple(source.findings))
    return _Reader(name, source, files).suite()


def _read(name: str, source: Source, files: Files) -> str | None:
    if not is_name(name):
        message = f"{name[:60]!r} is not a valid suite name."
        source.report_mark(Mark(0, 0), "bad_name", message)
        return None
    try:
        data = files.read(source.path)
    except KeyError:
        source.report_mark(Mark(0, 0), "suite_missing", "There is no such suite.")
        return None
    return source.decode(data)


class _Reader:
    """Reads one suite; `places` fills up beside the cases."""

    def __init__(self, name: str, source: Source, files: Files) -> None:
        self.name = name
        self.source = source
        self.files = files
        self.dataset: Source | None = None
        self.places: dict[str, tuple[str, Mark]] = {}

    def suite(self) -> LoadedSuite:
        """The whole file."""
        fields = Fields(self.source, (), self.source.document.value, _KEYS)
        checks = read_checks(fields)
        cases = tuple(self._cases(fields, checks))
        asked = read_asked(fields, JudgeReader(fields, self.files), cases, self.places)
        spec = SuiteSpec(
            name=self.name,
            description=fields.text("description"),
            repeats=fields.integer("repeats", 1, 1, MAX_REPEATS),
            min_pass_rate=_optional_rate(fields),
            min_cases=_optional_count(fields),
            checks=checks,
            cases=cases,
            threshold=read_threshold(fields),
            cluster=fields.name("cluster", is_variable_name),
            allow_self_judging=fields.boolean("allow_self_judging", default=False),
            latency=read_latency(fields),
            judges=asked.judges,
            pins=asked.pins,
        )
        self._check_cluster(fields, spec)
        beside = (*(self.dataset.findings if self.dataset else ()), *asked.findings)
        findings = (*self.source.findings, *beside)
        is_broken = any(finding.severity == "error" for finding in findings)
        return LoadedSuite(self.source.path, None if is_broken else spec, findings, self.places)

    def _check_cluster(self, fields: Fields, spec: SuiteSpec) -> None:
        if spec.cluster is None or any(spec.cluster in case.variables for case in spec.cases):
            return
        message = f"No case has the variable {spec.cluster!r}: nothing is clustered by it."
        fields.wrong("cluster", "unknown_cluster", message)

    def _cases(self, fields: Fields, checks: tuple[CheckSpec, ...]) -> Iterator[CaseSpec]:
        if ("dataset" in fields) == ("cases" in fields):
            message = "A suite has either `dataset` or `cases`."
            self.source.report((), "suite_cases", message)
            return
        rows = self._dataset_rows(fields) if "dataset" in fields else self._inline_rows(fields)
        # With checks that were left out after a finding it cannot be said that none decides.
        is_told = bool(fields.items("checks")) and not any(c.weight == 0 for c in checks)
        for source, at, raw in rows:
            case = read_case(source, at, raw, checks)
            if case is None or not self._is_new(case, source, at):
                continue
            if not is_told and not any(c.weight > 0 for c in (*checks, *case.checks)):
                message = "Nothing checks this case: every answer would pass."
                hint = "give the suite or the case `checks`"
                source.report(at, "no_checks", message, hint=hint)
            yield case

    def _is_new(self, case: CaseSpec, source: Source, at: Path) -> bool:
        if case.key in self.places:
            first = self.places[case.key][1].line
            message = f"The id {case.key[:60]!r} is used on line {first} already."
            source.report((*at, "id"), "duplicate_case", message)
            return False
        self.places[case.key] = (source.path, source.document.mark(at))
        return True

    def _inline_rows(self, fields: Fields) -> Iterator[tuple[Source, Path, Any]]:
        items = fields.items("cases")
        if not items:
            fields.wrong("cases", "suite_cases", "The suite has no cases.")
        for index, raw in enumerate(items[:MAX_CASES]):
            if len(self.source.findings) < MAX_FINDINGS:
                yield self.source, ("cases", index), raw

    def _dataset_rows(self, fields: Fields) -> Iterator[tuple[Source, Path, Any]]:
        path = fields.text("dataset", is_required=True)
        if not path:
            return
        if not path.endswith(EXTENSIONS):
            fields.wrong("dataset", "bad_value", "A dataset is a .jsonl or a .csv file.")
            return
        try:
            data = self.files.read(path)
        except KeyError:
            message = f"There is no file {path[:200]!r}."
            hint = "paths start at the top of the repository"
            fields.wrong("dataset", "dataset_missing", message, hint=hint)
            return
        self.dataset = Source(path)
        for row in read_dataset(self.dataset, data):
            # A row is its own document: whatever is wrong in it stands on its line.
            self.dataset.document = Document(row.value, values={(): Mark(row.line, 1)})
            yield self.dataset, (), row.value


def _optional_rate(fields: Fields) -> float | None:
    return fields.number("min_pass_rate", 1.0, 0, 1) if "min_pass_rate" in fields else None


def _optional_count(fields: Fields) -> int | None:
    return fields.integer("min_cases", 1, 1, MAX_CASES) if "min_cases" in fields else None
