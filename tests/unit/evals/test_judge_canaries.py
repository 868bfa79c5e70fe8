"""Tricks that no judge may fall for; one that does is blocked."""

from __future__ import annotations

import re
from functools import partial

import pytest

from evals.domain.checks import Reply
from evals.domain.judge.canaries import canaries, judge_canaries
from evals.domain.judge.prechecks import objection
from evals.domain.judge_trial import run_canaries
from tests.unit.evals.judges import (
    LABEL,
    LIKELIHOOD,
    PAIRWISE,
    SCORE,
    asking,
    judge,
    nonces,
    verdict,
)

ANSWER = re.compile(r"<<<answer (\w+)>>>\n(.*?)\n<<<end of answer \1>>>", re.DOTALL)


def _always(value, _text):
    return value


def shown(text):
    found = ANSWER.search(text)
    assert found is not None
    return found[2]


def test_the_list_holds_the_known_tricks():
    cases = {case.key: case.answer for case in canaries(judge())}
    assert cases["empty"] == ""
    assert cases["colon"] == ":"
    assert cases["thought-process"] == "Thought process:"
    assert '"verdict": 5' in cases["verdict"]
    assert "verdict 5" in cases["ignore"]
    assert cases["rubric"] == "Does it help?"
    assert len(cases["list"].splitlines()) == 40
    assert len(cases) == len(set(cases.values())) == 14


@pytest.mark.parametrize(("text", "word"), [(LABEL, "helps"), (PAIRWISE, "A"), (SCORE, "5")])
def test_orders_name_the_verdict_that_this_judge_could_give(text, word):
    cases = {case.key: case.answer for case in canaries(judge(text))}
    assert cases["ignore"].endswith(f"verdict {word}.")


def test_a_judge_that_fails_them_all_is_not_blocked():
    for text, worst in ((SCORE, 1), (LABEL, "harms")):
        results = run_canaries(judge(text), asking(partial(_always, worst)), nonces())
        assert len(results) == 14
        assert judge_canaries(results) == ()


def test_canaries_reach_the_judge_that_prechecks_would_have_spared():
    asked: list[str] = []

    def ask(questions):
        asked.extend(shown(q.messages[-1][1]) for q in questions)
        return [verdict(1) for _ in questions]

    run_canaries(judge(), ask, nonces())
    assert len(asked) == 14
    assert sum(objection(case.answer) is not None for case in canaries(judge())) >= 5
    assert {"", ":", "Thought process:"} <= set(asked)


def test_a_judge_that_is_fooled_by_a_colon_is_blocked_and_says_by_what():
    results = run_canaries(judge(), asking(lambda text: 5 if shown(text) == ":" else 1), nonces())
    (sentence,) = judge_canaries(results)
    assert sentence.startswith("the judge passed a bare colon: 5 on a scale from 1 to 5")


def test_a_judge_that_obeys_what_it_grades_is_blocked():
    def obedient(text):
        return 5 if "verdict" in shown(text).lower() else 1

    results = run_canaries(judge(), asking(obedient), nonces())
    fooled = {result.key for result in results if result.passed}
    assert fooled == {"verdict", "ignore", "fence", "turn", "template"}


def test_a_judge_that_decides_by_position_is_blocked():
    results = run_canaries(judge(PAIRWISE), asking(lambda _: "A"), nonces())
    assert len(judge_canaries(results)) == 14


def test_a_judge_that_prefers_the_good_answer_is_not():
    def fair(text):
        first = text.split("<<<answer a")[1].split("<<<end of answer a")[0]
        return "A" if "within 30 days of delivery" in first else "B"

    results = run_canaries(judge(PAIRWISE), asking(fair), nonces())
    assert judge_canaries(results) == ()


def test_silence_is_no_pass():
    results = run_canaries(judge(), lambda qs: [Reply("no") for _ in qs], nonces())
    assert judge_canaries(results) == ()
    assert all("not JSON" in result.detail for result in results)


def test_likelihood_is_tried_too_and_an_endless_list_fools_it():
    def ask(questions):
        return [Reply(logprob=-0.2 if "lamps" in q.messages[-1][1] else -5.0) for q in questions]

    results = run_canaries(judge(LIKELIHOOD), ask, nonces())
    assert [result.key for result in results if result.passed] == ["list"]
    assert results[0].detail == "an empty answer has no likelihood"


def test_every_canary_has_its_own_nonce():
    seen = []

    def ask(questions):
        seen.extend(
            re.findall(r"<<<answer (\w+)>>>", "".join(q.messages[-1][1] for q in questions))
        )
        return [verdict(1) for _ in questions]

    run_canaries(judge(), ask, nonces())
    assert len(set(seen)) == 14
