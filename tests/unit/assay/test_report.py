"""What the answers of a run come to: rates, flips, times, usage."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.answers import CaseAnswer, EvalRun, LatencyPhase, Measured
from assay.reading import read
from assay.report.making import report_of
from assay.report.value import Report
from evals.domain.gate import CaseTally, Evidence, PairedCase
from evals.domain.latency import ArmReport, LatencyReport, LatencySpec, LevelReport, Slo, Timing
from evals.domain.statistics import percentile_bounds, wilson
from evals.domain.suite import CaseSpec, SuiteSpec
from evals.verdict import SuiteResults, decide_run
from registry.domain.policy import GatePolicy
from tests.integration.assay.bodies import run
from tests.integration.assay.compared import (
    SUITE,
    answer,
    answers,
    arm,
    check,
    compared_run,
)


def reported(body: dict[str, Any], results: list[dict[str, Any]]) -> Report:
    return report_of(read(EvalRun, body), [read(CaseAnswer, result) for result in results])


def repeated(case: str, *outcomes: tuple[str, str | None]) -> list[dict[str, Any]]:
    return [answer(case, *both, repeat=n) for n, both in enumerate(outcomes, start=1)]


def test_the_gate_s_own_figures_are_shown() -> None:
    [suite] = reported(compared_run(), answers()).suites
    assert (suite.verdict, suite.passed, suite.pass_rate) == ("INCONCLUSIVE", 8, 0.8)
    assert suite.comparison is not None
    assert (suite.comparison.regressions, suite.comparison.improvements) == (1, 1)


def test_a_run_that_goes_on_has_the_rates_of_the_answers_so_far() -> None:
    [suite] = reported(run(status="running"), answers()[:4]).suites
    expected = wilson(4, 4)
    assert (suite.verdict, suite.cases, suite.pass_rate) == (None, 4, 1.0)
    assert suite.interval == (expected.low, expected.high)


def test_a_check_counts_each_case_once_by_the_mean_of_its_repeats() -> None:
    results = repeated("a", ("pass", None), ("fail", None)) + repeated("b", *[("pass", None)] * 2)
    [row] = reported(run(status="running"), results).checks
    expected = wilson(1.5, 2)
    assert (row.cases, row.pass_rate, row.baseline_rate, row.score) == (2, 0.75, None, 0.75)
    assert row.interval == (expected.low, expected.high)


def test_a_check_without_weight_decides_nothing_unless_it_is_critical() -> None:
    checks = [check(True, name="tone", weight=0), check(True, name="safe", weight=0, critical=True)]
    rows = reported(run(), [answer("a", "pass", None, checks=checks)]).checks
    assert [(row.name, row.decides, row.critical) for row in rows] == [
        ("tone", False, False),
        ("safe", True, True),
    ]


@pytest.mark.parametrize(
    ("outcomes", "change"),
    [
        ([("fail", "pass")], "regressed"),
        ([("pass", "fail")], "fixed"),
        ([("pass", "pass"), ("fail", "pass")], "regressed"),
        ([("pass", "fail"), ("fail", "pass")], "flaky"),
        ([("pass", None), ("fail", None)], "flaky"),
        ([("error", "pass")], "error"),
        ([("pass", "error")], "error"),
        ([("fail", "skipped")], "failing"),
        ([("pass", "skipped")], "passing"),
        ([("fail", "fail")], "failing"),
        ([("fail", None)], "failing"),
    ],
)
def test_what_became_of_a_case(outcomes: list[tuple[str, str | None]], change: str) -> None:
    [row] = reported(compared_run(), repeated("a", *outcomes)).cases
    assert row.change == change


def test_a_version_beside_itself_only_flips() -> None:
    itself = run(kind="self", version=3, baseline=3)
    [row] = reported(itself, repeated("a", ("fail", "pass"))).cases
    assert row.change == "flaky"


@given(st.lists(st.tuples(st.sampled_from(["pass", "fail", "error"]), st.booleans()), min_size=1))
def test_regressions_and_fixes_are_those_the_gate_counts(seen: list[tuple[str, bool]]) -> None:
    results = [
        answer(f"case-{n}", outcome, "pass" if live else "fail")
        for n, (outcome, live) in enumerate(seen)
    ]
    counts = reported(compared_run(), results).counts
    assert counts.get("regressed", 0) == seen.count(("fail", True))
    assert counts.get("fixed", 0) == seen.count(("pass", False))
    assert sum(counts.values()) == len(seen)


def test_the_answer_that_tells_is_the_one_that_made_the_change() -> None:
    both = [("pass", "pass"), ("fail", "pass")]
    [row] = reported(compared_run(), repeated("a", *both)).cases
    assert row.telling.repeat == 2


def test_times_leave_out_what_was_not_asked_for_and_have_bounds() -> None:
    old = answer("old", "pass", None, from_cache=True, ttft_ms=1.0, total_ms=1.0)
    results = [answer(f"case-{n}", "pass", None, total_ms=float(n)) for n in range(1, 101)]
    rows = reported(run(), [old, *results]).times
    total = next(row for row in rows if row.metric == "total_ms")
    p95 = next(cell for cell in total.percentiles if cell.quantile == 0.95)
    assert (total.arm, total.count) == ("candidate", 100)
    assert p95.value == pytest.approx(95.05)
    expected = percentile_bounds([float(n) for n in range(1, 101)], 0.95)
    assert (p95.low, p95.high) == (expected.low, expected.high)


def test_repeats_have_no_bounds_and_the_reader_is_told() -> None:
    found = reported(run(), repeated("a", *[("pass", None)] * 20))
    assert {(cell.low, cell.high) for row in found.times for cell in row.percentiles} == (
        {(None, None)}
    )
    assert "depend on each other" in found.remarks[0]


def test_usage_counts_the_prefix_cache_where_the_server_speaks_of_it() -> None:
    silent = answer("a", "pass", None, cached_tokens=None)
    told = answer("b", "pass", None, cached_tokens=25)
    usage = reported(compared_run(), [silent, told]).usage
    assert usage.prefix_cache_rate == 0.25
    assert (usage.cached_answers, usage.seconds, usage.planned_cost_usd) == (2, 75.0, 0.0123)
    assert reported(run(), [silent]).usage.prefix_cache_rate is None


def test_what_a_latency_phase_measured_is_beside_the_times_of_the_run() -> None:
    timings = [Timing(n, n, 10.0 + n, 90.0 + n, 100, 20, 30) for n in range(80)]
    arms = tuple(ArmReport.of(name, timings, ()) for name in ("candidate", "baseline"))
    spec = LatencySpec(concurrency=(4,), slo=Slo(ttft_ms=50))
    phase = LatencyReport(spec, (LevelReport(4, arms, 2.0),), "time_limit", False, 3.0)
    body = compared_run(latency={SUITE: phase.to_json()})
    found = reported(body, [])
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
    cases = tuple(CaseSpec(f"case-{n}", {}, {}, None, False, None, (), ()) for n in range(40))
    suite = SuiteSpec("oracle", "", 1, None, None, (), cases)
    tallies = tuple(CaseTally(c.key, False, 1, 1, 0, 0, 0) for c in cases)
    pairs = tuple(PairedCase(c.key, c.key, 1.0, 1.0, 1) for c in cases)
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
