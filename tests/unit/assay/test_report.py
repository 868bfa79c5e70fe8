"""What the answers of a run come to: rates, flips, times, usage."""

from __future__ import annotations

import json
from typing import Any

from assay.answers import EvalRun, LatencyPhase, Measured
from assay.answers.reports import RunCase, RunReport
from assay.reading import read
from assay.report.making import nothing_yet, report_of
from assay.report.value import Report
from evals.domain.gate import CaseTally, Evidence, PairedCase
from evals.domain.latency import ArmReport, LatencyReport, LatencySpec, LevelReport, Slo, Timing
from evals.domain.suite import CaseSpec, SuiteSpec
from evals.verdict import SuiteResults, decide_run
from registry.domain.policy import GatePolicy
from tests.integration.assay.bodies import run
from tests.integration.assay.compared import (
    SUITE,
    answer,
    answers,
    arm,
    cases,
    compared_run,
    tables,
    variance,
)


def reported(body: dict[str, Any], results: list[dict[str, Any]], **changes: Any) -> Report:
    found = [read(RunCase, case) for case in cases(results)]
    return report_of(read(EvalRun, body), read(RunReport, tables(**changes)), found)


def repeated(case: str, *outcomes: tuple[str, str | None]) -> list[dict[str, Any]]:
    return [answer(case, *both, repeat=n) for n, both in enumerate(outcomes, start=1)]


def test_the_gate_s_own_figures_are_shown() -> None:
    [suite] = reported(compared_run(), answers()).suites
    assert (suite.verdict, suite.passed, suite.pass_rate) == ("INCONCLUSIVE", 8, 0.8)
    assert suite.comparison is not None
    assert (suite.comparison.regressions, suite.comparison.improvements) == (1, 1)


def test_what_a_format_does_not_show_is_counted_all_the_same() -> None:
    few = cases()[:1]
    found = report_of(
        read(EvalRun, compared_run()),
        read(RunReport, tables()),
        [read(RunCase, case) for case in few],
    )
    assert len(found.of("regressed", "fixed")) == 1
    assert found.count("regressed", "fixed") == 2


def test_a_run_without_an_answer_has_empty_tables() -> None:
    waiting = read(EvalRun, run())
    found = report_of(waiting, nothing_yet(waiting), ())
    assert [(row.name, row.cases, row.pass_rate) for row in found.suites] == [(SUITE, 0, None)]
    assert (found.counts, found.usage.cost.total_usd) == ({}, 0.0)


def test_a_flip_is_doubtful_only_where_the_history_says_so() -> None:
    worse, better, broken = (read(RunCase, {**case, "history": "flaky"}) for case in cases()[:3])
    assert (worse.is_doubtful, better.is_doubtful, broken.is_doubtful) == (True, True, False)
    assert not read(RunCase, cases()[0]).is_doubtful


def test_what_would_show_more_of_the_spread_is_said_once() -> None:
    rows = [variance(), variance(of="helpful"), variance(suite="other")]
    [remark] = reported(compared_run(), answers(), variances=rows).remarks
    assert remark.startswith("spread of support-chat, other: no case was asked twice")


def test_the_answer_that_tells_is_the_one_that_made_the_change() -> None:
    both = [("pass", "pass"), ("fail", "pass")]
    [row] = reported(compared_run(), repeated("a", *both)).cases
    assert row.telling.repeat == 2


def test_what_a_latency_phase_measured_is_beside_the_times_of_the_run() -> None:
    timings = [Timing(n, n, 10.0 + n, 90.0 + n, 100, 20, 30) for n in range(80)]
    arms = tuple(ArmReport.of(name, timings, ()) for name in ("candidate", "baseline"))
    spec = LatencySpec(concurrency=(4,), slo=Slo(ttft_ms=50))
    phase = LatencyReport(spec, (LevelReport(4, arms, 2.0),), "time_limit", False, 3.0)
    body = compared_run(latency={SUITE: phase.to_json()})
    found = reported(body, [], times=[])
    assert isinstance(found.run.latency[SUITE], LatencyPhase)
    assert {(row.suite, row.concurrency, row.arm) for row in found.times} == {
        (SUITE, 4, "candidate"),
        (SUITE, 4, "live"),
    }
    told = "\n".join(found.remarks)
    assert "its time was over before every level was measured" in told
    assert "4 at once, live: 41 of 80 requests kept every objective" in told
    assert "p50 of ttft_ms against the live version +0.0 %" in told


def test_what_the_gate_writes_down_is_what_the_client_reads() -> None:
    specs = tuple(CaseSpec(f"case-{n}", {}, {}, None, False, None, (), ()) for n in range(40))
    suite = SuiteSpec("oracle", "", 1, None, None, (), specs)
    tallies = tuple(CaseTally(c.key, False, 1, 1, 0, 0, 0) for c in specs)
    pairs = tuple(PairedCase(c.key, c.key, 1.0, 1.0, 1) for c in specs)
    policy = GatePolicy("release", margin=0.1)
    results = SuiteResults(suite=suite, tallies=tallies, pairs=pairs)
    assert isinstance(results.evidence, Evidence)
    decision = decide_run([results], policy, doubts=(), is_pinned=True)
    measured = read(Measured, read_as_json(decision.summary()))
    assert measured.suites[0].comparison is not None
    assert measured.suites[0].comparison.cases == 40


def read_as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def test_texts_are_cut_once_and_cleaned() -> None:
    long = arm("fail", "x\r\ny\x1b" + "z" * 10_000)
    [row] = reported(run(), [answer("a", "fail", None, **long)]).cases
    text = row.answers[0].text
    assert text.startswith("x\ny\N{REPLACEMENT CHARACTER}zz")
    assert text.endswith("… (cut)")
    assert len(text) < 4_100
