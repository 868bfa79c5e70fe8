"""What a run costs and can decide is said before anything is spent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals.domain.forecast import TokenEstimate, forecast
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
