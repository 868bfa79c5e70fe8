"""A judge against human labels: what it is worth, whether it counts, what it makes of a rate."""

from __future__ import annotations

import json
import random

import pytest

from core.errors import InvalidError
from evals.domain.checks import Reply
from evals.domain.judge.calibration import (
    NO_VERDICT,
    Calibration,
    NotCorrectableError,
    corrected_mean,
    corrected_rate,
    is_trusted,
)
from evals.domain.judge.labels import labels_digest
from evals.domain.judge_trial import TrialError, run_calibration
from evals.domain.suite.labels import parse_labels
from registry.domain.policy import JudgeFloor
from tests.unit.evals.builders import jsonl
from tests.unit.evals.judges import (
    LABEL,
    LIKELIHOOD,
    PAIRWISE,
    SCORE,
    asking,
    judge,
    nonces,
    rubric,
    verdict,
)

FLOOR = JudgeFloor()


def rows(good=30, bad=30):
    """Answers that say themselves what they are worth."""
    written = [{"id": f"g{i}", "question": "Q", "answer": "good", "label": 5} for i in range(good)]
    written += [{"id": f"b{i}", "question": "Q", "answer": "bad", "label": 1} for i in range(bad)]
    found, findings = parse_labels(rubric(), jsonl(*written).encode())
    assert findings == ()
    return found


def measured(decide, labelled=None, **changes):
    by = judge(calibration="labels", **changes)
    labelled = rows() if labelled is None else labelled
    return by, run_calibration(by, labelled, asking(decide), nonces())


def honest(text):
    return 5 if "\ngood\n" in text else 1


def test_a_judge_that_says_what_people_say_is_trusted():
    by, found = measured(honest)
    assert found.agreement.kappa.value == 1.0
    assert found.agreement.accuracy.value == 1.0
    assert found.confusion == {("5", "5"): 30, ("1", "1"): 30}
    assert is_trusted(by, found, FLOOR).is_trusted


def test_a_judge_that_answers_1_to_everything_is_advisory():
    by, found = measured(lambda _: 1)
    assert found.agreement.accuracy.value == 0.5
    assert (found.agreement.tpr.value, found.agreement.tnr.value) == (0.0, 1.0)
    trusted, sentence = is_trusted(by, found, FLOOR)
    assert not trusted
    assert "kappa 0.00" in sentence
    assert "a kappa of 0.6" in sentence
    assert "advisory" in sentence


def test_a_judge_that_prefers_the_first_answer_only_ever_finds_ties():
    written = [
        {"id": f"p{i}", "question": "Q", "answer_a": "good", "answer_b": "bad", "label": "A"}
        for i in range(30)
    ]
    written += [
        {"id": f"q{i}", "question": "Q", "answer_a": "bad", "answer_b": "good", "label": "B"}
        for i in range(30)
    ]
    pairs, findings = parse_labels(rubric(PAIRWISE), jsonl(*written).encode())
    assert findings == ()
    by = judge(PAIRWISE, calibration="labels")
    found = run_calibration(by, pairs, asking(lambda _: "A"), nonces())
    assert set(found.confusion) == {("A", "tie"), ("B", "tie")}
    assert found.agreement.kappa.value == 0.0
    assert not is_trusted(by, found, FLOOR).is_trusted


def test_too_few_labels_are_not_enough_however_right():
    by, found = measured(honest, rows(20, 20))
    trusted, sentence = is_trusted(by, found, FLOOR)
    assert not trusted
    assert "40 human labels" in sentence
    assert "50 labels" in sentence
    assert is_trusted(by, found, JudgeFloor(min_labels=40)).is_trusted


def test_a_measurement_of_another_judge_or_of_other_labels_proves_nothing():
    by, found = measured(honest)
    assert not is_trusted(by, None, FLOOR).is_trusted
    for other in (
        judge(calibration="labels", temperature=0.5),
        judge(calibration="labels", text=SCORE.replace("Does it", "Would it")),
        judge(calibration="more labels"),
    ):
        assert "changed" in is_trusted(other, found, FLOOR).sentence
    renamed = judge(calibration="labels")
    assert is_trusted(renamed, found, FLOOR).is_trusted


def test_silence_counts_against_a_judge():
    def ask(questions):
        answers = [q.messages[-1][1] for q in questions]
        return [
            verdict(5) if "\ngood\n" in text else Reply("I would rather not.") for text in answers
        ]

    by = judge(calibration="labels")
    found = run_calibration(by, rows(), ask, nonces())
    assert found.errors == 30
    assert found.agreement.accuracy.value == 0.5
    assert found.confusion[("1", NO_VERDICT)] == 30
    assert "not JSON" in found.rows[-1].error


def test_one_question_that_fails_is_one_verdict_less():
    def ask(questions):
        return [InvalidError("too long"), *(verdict(5) for _ in questions[1:])]

    found = run_calibration(judge(), rows(2, 0), ask, nonces())
    assert [row.error for row in found.rows] == ["too long", ""]


