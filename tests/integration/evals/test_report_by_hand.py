"""The tables of a report, counted again by hand: random results of two suites and both arms."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from random import Random
from statistics import fmean

import pytest

from evals import leases, results
from evals.domain.checks import CheckOutcome
from evals.domain.statistics import wilson
from evals.models import BaselineResult, CaseResult, EvalRun
from evals.report.tables import report_of
from evals.report.values import RunReport
from evals.results import Result
from evals.scoring import Judgement
from registry import promotion
from registry.domain.actor import Actor, Role
from registry.models import ModelVersion
from tests.integration.evals.conftest import Repository, again, started
from tests.integration.evals.test_beside_the_live_version import MARGIN, TWO
from tests.integration.registry.conftest import stable

ADMIN = Actor("user:root", Role.ADMIN.scopes)
_OUTCOME = CaseResult.Outcome
_JUDGED = (_OUTCOME.PASS, _OUTCOME.PASS, _OUTCOME.FAIL, _OUTCOME.ERROR)
Answer = CaseResult | BaselineResult
#: The results of each case, by suite and key.
Cases = dict[tuple[str, str], list[CaseResult]]


def judgement(rng: Random, outcomes: Sequence[CaseResult.Outcome]) -> Judgement:
    outcome = rng.choice(outcomes)
    if outcome in (_OUTCOME.ERROR, _OUTCOME.SKIPPED):
        return Judgement(outcome, error="none came")
    is_kept = rng.random() < 0.3
    return Judgement(
        outcome,
        score=rng.random(),
        text="yes",
        checks=tuple(
            CheckOutcome(name, kind, rng.random() < 0.6, False, "", rng.choice([0, 0.5, 1.0]), w)
            for name, kind, w in (("exact", "exact", 1.0), ("advisory", "contains", 0.0))
        ),
        ttft_ms=None if is_kept else 10 * rng.random(),
        total_ms=None if is_kept else 10 + 100 * rng.random(),
        prompt_tokens=rng.randrange(100),
        completion_tokens=rng.randrange(50),
        cached_tokens=rng.choice([None, 5]),
        from_cache=is_kept,
    )


@pytest.fixture(params=[1, 2, 3])
def run(request: pytest.FixtureRequest, repository: Repository, editor: Actor) -> EvalRun:
    """Both suites use the same keys, and every other case of the second one is asked three times.
    Every result is offered twice.
    """
    rng = Random(request.param)
    rows = [row | ({"repeats": 3} if i % 2 else {}) for i, row in enumerate(repository.rows())]
    more = {
        "suites/second.yaml": json.dumps({"checks": [{"type": "exact"}], "cases": rows}),
        "prompts/oracle/prompt.yaml": json.dumps({"suites": ["oracle", "second"], "model": "tiny"}),
    }
    encoded = {path: text.encode() for path, text in more.items()}
    repository.with_(cases=15, policy=MARGIN, more=TWO | encoded).publish()
    promotion.override(target=stable(1, prompt="oracle"), actor=ADMIN, reason="the first one")
    begun = started(editor, version=2)
    prices = {"price_prompt": 2.0, "price_completion": 6.0}
    ModelVersion.objects.update(pin=begun.model.pin | prices)
    while chunk := leases.lease_chunk(run_id=begun.pk, owner="hand", size=20):
        said = [
            Result(
                lease,
                judgement(rng, _JUDGED),
                judgement(rng, (*_JUDGED, _OUTCOME.SKIPPED)),
                (rng.randrange(10), rng.randrange(5)),
            )
            for lease in chunk
        ]
        taken = results.store(run_id=begun.pk, results=[*said, *said[:3]])
        assert taken == {lease.item for lease in chunk}
        assert results.store(run_id=begun.pk, results=said) == frozenset()
    return again(begun)


def rows_of(run: EvalRun) -> list[CaseResult]:
    return list(CaseResult.objects.filter(run=run).select_related("item__suite", "baseline"))


def by_case(rows: Sequence[CaseResult]) -> Cases:
    found: Cases = defaultdict(list)
    for row in rows:
        found[row.item.suite.name, row.case].append(row)
    return found


def both(rows: Sequence[CaseResult]) -> Iterator[Answer]:
    for row in rows:
        yield from (row, row.baseline)


def test_tallies_tokens_and_cost(run: EvalRun) -> None:
    rows, usage = rows_of(run), report_of(run).usage
    paid = [answer for answer in both(rows) if not answer.from_cache]
    asked = sum(answer.prompt_tokens for answer in paid)
    written = sum(answer.completion_tokens for answer in paid)
    judged = sum(row.judge_prompt_tokens for row in rows)
    ruled = sum(row.judge_completion_tokens for row in rows)
    assert run.done == run.total == len(rows)
    assert run.errors == sum(row.outcome == "error" for row in rows)
    assert run.cached == sum(answer.from_cache for answer in both(rows))
    assert (run.prompt_tokens, run.completion_tokens) == (asked + judged, written + ruled)
    assert (usage.judge_prompt_tokens, usage.judge_completion_tokens) == (judged, ruled)
    assert usage.cost.model_usd == pytest.approx((2 * asked + 6 * written) / 1_000_000)
    told = [answer for answer in paid if answer.cached_tokens is not None]
    assert usage.prefix_cache is not None
    assert usage.prefix_cache.prompt_tokens == sum(answer.prompt_tokens for answer in told)
    assert usage.prefix_cache.cached_tokens == sum(answer.cached_tokens or 0 for answer in told)


def test_rates_of_suites(run: EvalRun) -> None:
    cases, report = by_case(rows_of(run)), report_of(run)
    for line in report.suites:
        own = [rows for (suite, _), rows in cases.items() if suite == line.name]
        rates = [rate for rows in own if (rate := share(rows)) is not None]
        bounds = wilson(sum(rates), len(rates), report.confidence)
        assert line.cases == len(own)
        assert line.pass_rate == pytest.approx(fmean(rates))
        assert line.interval == pytest.approx((bounds.low, bounds.high))


def share(answers: Sequence[Answer]) -> float | None:
    """Of those that were judged."""
    judged = [a.outcome == "pass" for a in answers if a.outcome in ("pass", "fail")]
    return fmean(judged) if judged else None


def test_rates_of_checks(run: EvalRun) -> None:
    cases, report = by_case(rows_of(run)), report_of(run)
    assert len(report.checks) == 4
    for line in report.checks:
        own = [rows for (suite, _), rows in cases.items() if suite == line.suite]
        said = [passes for rows in own if (passes := said_of(line.name, rows))]
        live = [p for rows in own if (p := said_of(line.name, [row.baseline for row in rows]))]
        rate = fmean(fmean(passes) for passes in said)
        bounds = wilson(rate * len(said), len(said), report.confidence)
        assert (line.cases, line.decides) == (len(said), line.name == "exact")
        assert line.pass_rate == pytest.approx(rate)
        assert line.interval == pytest.approx((bounds.low, bounds.high))
        assert line.baseline_rate == pytest.approx(fmean(fmean(passes) for passes in live))


def said_of(check: str, answers: Sequence[Answer]) -> list[bool]:
    return [one["passed"] for a in answers for one in a.checks if one["name"] == check]


def test_what_became_of_cases(run: EvalRun) -> None:
    found = Counter(change(rows) for rows in by_case(rows_of(run)).values())
    report: RunReport = report_of(run)
    assert report.cases == found


def change(rows: Sequence[CaseResult]) -> str:
    live = [row.baseline for row in rows]
    if any(answer.outcome == "error" for answer in (*rows, *live)):
        return "error"
    now, then = share(rows), share(live)
    assert now is not None
    if then is not None and now != then:
        return "regressed" if now < then else "fixed"
    if 0 < now < 1 or (then is not None and 0 < then < 1):
        return "flaky"
    return "passing" if now == 1 else "failing"
