"""What the server says of real runs is what the command line reads, in every format."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import fromstring

from django.utils import timezone

from assay.answers import EvalRun, Forecast
from assay.answers.reports import RunCase, RunReport
from assay.commands.reporting import Format, text
from assay.reading import read
from assay.report.making import report_of
from assay.report.value import Report
from evals import engine, runs
from registry.domain.actor import Actor
from tests.integration.evals.conftest import QUICK, Repository
from tests.integration.evals.model_server import ModelServer, Say
from tests.integration.evals.test_a_timed_run import evaluated, published
from tests.integration.evals.test_beside_the_live_version import live, number
from tests.integration.evals.test_runs_api import client


def got(path: str) -> Any:
    answer = client().get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def report(run_id: object) -> Report:
    cases = got(f"runs/{run_id}/cases?page_size=500")["results"]
    tables = read(RunReport, got(f"runs/{run_id}/report"))
    run = read(EvalRun, got(f"runs/{run_id}"))
    return report_of(run, tables, [read(RunCase, body) for body in cases])


def test_a_run_with_a_latency_phase_and_guardrails(repository: Repository, editor: Actor) -> None:
    published(repository, editor, margin=0.2, guardrails={"latency_p50": {"max_increase": 5.0}})
    found = report(evaluated(editor).pk)
    [suite] = found.suites
    assert suite.comparison is not None
    assert [rail.name for rail in suite.guardrails] == ["latency_p50"]
    assert {row.concurrency for row in found.times} == {None, 2}
    for form in Format:
        assert "oracle" in text(found, form)


def test_the_report_counts_the_flips_that_the_gate_counts(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    live(repository, editor)
    server.reply = lambda asked, _: Say(
        "no" if asked.endswith("two") and number(asked) % 3 == 0 else "yes"
    )
    run = runs.start_run(
        prompt="oracle", version=2, model=None, tag="stable", actor=editor, now=timezone.now()
    )
    engine.work(run.pk, limits=QUICK)
    found = report(run.pk)
    [suite] = found.suites
    assert suite.comparison is not None
    assert found.counts["regressed"] == suite.comparison.regressions
    root = fromstring(text(found, Format.JUNIT).encode())
    assert root.get("failures") == str(found.counts["regressed"] + 1)


def test_the_live_version_beside_itself(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    live(repository, editor)
    run = runs.start_self_comparison(
        prompt="oracle", model=None, tag="stable", actor=editor, now=timezone.now()
    )
    engine.work(run.pk, limits=QUICK)
    found = report(run.pk)
    assert found.run.measured.flip_rate == 0
    assert "0 of 60 cases came out differently: flip rate 0.0 %" in text(found, Format.TABLE)


def test_a_plan_is_read(repository: Repository, editor: Actor) -> None:
    live(repository, editor)
    answer = client().post("/api/v1/runs/plan", {"prompt": "oracle", "version": 2})
    planned = read(Forecast, answer.json())
    assert (planned.cases, planned.requests) == (60, 120)
    assert planned.detectable_drop is not None