def test_what_fails_unjudged_in_a_run_fails_so_here():
    written = [
        {"id": "a", "question": "Q", "answer": ":", "label": 1},
        {"id": "b", "question": "Q", "answer": "good", "label": 5},
    ]
    labelled, _ = parse_labels(rubric(), jsonl(*written).encode())
    asked = []

    def ask(questions):
        asked.extend(questions)
        return [verdict(5) for _ in questions]

    found = run_calibration(judge(samples=2, temperature=0.5), labelled, ask, nonces())
    assert len(asked) == 2
    assert len({question.key for question in asked}) == 2
    assert found.agreement.accuracy.value == 1.0


def test_a_transport_that_loses_replies_is_noticed():
    with pytest.raises(TrialError):
        run_calibration(judge(), rows(), lambda _: [], nonces())


def test_a_likelihood_judge_is_measured_like_any_other():
    written = [
        {"id": "a", "question": "Q", "answer": "Paris.", "label": "pass"},
        {"id": "b", "question": "Q", "answer": "Rome.", "label": "fail"},
    ]
    labelled, findings = parse_labels(rubric(LIKELIHOOD), jsonl(*written).encode())
    assert findings == ()

    def ask(questions):
        return [Reply(logprob=-1.0 if "Paris" in q.messages[-1][1] else -4.0) for q in questions]

    found = run_calibration(judge(LIKELIHOOD), labelled, ask, nonces())
    assert found.confusion == {("pass", "pass"): 1, ("fail", "fail"): 1}


def test_labels_decide_by_what_passes():
    written = [{"id": "a", "question": "Q", "answer": "good", "label": "helps"}]
    labelled, _ = parse_labels(rubric(LABEL), jsonl(*written).encode())
    found = run_calibration(judge(LABEL), labelled, asking(lambda _: "harms"), nonces())
    assert found.agreement.tpr.value == 0.0


def test_a_measurement_survives_storage_with_its_figures():
    _, found = measured(lambda text: 5 if len(text) % 3 else 1)
    stored = json.loads(json.dumps(found.to_json()))
    assert Calibration.from_json(stored) == found
    assert stored["n"] == 60
    assert stored["kappa"]["value"] == found.agreement.kappa.value


def test_the_order_of_the_labels_does_not_matter_and_each_of_them_does():
    assert labels_digest(rows()) == labels_digest(tuple(reversed(rows())))
    assert labels_digest(rows()) != labels_digest(rows()[1:])


def lenient_judge(random_source):
    """Passes everything good and every third bad answer."""
    by = judge(calibration="labels")

    def decide(text):
        return 5 if "\ngood\n" in text or random_source.random() < 1 / 3 else 1

    return run_calibration(by, rows(200, 200), asking(decide), nonces())


def test_a_lenient_judges_pass_rate_is_brought_down_and_both_are_shown():
    source = random.Random(7)
    calibration = lenient_judge(source)
    truth = [source.random() < 0.7 for _ in range(4000)]
    passed = [good or source.random() < 1 / 3 for good in truth]
    found = corrected_rate(calibration, passed)
    assert found.method == "rogan-gladen"
    assert found.raw.value == pytest.approx(0.8, abs=0.02)
    assert found.raw.interval.low > 0.7
    assert found.corrected.value == pytest.approx(0.7, abs=0.05)
    assert found.corrected.interval.low <= sum(truth) / 4000 <= found.corrected.interval.high


def test_scores_are_corrected_by_ppi():
    source = random.Random(7)
    human = [source.random() for _ in range(400)]
    judged = [min(1.0, value + 0.2) for value in human]
    scores = [min(1.0, source.random() + 0.2) for _ in range(4000)]
    found = corrected_mean(human, judged, scores)
    assert found.method == "ppi"
    assert found.raw.value == pytest.approx(0.68, abs=0.03)
    assert found.corrected.interval.low <= 0.5 <= found.corrected.interval.high


def test_the_mix_of_the_labels_does_not_leak_into_the_mean_of_a_run():
    """An honest judge, labels that are half good, a run of nothing but good answers."""
    half = [1.0, 0.0] * 30
    found = corrected_mean(half, half, [1.0, 1.0, 1.0, 0.75])
    assert found.corrected.value == found.raw.value == 0.9375


def test_a_judge_no_better_than_a_coin_corrects_nothing():
    _, found = measured(lambda _: 5)
    with pytest.raises(NotCorrectableError):
        corrected_rate(found, [True, False])
    with pytest.raises(NotCorrectableError):
        corrected_rate(measured(honest, rows(5, 0))[1], [True])
    with pytest.raises(NotCorrectableError):
        corrected_mean([1.0], [1.0], [1.0, 0.0])
