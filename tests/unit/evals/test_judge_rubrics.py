"""rubrics/<name>.md: what is read from it, and what is refused with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.judge.rubric import Rubric
from evals.domain.judge.rubric_file import parse_rubric
from tests.unit.evals.judges import LABEL, LIKELIHOOD, PAIRWISE, SCORE, rubric


def test_a_scale_has_every_step_between_its_ends_and_words_for_its_anchors():
    read = rubric(SCORE)
    assert read.verdicts == (1, 2, 3, 4, 5)
    assert read.scale == "1: useless\n3: half of it\n5: all of it"
    assert (read.pass_at, read.criterion) == (4, "Does it help?")


def test_labels_say_which_of_them_pass():
    read = rubric(LABEL)
    assert read.verdicts == ("helps", "harms")
    assert read.passing == {"helps"}


def test_a_pairwise_rubric_has_three_verdicts_and_likelihood_none():
    assert rubric(PAIRWISE).verdicts == ("A", "B", "tie")
    assert rubric(LIKELIHOOD).verdicts == ()
    assert rubric(LIKELIHOOD).pass_at == -2.5


@pytest.mark.parametrize("text", [SCORE, LABEL, PAIRWISE, LIKELIHOOD])
def test_a_rubric_survives_storage(text):
    assert Rubric.from_json(rubric(text).to_json()) == rubric(text)


def test_a_comma_in_the_criterion_is_another_rubric_and_its_name_is_not():
    assert rubric(SCORE.replace("help?", "help, please?")).digest != rubric(SCORE).digest
    assert rubric(SCORE, name="other").digest == rubric(SCORE).digest
    described = SCORE.replace("mode:", "description: For people.\nmode:")
    assert rubric(described).digest == rubric(SCORE).digest


FAULTS = [
    ("no front matter", 1, "rubric_front_matter"),
    ("---\nmode: score\n", 1, "rubric_front_matter"),
    ("---\nmode: mood\n---\nx", 2, "bad_value"),
    ("---\ndescription: none\n---\nx", 2, "missing_key"),
    ("---\nmode: pairwise\n---\n\n", 4, "rubric_empty"),
    ("---\nmode: pairwise\npass_at: 3\n---\nx", 3, "rubric_key"),
    ("---\nmode: pairwise\nmodel: big\n---\nx", 3, "unknown_key"),
    (SCORE.replace("pass_at: 4\n", ""), 2, "missing_key"),
    (SCORE.replace("pass_at: 4", "pass_at: 1"), 7, "rubric_scale"),
    (SCORE.replace("pass_at: 4", "pass_at: 9"), 7, "bad_value"),
    (SCORE.replace("score: 3", "score: 5"), 4, "rubric_scale"),
    (SCORE.replace("means: half of it", "mean: half"), 5, "unknown_key"),
    ("---\nmode: score\nscale: [{score: 1, means: x}]\npass_at: 1\n---\nx", 3, "bad_value"),
    (LABEL.replace(", passes: true", ""), 4, "rubric_labels"),
    (LABEL.replace("label: harms", "label: Helps"), 4, "rubric_labels"),
    (LIKELIHOOD.replace("-2.5", "0.5"), 3, "bad_value"),
    (LIKELIHOOD.replace("-2.5", "-2.5\nreasoning_chars: 9"), 4, "rubric_key"),
    (PAIRWISE.replace("helps", "\ue000answer\ue001"), 4, "rubric_character"),
    (PAIRWISE.replace("mode:", "reasoning_chars: none\nmode:"), 2, "wrong_type"),
]


@pytest.mark.parametrize(("text", "line", "code"), FAULTS)
def test_each_fault_has_its_place(text, line, code):
    found, findings = parse_rubric("help", text.encode())
    assert found is None
    assert (line, code) in {(finding.line, finding.code) for finding in findings}
    assert {finding.path for finding in findings} == {"rubrics/help.md"}


def test_the_bound_of_the_reasoning_can_be_left_out():
    read = rubric(PAIRWISE.replace("mode:", "reasoning_chars: null\nmode:"))
    assert read.reasoning_chars is None


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(lambda s: s.encode("utf-8", "surrogatepass")),
        st.text(max_size=80).map(
            lambda s: f"---\nmode: score\n{s}\n---\nx".encode("utf-8", "surrogatepass")
        ),
    )
)
def test_whatever_the_file_holds_it_is_a_rubric_or_findings(data):
    found, findings = parse_rubric("help", data)
    assert (found is None) == any(finding.severity == "error" for finding in findings)
