"""What a judge may answer, and what several answers come to."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.json_schema import violation
from evals.domain.judge.errors import VerdictError
from evals.domain.judge.verdict import (
    Verdict,
    read_verdict,
    response_format,
    settle,
    settle_likelihood,
    settle_likelihoods,
    settle_pairs,
)
from tests.unit.evals.judges import LABEL, LIKELIHOOD, PAIRWISE, SCORE, rubric


def said(*values, text=SCORE):
    return settle(rubric(text), [Verdict(value, "") for value in values])


@pytest.mark.parametrize(("text", "value"), [(SCORE, 4), (LABEL, "helps"), (PAIRWISE, "tie")])
def test_what_was_asked_for_is_read(text, value):
    answer = json.dumps({"reasoning": "It helps.", "verdict": value})
    assert read_verdict(rubric(text), f"\n{answer} ", "stop") == Verdict(value, "It helps.")


BROKEN = [
    ("", "stop"),
    (":", "stop"),
    ("5", "stop"),
    ("null", "stop"),
    ("I cannot help with that.", "stop"),
    ('{"reasoning": "x"', "stop"),
    ('{"reasoning": "x", "verdict": 4}', "length"),
    ('{"reasoning": "x", "verdict": 4}', "content_filter"),
    ('{"verdict": 4, "reasoning": "afterwards"}', "stop"),
    ('{"verdict": 4}', "stop"),
    ('{"reasoning": "x", "verdict": 4, "confidence": 1}', "stop"),
    ('{"reasoning": "x", "verdict": 1, "verdict": 5}', "stop"),
    ('{"reasoning": 4, "verdict": 4}', "stop"),
    ('{"reasoning": "x", "verdict": 6}', "stop"),
    ('{"reasoning": "x", "verdict": 0}', "stop"),
    ('{"reasoning": "x", "verdict": true}', "stop"),
    ('{"reasoning": "x", "verdict": "4"}', "stop"),
    ('{"reasoning": "x", "verdict": 4.5}', "stop"),
    ('{"reasoning": "x", "verdict": NaN}', "stop"),
    ('{"reasoning": "x", "verdict": null}', "stop"),
    ('```json\n{"reasoning": "x", "verdict": 4}\n```', "stop"),
    ('{"reasoning": "x", "verdict": 4} {"reasoning": "x", "verdict": 5}', "stop"),
    ('[{"reasoning": "x", "verdict": 4}]', "stop"),
    ("[" * 10_000, "stop"),
]


@pytest.mark.parametrize(("text", "ending"), BROKEN)
def test_everything_else_is_no_verdict(text, ending):
    with pytest.raises(VerdictError):
        read_verdict(rubric(), text, ending)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner)
    ),
    max_leaves=5,
)
ANSWERS = st.one_of(
    st.text(max_size=60),
    JSON.map(json.dumps),
    st.builds(lambda a, b: json.dumps({"reasoning": a, "verdict": b}), JSON, JSON),
)


@given(ANSWERS, st.sampled_from(["stop", "length", None, "", "eos", "refusal"]))
def test_a_verdict_is_on_the_scale_or_there_is_none(text, ending):
    for kind in (SCORE, LABEL, PAIRWISE):
        try:
            found = read_verdict(rubric(kind), text, ending)
        except VerdictError:
            continue
        assert found.value in rubric(kind).verdicts
        assert not isinstance(found.value, bool | float)


@pytest.mark.parametrize("text", [SCORE, LABEL, PAIRWISE])
def test_the_schema_asks_for_reasoning_first_and_accepts_what_is_read(text):
    asked = response_format(rubric(text))["json_schema"]
    assert asked["strict"] is True
    assert list(asked["schema"]["properties"]) == ["reasoning", "verdict"]
    for value in rubric(text).verdicts:
        assert violation(asked["schema"], {"reasoning": "x", "verdict": value}) is None
    assert violation(asked["schema"], {"reasoning": "x", "verdict": 9})
    assert violation(asked["schema"], {"reasoning": "x" * 601, "verdict": rubric(text).verdicts[0]})


def test_scores_are_averaged_and_their_spread_is_told():
    ruling = said(5, 4, 3)
    assert (ruling.passed, ruling.score, ruling.verdict) == (True, 0.75, "4")
    assert "from 3 to 5" in ruling.words
    assert not said(5, 3, 3).passed
    assert said(1).score == 0.0
    assert said(5).score == 1.0


def test_a_label_needs_more_than_half():
    assert said("helps", "helps", "harms", text=LABEL).passed
    even = said("helps", "harms", text=LABEL)
    assert (even.passed, even.score, even.verdict) == (False, 0.5, "harms")


def pair(first, second):
    return Verdict(first, ""), Verdict(second, "")


@pytest.mark.parametrize(
    ("orders", "score", "verdict", "flips"),
    [
        (("A", "B"), 1.0, "A", 0),
        (("B", "A"), 0.0, "B", 0),
        (("A", "A"), 0.5, "tie", 1),
        (("B", "B"), 0.5, "tie", 1),
        (("tie", "tie"), 0.5, "tie", 0),
        (("A", "tie"), 0.5, "tie", 0),
    ],
)
def test_a_win_counts_only_in_both_orders(orders, score, verdict, flips):
    ruling = settle_pairs([pair(*orders)])
    assert (ruling.score, ruling.verdict, ruling.flips, ruling.pairs) == (score, verdict, flips, 1)


def test_samples_of_a_pair_are_averaged():
    ruling = settle_pairs([pair("A", "B"), pair("A", "A"), pair("B", "A")])
    assert (ruling.score, ruling.passed, ruling.flips) == (0.5, True, 1)
    assert not settle_pairs([pair("B", "A"), pair("A", "A")]).passed


def test_no_verdicts_come_to_nothing():
    with pytest.raises(VerdictError):
        said()
    with pytest.raises(VerdictError):
        settle_pairs([])


def test_likelihood_passes_at_the_rubrics_bound():
    ruling = settle_likelihood(rubric(LIKELIHOOD), -2.5)
    assert ruling.passed
    assert ruling.score == pytest.approx(math.exp(-2.5))
    assert not settle_likelihood(rubric(LIKELIHOOD), -2.6).passed
    assert settle_likelihoods(-1.0, -2.0).verdict == "A"
    assert settle_likelihoods(-2.0, -1.0).score == 0.0
    assert settle_likelihoods(-1.0, -1.0).verdict == "tie"


@pytest.mark.parametrize("logprob", [None, math.nan, math.inf, -math.inf, 0.5])
def test_a_likelihood_that_is_none_is_no_verdict(logprob):
    with pytest.raises(VerdictError):
        settle_likelihood(rubric(LIKELIHOOD), logprob)
    with pytest.raises(VerdictError):
        settle_likelihoods(-1.0, logprob)
