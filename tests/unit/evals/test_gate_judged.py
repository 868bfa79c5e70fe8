"""Judges err, people have counted how often, and the gate weighs what is left knowing that."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.gate import Evidence, JudgeRecord, compare, decide
from evals.domain.spec import SuiteSpec
from evals.domain.statistics import Hits, least_skill
from registry.domain.policy import GatePolicy
from tests.unit.evals.arms import pairs, tallies_of
from tests.unit.evals.builders import check, suite, tally
from tests.unit.evals.judges import PAIRWISE, judge

GATES = 2_000
POLICY = GatePolicy("release", min_pass_rate=0.8, min_cases=10)
ASKED = check("judge", judge="helpful")
STRENGTH = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}


def asking(cases: int, *more, **changes) -> SuiteSpec:
    """A suite whose cases the judge `helpful` decides, `more` beside it."""
    return suite(cases, checks=(ASKED, *more), judges={"helpful": judge()}, **changes)


def record(good: tuple[int, int], bad: tuple[int, int], passed: int, cases: int) -> JudgeRecord:
    """It passed `good` of so many that people pass, failed `bad` of so many that they fail."""
    said = {f"c{i}": float(i < passed) for i in range(cases)}
    return JudgeRecord("helpful", Hits(*good), Hits(*bad), said)


def gate(spec: SuiteSpec, passes: int, known: JudgeRecord | None, policy=POLICY):
    cases = len(spec.cases)
    results = [tally(f"c{i}", int(i < passes), int(i >= passes)) for i in range(cases)]
    judges = {} if known is None else {"helpful": known}
    return decide(results, spec, policy, Evidence(judges=judges))


# ------------------------------------------------------------------ one verdict is the outcome


def test_both_rates_are_told_and_the_corrected_one_decides():
    decision = gate(asking(200), 174, record((98, 100), (80, 100), 174, 200))
    assert decision.pass_rate == 0.87
    assert decision.interval.low > 0.8  # as the judge saw it, it passes
    assert decision.corrected.method == "rogan-gladen"
    assert decision.corrected.value == pytest.approx((0.87 + 0.8 - 1) / (0.98 + 0.8 - 1))
    assert decision.corrected.interval.low < 0.8
    assert decision.verdict == "INCONCLUSIVE"
    raw, corrected, cure = decision.reasons
    assert raw.startswith("pass rate 174/200 = 87.0 %")
    assert raw.endswith("as judged by helpful")
    assert "helpful (passed 98 of 100 answers that people pass, failed 80 of 100" in corrected
    assert "by Rogan-Gladen 85.9 %" in corrected
    assert corrected.endswith("floor 80.0 %: undecided")
    assert "cases would decide" in cure


def test_a_judge_that_is_too_strict_does_not_fail_a_good_candidate():
    decision = gate(asking(400), 312, record((170, 200), (198, 200), 312, 400))
    assert decision.interval.low < 0.8
    assert (decision.verdict, decision.reasons[1][-6:]) == ("PASS", "passes")
    assert decision.corrected.value == pytest.approx(0.917, abs=0.001)


def test_a_judge_that_is_too_mild_does_not_hide_a_bad_candidate():
    decision = gate(asking(600), 492, record((197, 200), (120, 200), 492, 600))
    assert decision.interval.low < 0.82 < decision.interval.high
    assert decision.corrected.value == pytest.approx(0.718, abs=0.001)
    assert decision.corrected.interval.high < 0.8
    assert decision.verdict == "FAIL"


def test_when_only_labels_would_decide_it_says_so():
    decision = gate(asking(2_000), 1_720, record((24, 25), (20, 25), 1_720, 2_000))
    assert decision.verdict == "INCONCLUSIVE"
    assert "more labels would tell more of the judge" in decision.reasons[-1]


def test_labels_of_one_kind_or_none_prove_nothing():
    one_kind = JudgeRecord("helpful", Hits(60, 60), None, {f"c{i}": 1.0 for i in range(200)})
    for known in (one_kind, None, record((30, 60), (30, 60), 200, 200)):
        decision = gate(asking(200), 200, known)
        assert decision.verdict == "INCONCLUSIVE"
        assert decision.corrected.interval.low == 0.0


# ------------------------------------------------------------------ something else decides too


@pytest.mark.parametrize(
    "spec",
    [
        asking(200, check("exact")),
        asking(200, check("judge", judge="helpful")),
        asking(200, threshold=0.5),
        replace(asking(200), checks=(replace(ASKED, negate=True),)),
        replace(asking(200), checks=(replace(ASKED, threshold=0.9),)),
        replace(asking(200), judges={"helpful": judge(PAIRWISE)}),
        replace(asking(200), checks=(replace(ASKED, weight=0, critical=True), check("exact"))),
    ],
    ids="beside_a_check twice threshold not own_threshold another_question critical".split(),
)
def test_what_cannot_be_corrected_stands_between_bounds_and_says_so(spec):
    decision = gate(spec, 184, record((95, 100), (95, 100), 190, 200))
    assert decision.corrected.method == "bounds"
    assert decision.corrected.value == decision.pass_rate == 0.92
    assert decision.corrected.interval.low < decision.interval.low
    assert decision.corrected.interval.high > decision.interval.high
    assert "cannot be corrected for the errors of helpful" in decision.reasons[1]
    is_proved = decision.corrected.interval.low >= 0.8  # `not` makes the most of rare failures
    assert decision.verdict == ("PASS" if is_proved else "INCONCLUSIVE")
    assert is_proved != spec.checks[0].negate


def test_checks_that_do_not_count_change_nothing():
    spec = asking(200, replace(check("exact"), weight=0))
    decision = gate(spec, 184, record((95, 100), (95, 100), 184, 200))
    assert decision.corrected.method == "rogan-gladen"
    plain = gate(suite(200), 184, None)
    assert plain.corrected is None


@given(
    st.integers(0, 120),
    st.integers(0, 120),
    st.tuples(st.integers(0, 40), st.integers(0, 40)),
    st.booleans(),
)
def test_beside_other_checks_a_correction_never_improves_a_verdict(passes, said, right, is_turned):
    checked = replace(ASKED, negate=is_turned)
    spec = replace(asking(120), checks=(checked, check("exact")))
    known = record((right[0], 40), (right[1], 40), said, 120)
    with_judge, without = gate(spec, passes, known), gate(suite(120), passes, None)
    assert with_judge.corrected.interval.low <= without.interval.low
    assert with_judge.corrected.interval.high >= without.interval.high
    if with_judge.verdict != "INCONCLUSIVE":
        assert with_judge.verdict == without.verdict


# ------------------------------------------------------------------ false passes, simulated


@cache
def sole(passed: int, cases: int, good: tuple[int, int], bad: tuple[int, int], floor: float) -> str:
    policy = replace(POLICY, min_pass_rate=floor)
    return str(gate(asking(cases), passed, record(good, bad, passed, cases), policy).verdict)


@pytest.mark.parametrize(
    ("se", "sp", "labels", "cases", "floor"),
    [
        (0.98, 0.75, (50, 50), 100, 0.8),  # mild
        (0.80, 0.98, (50, 50), 100, 0.8),  # strict
        (0.90, 0.90, (25, 25), 100, 0.9),  # as few labels as the usual policy asks for
        (0.95, 0.95, (40, 10), 200, 0.8),
        (0.99, 0.99, (100, 100), 200, 0.5),
    ],
)
def test_what_is_just_not_good_enough_passes_less_often_than_promised(se, sp, labels, cases, floor):
    rng = np.random.default_rng(31)
    people = rng.binomial(cases, floor, GATES)
    passed = rng.binomial(people, se) + rng.binomial(cases - people, 1 - sp)
    good, bad = rng.binomial(labels[0], se, GATES), rng.binomial(labels[1], sp, GATES)
    seen = [
        sole(int(p), cases, (int(g), labels[0]), (int(b), labels[1]), floor)
        for p, g, b in zip(passed, good, bad, strict=True)
    ]
    assert seen.count("PASS") / GATES <= 0.05
    assert seen.count("FAIL") / GATES <= 0.05


def test_without_the_correction_a_mild_judge_passes_what_people_would_not():
    rng = np.random.default_rng(31)
    people = rng.binomial(400, 0.8, GATES)
    passed = rng.binomial(people, 0.98) + rng.binomial(400 - people, 0.25)
    raw = [plain(int(p), 400) for p in passed]
    assert raw.count("PASS") / GATES > 0.2


@cache
def plain(passed: int, cases: int) -> str:
    return str(gate(suite(cases), passed, None).verdict)


@cache
def mixed(passes: int, said: int, good: int, bad: int) -> str:
    known = record((good, 50), (bad, 50), said, 100)
    return str(gate(asking(100, check("exact")), passes, known).verdict)


@pytest.mark.parametrize("others_pass", [0.0, 1.0], ids=["caught elsewhere", "caught by nobody"])
def test_beside_other_checks_it_holds_however_the_errors_fall(others_pass):
    """The judge passes 25 of 100 answers that people fail; the other check sees all of them fail,
    or none. People and the other check together pass 80 % of the cases.
    """
    rng = np.random.default_rng(37)
    good = rng.binomial(100, 0.8, GATES)
    false_passes = rng.binomial(100 - good, 0.25)
    kept = rng.binomial(good, 0.98)
    passes = kept + (false_passes if others_pass else 0)
    right_good, right_bad = rng.binomial(50, 0.98, GATES), rng.binomial(50, 0.75, GATES)
    rows = zip(passes, kept + false_passes, right_good, right_bad, strict=True)
    seen = [mixed(*map(int, row)) for row in rows]
    assert seen.count("PASS") / GATES <= 0.05
    assert seen.count("FAIL") / GATES <= 0.05


# ------------------------------------------------------------------ beside the live version


MARGIN = GatePolicy("release", margin=0.05)


@cache
def compared(worse: int, better: int, cases: int, skill: float) -> str:
    return str(compare(pairs(worse, better, cases), MARGIN, skill).verdict)


def test_a_drop_of_the_margin_seldom_passes_through_a_judge_that_blurs_it():
    """Of 1,500 cases 5 % got worse for people; the judge shows 70 % of that, beside its noise."""
    rng = np.random.default_rng(41)
    se, sp, cases, gates = 0.85, 0.85, 1_500, 400
    tables = rng.multinomial(cases, [0.05, 0.75, 0.20], gates)
    seen, blind = [], []
    labels = zip(rng.binomial(50, se, gates), rng.binomial(50, sp, gates), strict=True)
    for (lost, both, none), (good, bad) in zip(tables, labels, strict=True):
        # Lost: the live version is right, the candidate wrong. Errors of the two are independent.
        worse = (
            rng.binomial(lost, se * sp)
            + rng.binomial(both, se * (1 - se))
            + rng.binomial(none, (1 - sp) * sp)
        )
        better = (
            rng.binomial(lost, (1 - se) * (1 - sp))
            + rng.binomial(both, se * (1 - se))
            + rng.binomial(none, (1 - sp) * sp)
        )
        skill = round(least_skill(Hits(int(good), 50), Hits(int(bad), 50)), 2)
        seen.append(compared(int(worse), int(better), cases, skill))
        blind.append(compared(int(worse), int(better), cases, 1.0))
    assert seen.count("PASS") / gates <= 0.05
    assert blind.count("PASS") / gates > 0.15


def test_the_margin_that_judges_leave_is_in_the_sentences():
    arms = pairs(8, 0, 200)
    known = record((45, 50), (45, 50), 192, 200)
    policy = replace(MARGIN, min_pass_rate=0.5, margin=0.1)
    evidence = Evidence(pairs=tuple(arms), judges={"helpful": known})
    decision = decide(tallies_of(arms), asking(200), policy, evidence)
    assert decision.comparison is not None
    skill = least_skill(Hits(45, 50), Hits(45, 50))
    assert decision.comparison.judge_skill == pytest.approx(skill)
    assert any("differences show smaller than they are" in reason for reason in decision.reasons)
    plain_one = decide(tallies_of(arms), suite(200), policy, Evidence(pairs=tuple(arms)))
    assert (plain_one.verdict, decision.verdict) == ("PASS", "INCONCLUSIVE")
    assert plain_one.comparison is not None
    assert decision.comparison.detectable_margin > plain_one.comparison.detectable_margin


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0, 1))
def test_no_skill_of_a_judge_makes_a_comparison_better_or_a_failure_of_nothing(
    worse, better, skill
):
    with_judge = compare(pairs(worse, better, 120), MARGIN, skill).verdict
    without = compare(pairs(worse, better, 120), MARGIN).verdict
    assert STRENGTH[str(with_judge)] <= STRENGTH[str(without)]
    assert (with_judge == "FAIL") == (without == "FAIL")
