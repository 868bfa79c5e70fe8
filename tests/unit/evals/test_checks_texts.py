"""Checks that compare an answer with texts: by start, by list, by spelling, by words in common."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.checks import CheckError, expectation_problem, parameter_problems, run_check
from evals.domain.checks.rouge import rouge
from evals.domain.checks.similarity import ratio
from tests.unit.evals.builders import answer, check

COMPARING = ("icontains", "starts_with", "one_of", "levenshtein", "similarity", "rouge", "bleu")
GRADED = ("levenshtein", "similarity", "rouge", "bleu")


def judge(check_type, text, expected=None, **params):
    return run_check(check(check_type, **params), answer(text), expected)


def test_icontains_finds_a_text_in_any_case():
    assert judge("icontains", "A REFUND is due", "Refund").passed
    assert judge("icontains", "Straße 5", value="STRASSE").passed
    assert not judge("icontains", "nothing", "refund").passed


def test_starts_with_looks_at_the_very_start():
    assert judge("starts_with", "Yes, of course", "Yes").passed
    assert not judge("starts_with", " Yes", "Yes").passed
    assert judge("starts_with", " YES.", "yes", normalise=["strip", "casefold"]).passed


@pytest.mark.parametrize("check_type", ["icontains", "starts_with"])
def test_the_empty_text_that_every_answer_holds_is_refused(check_type):
    assert list(parameter_problems(check_type, {"value": ""}))
    assert expectation_problem(check(check_type), "")


def test_a_start_of_which_nothing_is_left_is_refused():
    assert expectation_problem(check("starts_with", normalise=["strip"]), "  ")


def test_one_of_takes_its_own_list_or_the_expected_one():
    assert judge("one_of", "b", values=["a", "b"]).passed
    assert judge("one_of", "2", values=[1, 2]).passed
    assert judge("one_of", "B ", ["a", "b"], normalise=["strip", "casefold"]).passed
    assert judge("one_of", "a", "a").passed
    assert judge("one_of", "c", ["a", "b"]).detail == 'expected one of ["a", "b"], got "c"'


@pytest.mark.parametrize("expected", [None, [], ["a", None], [["a"]], {"a": 1}, 1.5])
def test_one_of_refuses_a_list_without_texts(expected):
    assert expectation_problem(check("one_of"), expected)


def test_levenshtein_counts_letters():
    assert judge("levenshtein", "kitten", "sitting", max_distance=3).passed
    outcome = judge("levenshtein", "kitten", "sitting", max_distance=2)
    assert (outcome.passed, outcome.score) == (False, 0.0)
    assert judge("levenshtein", "", "").score == 1.0
    assert judge("levenshtein", "kitten", "sitting").score == pytest.approx(1 - 3 / 7)


def test_similarity_scores_the_letters_in_common():
    outcome = judge("similarity", "the cat sat", "the cat sits")
    assert outcome.score == pytest.approx(1 - 3 / 23)
    assert outcome.passed
    assert outcome.detail.endswith("; at least 0.8 is asked")
    assert not judge("similarity", "a dog", "the cat sits").passed
    assert judge("similarity", "", "").score == 1.0


@pytest.mark.parametrize(
    ("variant", "measure", "score"),
    [
        # Lin 2004, section 3: S1 "police killed the gunman", S2 "police kill the gunman",
        # S3 "the gunman kill police"; ROUGE-L of S2 is 3/4, of S3 2/4; ROUGE-2 of both is the same.
        ("rouge-l", "recall", (3 / 4, 2 / 4)),
        ("rouge-l", "f1", (3 / 4, 2 / 4)),
        ("rouge-2", "recall", (1 / 3, 1 / 3)),
        ("rouge-1", "recall", (3 / 4, 3 / 4)),
    ],
)
def test_rouge_gives_the_figures_of_its_paper(variant, measure, score):
    reference = "police killed the gunman"
    texts = ("police kill the gunman", "the gunman kill police")
    assert tuple(rouge(variant, measure, text, reference) for text in texts) == score


def test_rouge_weighs_what_is_missing_and_what_is_too_much():
    reference, text = "the cat sat", "the cat sat on the mat"
    assert rouge("rouge-1", "recall", text, reference) == 1
    assert rouge("rouge-1", "precision", text, reference) == 0.5
    assert rouge("rouge-1", "f1", text, reference) == pytest.approx(2 / 3)
    assert rouge("rouge-1", "recall", "the the the", reference) == pytest.approx(1 / 3)
    assert rouge("rouge-2", "f1", "cat", reference) == 0


def test_rouge_needs_words_to_count():
    assert expectation_problem(check("rouge"), "…")
    assert expectation_problem(check("rouge", variant="rouge-2"), "one")
    assert not judge("rouge", "", "a word").passed
    assert judge("rouge", "ΣΊΣΥΦΟΣ, ça va?", "σίσυφος ÇA va").passed


def test_bleu_gives_sacrebleus_figures():
    assert judge("bleu", "The cat sat on the mat.", "The cat sat on the mat.").score == 1.0
    outcome = judge("bleu", "the dog sat on the mat", "the cat sat on the mat")
    # 5/6, 3/5, 2/4 and 1/3 of 1, 2, 3 and 4 words in a row; no brevity penalty.
    assert outcome.score == pytest.approx((5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25)
    assert judge("bleu", "b", ["a", "b"]).passed
    assert not judge("bleu", "", "a b").passed


@pytest.mark.parametrize("expected", ["", " ", [], ["a", ""], "a" * 10_001, ["a"] * 21])
def test_bleu_refuses_references_it_cannot_use(expected):
    assert expectation_problem(check("bleu"), expected)


def test_sacrebleu_is_imported_only_when_it_is_used_and_keeps_no_answer():
    code = (
        "import sys; from evals.domain.checks import Answer, CheckSpec, run_check\n"
        "assert 'sacrebleu' not in sys.modules\n"
        "answer = Answer('a b', 'stop', None, 1.0, None, None)\n"
        "assert run_check(CheckSpec('bleu', 'bleu', False, {}), answer, 'a b').passed\n"
        "from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a\n"
        "assert Tokenizer13a.__call__.cache_info().currsize == 0\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("check_type", ["levenshtein", "similarity", "rouge"])
def test_a_text_too_long_to_compare_with_is_refused_before_the_run(check_type):
    assert expectation_problem(check(check_type), "a " * 5_001)


@pytest.mark.parametrize("check_type", GRADED)
def test_a_huge_answer_fails_without_burning_the_worker(check_type):
    huge = "ab ba " * 200_000
    outcome = judge(check_type, huge, "ba ab " * 1_600)
    assert not outcome.passed
    assert outcome.score < 0.1


@pytest.mark.parametrize("check_type", COMPARING)
@pytest.mark.parametrize("expected", [None, True, 1.5, {"a": 1}])
def test_an_expected_value_that_is_no_text_is_an_error(check_type, expected):
    assert expectation_problem(check(check_type), expected)
    with pytest.raises(CheckError):
        judge(check_type, "a", expected)


@pytest.mark.parametrize("check_type", COMPARING)
@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_is_compared_the_score_is_a_share(check_type, text, wanted):
    if expectation_problem(check(check_type), wanted):
        return
    outcome = judge(check_type, text, wanted)
    assert 0 <= outcome.score <= 1


@given(st.text(max_size=30), st.text(max_size=30))
def test_similarity_is_symmetric_and_one_only_for_equals(one, other):
    assert ratio(one, other) == ratio(other, one)
    assert (ratio(one, other) == 1) == (one == other)
