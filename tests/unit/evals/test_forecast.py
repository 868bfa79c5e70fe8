"""What a run costs and can decide is said before anything is spent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals.domain.forecast import USUAL_FLIP_RATE, TokenEstimate, Workload, forecast
from registry.domain.model_pin import ModelPin
from registry.domain.policy import GatePolicy
from tests.unit.evals.builders import case, suite

POLICY = GatePolicy("release")
PIN = ModelPin("m", "m", concurrency=4, price_prompt=0.5, price_completion=1.5)
ESTIMATE = TokenEstimate(prompt=200, completion=40, seconds=3.0)


def test_requests_tokens_cost_and_minutes_follow_from_cases_and_repeats():
    spec = suite((*suite(59).cases, case("twice", repeats=20)), repeats=2)
    plan = forecast(spec, POLICY, PIN, ESTIMATE)
    assert (plan.cases, plan.requests, plan.tokens) == (60, 138, 138 * 240)
    assert plan.cost_usd == pytest.approx(138 * (200 * 0.5 + 40 * 1.5) / 1_000_000)
    assert plan.minutes == pytest.approx(138 * 3 / 4 / 60)


def test_minutes_are_not_guessed_when_nobody_measured():
    assert forecast(suite(60), POLICY, PIN, replace(ESTIMATE, seconds=None)).minutes is None


def test_the_sentence_says_which_scores_decide():
    plan = forecast(suite(60), POLICY, PIN, ESTIMATE)
    assert plan.decidable
    assert plan.detectable.startswith(
        "of 60 cases, 55 or more right pass the floor of 80.0 %, 41 or fewer fail"
    )
    assert "with 80 % probability" in plan.detectable


def test_a_suite_below_the_least_cases_cannot_decide():
    plan = forecast(suite(12), POLICY, PIN, ESTIMATE)
    assert not plan.decidable
    assert plan.detectable == "12 cases cannot pass: this gate needs at least 30"


def test_a_suite_too_small_for_its_floor_says_how_many_it_takes():
    plan = forecast(suite(30, min_pass_rate=0.9), POLICY, PIN, ESTIMATE)
    assert not plan.decidable
    assert plan.detectable == (
        "even 30/30 right has a lower bound of 88.6 %, below the floor of 90.0 % "
        "(it takes 35): this suite can never pass"
    )


def test_a_floor_of_one_hundred_percent_can_never_be_proved():
    plan = forecast(suite(60, min_pass_rate=1.0), POLICY, PIN, ESTIMATE)
    assert not plan.decidable
    assert "no number of cases proves 100 %" in plan.detectable


MARGIN = replace(POLICY, margin=0.05)


def test_a_live_version_doubles_the_requests_and_judges_are_counted_apart():
    spec = suite(60, repeats=3)
    alone = forecast(spec, POLICY, PIN, ESTIMATE)
    both = forecast(spec, POLICY, PIN, ESTIMATE, Workload(arms=2, judge_calls=4))
    assert (alone.requests, both.requests, both.judge_requests) == (180, 360, 720)
    assert both.tokens == 2 * alone.tokens
    assert both.cost_usd == pytest.approx(2 * alone.cost_usd)
    assert both.minutes == pytest.approx(2 * (alone.minutes or 0))
    assert (alone.judge_requests, alone.detectable_drop, alone.detectable_margin) == (0, None, None)


def test_beside_a_live_version_the_plan_says_which_drop_it_would_find():
    plan = forecast(suite(200), POLICY, PIN, ESTIMATE, Workload(arms=2, flip_rate=0.1))
    assert plan.detectable_drop == pytest.approx(0.0727, abs=1e-3)
    assert plan.detectable.endswith(
        "against the live version a drop of 7.3 points or more shows with 80 % probability "
        "(10.0 % of answers flip by chance: measured)"
    )


def test_an_unmeasured_flip_rate_is_assumed_and_said_to_be():
    assumed = forecast(suite(200), POLICY, PIN, ESTIMATE, Workload(arms=2))
    measured = forecast(suite(200), POLICY, PIN, ESTIMATE, Workload(2, USUAL_FLIP_RATE))
    assert assumed.detectable_drop == measured.detectable_drop
    assert "assumed, an A/A run measures it" in assumed.detectable


def test_a_margin_needs_enough_cases_before_anything_is_spent():
    few = forecast(suite(60), MARGIN, PIN, ESTIMATE, Workload(arms=2, flip_rate=0.0))
    assert not few.decidable
    assert "no result of 60 cases proves the margin of 5.0 points: it takes 70" in few.detectable
    enough = forecast(suite(70), MARGIN, PIN, ESTIMATE, Workload(arms=2, flip_rate=0.0))
    assert enough.decidable
    assert enough.detectable.endswith("passes the margin of 5.0 points with 100.0 %")
    assert forecast(suite(60), MARGIN, PIN, ESTIMATE).decidable


def test_with_a_margin_the_drop_is_the_one_that_fails():
    plan = forecast(suite(400), MARGIN, PIN, ESTIMATE, Workload(arms=2))
    assert plan.detectable_drop == pytest.approx(0.106, abs=1e-3)
    assert plan.detectable_margin == pytest.approx(0.042, abs=1e-3)
    assert "a drop of 10.6 points or more fails with 80 % probability" in plan.detectable


def test_repeats_see_more_and_clusters_less():
    once = forecast(suite(200), POLICY, PIN, ESTIMATE, Workload(arms=2))
    often = forecast(suite(200, repeats=5), POLICY, PIN, ESTIMATE, Workload(arms=2))
    alike = forecast(suite(200), POLICY, PIN, ESTIMATE, Workload(arms=2, clusters=40))
    drops = [plan.detectable_drop or 1.0 for plan in (often, once, alike)]
    assert drops == sorted(drops)
    assert len(set(drops)) == 3


def test_a_handful_of_cases_finds_no_drop():
    plan = forecast(suite(3), POLICY, PIN, ESTIMATE, Workload(arms=2))
    assert plan.detectable_drop is None
    assert "no drop shows with 80 % probability" in plan.detectable


def test_an_empty_suite_has_a_plan_too():
    assert forecast(suite(0), MARGIN, PIN, ESTIMATE, Workload(arms=2)).requests == 0
