"""The calls about evaluations: one half of the client's methods."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TypeVar
from urllib.parse import quote

from assay.answers import CaseAnswer, EvalRun, Forecast
from assay.answers.reports import Change, RunCase, RunReport
from assay.calling import Calling
from assay.reading import read

T = TypeVar("T")

#: Answers a page: the server gives no more.
_PAGE = 500


class EvaluationCalls(Calling):
    """Plan, start, watch and read evaluations."""

    def plan(
        self, name: str, version: int, *, model: str | None = None, tag: str = "stable"
    ) -> Forecast:
        """What an evaluation would cost, and what it could decide. Starts nothing."""
        body = {"prompt": name, "version": version, "model": model, "tag": tag}
        return read(Forecast, self._post("/runs/plan", body))

    def evaluate(
        self,
        name: str,
        version: int,
        *,
        model: str | None = None,
        tag: str = "stable",
        fresh: bool = False,
    ) -> EvalRun:
        """Start an evaluation under the gate policy of `tag`. Returns at once.

        `fresh` asks everything, even what an earlier run was answered.
        """
        body = {"prompt": name, "version": version, "model": model, "tag": tag}
        return read(EvalRun, self._post("/runs", body | ({"fresh": True} if fresh else {})))

    def compare_live_with_itself(
        self, name: str, *, model: str | None = None, tag: str = "stable"
    ) -> EvalRun:
        """Ask the version that `tag` points at everything twice: how much do answers differ when
        nothing differs? Returns at once; `run.measured.flip_rate` has it in the end.
        """
        body = {"prompt": name, "model": model, "tag": tag}
        return read(EvalRun, self._post("/runs/self", body))

    def run(self, run_id: str) -> EvalRun:
        """How an evaluation stands."""
        return read(EvalRun, self._get(_run(run_id)))

    def runs(self, *, prompt: str | None = None, version: int | None = None) -> Iterator[EvalRun]:
        """Evaluations, newest first, page by page."""
        return self._pages(EvalRun, "/runs", prompt=prompt, version=version)

    def results(self, run_id: str, *, failed: bool = False) -> Iterator[CaseAnswer]:
        """A run's answers, page by page. `failed`: only those that did not pass."""
        wanted = {"failed": "true"} if failed else {}
        return self._pages(CaseAnswer, _run(run_id, "results"), page_size=_PAGE, **wanted)

    def report(self, run_id: str) -> RunReport:
        """The tables of a run: rates with intervals, times, usage, cost, variances."""
        return read(RunReport, self._get(_run(run_id, "report")))

    def run_cases(
        self, run_id: str, *, changes: Collection[Change] = (), page_size: int = _PAGE
    ) -> Iterator[RunCase]:
        """The cases of a run with their answers, regressions first, page by page.

        Only those to which one of `changes` happened; all without any.
        """
        wanted = {"change": list(changes)} if changes else {}
        path = _run(run_id, "cases")
        return self._pages(RunCase, path, page_size=min(page_size, _PAGE), **wanted)

    def cancel(self, run_id: str) -> EvalRun:
        """Stop an evaluation; what was answered is kept."""
        return read(EvalRun, self._post(_run(run_id, "cancel"), {}))

    def resume(self, run_id: str) -> EvalRun:
        """Go on with a cancelled evaluation where it stopped."""
        return read(EvalRun, self._post(_run(run_id, "resume"), {}))


def _run(run_id: str, *rest: str) -> str:
    return "/".join(("/runs", quote(run_id, safe=""), *rest))
