"""From the results of a run to traces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from evals import queries
from evals.domain.suite import CaseSpec
from evals.export.traces import Score, Trace
from evals.models import CaseResult, EvalRun
from registry.domain.model_pin import ModelPin
from registry.domain.template.render import Rendered
from registry.domain.version import VersionContent
from registry.rendering import RenderFailure, RenderJob, RenderUnavailableError, render_batch

#: Results read and rendered at a time.
_CHUNK = 500
#: Characters of one text; the rest of a longer one is cut off.
_LONGEST = 100_000


class TracesOf:
    """The traces of a finished run, read while they are asked for."""

    def __init__(self, run: EvalRun) -> None:
        self.run = run
        self.pin = ModelPin.from_json(run.model.pin)
        self.content = VersionContent.from_json(run.candidate.content)
        self.suites = {row.pk: row.name for row in run.suites.all()}
        self.cases = {
            (key, case.key): case
            for key, suite in queries.suites_of(run).items()
            for case in suite.cases
        }

    def __iter__(self) -> Iterator[Trace]:
        """In the order in which the answers came."""
        rows = (
            CaseResult.objects.filter(run=self.run)
            .select_related("item", "baseline")
            .order_by("pk")
            .iterator(chunk_size=_CHUNK)
        )
        while chunk := list(islice(rows, _CHUNK)):
            inputs = self._inputs(chunk)
            for row in chunk:
                yield self._trace(row, inputs[self._key(row)])

    @staticmethod
    def _key(row: CaseResult) -> tuple[int, str]:
        return row.item.suite_id, row.case

    def _inputs(self, rows: Sequence[CaseResult]) -> Mapping[tuple[int, str], Any]:
        """What each case asked: the rendered prompt; its variables where that cannot be had."""
        cases = {self._key(row): self.cases[self._key(row)] for row in rows}
        jobs = [RenderJob(self.content, c.variables, c.placeholders) for c in cases.values()]
        try:
            rendered: Sequence[Rendered | RenderFailure | None] = render_batch(jobs)
        except RenderUnavailableError:
            rendered = [None] * len(jobs)
        return {
            key: _input(case, outcome)
            for (key, case), outcome in zip(cases.items(), rendered, strict=True)
        }

    def _trace(self, row: CaseResult, asked: Any) -> Trace:
        run, suite = self.run, self.suites[row.item.suite_id]
        prompt, version = run.prompt_name, run.candidate.number
        started, ended, first_token = _times(row)
        paid = not row.from_cache and bool(row.prompt_tokens or row.completion_tokens)
        return Trace(
            seed="\n".join([str(run.pk), suite, row.case, str(row.repeat)]),
            name=f"{prompt} v{version}: {row.case}",
            session=str(run.pk),
            prompt=prompt,
            version=version,
            model=self.pin.served_id,
            input=asked,
            output=row.text[:_LONGEST],
            started=started,
            ended=ended,
            first_token=first_token,
            parameters=dict(self.content.parameters),
            prompt_tokens=row.prompt_tokens if paid else None,
            completion_tokens=row.completion_tokens if paid else None,
            cost_usd=self._cost(row) if paid else None,
            error=row.error[:_LONGEST],
            tags=tuple(filter(None, ("assay", f"suite:{suite}", run.verdict))),
            metadata=self._metadata(row, suite),
            scores=tuple(_scores(row)),
        )

    def _cost(self, row: CaseResult) -> dict[str, float] | None:
        """USD; None when nothing is known to cost anything."""
        if not (self.pin.price_prompt or self.pin.price_completion):
            return None
        asked = row.prompt_tokens * self.pin.price_prompt / 1_000_000
        written = row.completion_tokens * self.pin.price_completion / 1_000_000
        return {"input": asked, "output": written, "total": asked + written}

    def _metadata(self, row: CaseResult, suite: str) -> dict[str, Any]:
        run, baseline = self.run, getattr(row, "baseline", None)
        said = {
            "run": str(run.pk),
            "prompt": run.prompt_name,
            "version": run.candidate.number,
            "suite": suite,
            "case": row.case,
            "repeat": row.repeat,
            "commit": run.candidate.commit,
            "verdict": run.verdict or None,
            "outcome": row.outcome,
            "model": run.model.name,
            "fingerprint": run.fingerprint or None,
            "from_cache": row.from_cache,
            "cached_tokens": row.cached_tokens,
            "baseline_version": run.baseline.number if run.baseline else None,
            "baseline_outcome": None if baseline is None else baseline.outcome,
        }
        return {key: value for key, value in said.items() if value is not None}


def _input(case: CaseSpec, outcome: Rendered | RenderFailure | None) -> Any:
    if not isinstance(outcome, Rendered):
        return {"variables": dict(case.variables), "placeholders": dict(case.placeholders)}
    return [{"role": turn.role, "content": turn.content[:_LONGEST]} for turn in outcome.messages]


def _times(row: CaseResult) -> tuple[int, int, int | None]:
    """Start, end and first token. An answer is stored a moment after it came, and that is when it
    is said to have ended; without a measurement it took no time.
    """
    ended = _nanoseconds(row.created_at)
    if row.total_ms is None:
        return ended, ended, None
    started = ended - round(row.total_ms * 1e6)
    first = None if row.ttft_ms is None else started + round(row.ttft_ms * 1e6)
    return started, ended, first


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6) * 1000


def _scores(row: CaseResult) -> Iterator[Score]:
    """The answer's, then each check's: how good, and whether that is enough."""
    yield Score("assay.outcome", "CATEGORICAL", row.outcome, row.error[:_LONGEST])
    if row.score is not None:
        yield Score("assay.score", "NUMERIC", row.score)
    for check in row.checks:
        passed = bool(check["passed"])
        figure = check.get("score")
        comment = str(check["detail"])[:_LONGEST]
        yield Score(check["name"], "NUMERIC", float(passed if figure is None else figure), comment)
        yield Score(f"{check['name']} passed", "BOOLEAN", float(passed), comment)
