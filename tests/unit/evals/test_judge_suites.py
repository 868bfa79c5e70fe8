"""The `judges` of a suite: what they are made of, what changes its digest, what is refused."""

from __future__ import annotations

import json

import pytest

from evals.domain.judge_standing import self_judging
from evals.domain.spec import SuiteSpec
from evals.domain.suite import parse_suite
from evals.scoring import counting_checks
from registry.domain.model_pin import ModelPin
from tests.unit.evals.builders import repository
from tests.unit.evals.judges import LIKELIHOOD, ONE, PAIRWISE, SCORE, TWO

MODELS = """models:
  smollm2: {served_id: smollm2, revision: "sha256:abc", base_url: "http://127.0.0.1:8001"}
  loose: {served_id: loose, base_url: "http://127.0.0.1:8002"}
"""
LABELS = json.dumps({"id": "h1", "question": "Q", "answer": "A", "label": 5}) + "\n"
SUITE = """judges:
  help: {prompt: judges/help, version: v1, rubric: help, model: smollm2}
checks:
  - {type: judge, judge: help}
cases:
  - {id: a, expected: x}
"""
FILES = {
    "models.yaml": MODELS,
    "rubrics/help.md": SCORE,
    "rubrics/pair.md": PAIRWISE,
    "rubrics/likely.md": LIKELIHOOD,
    "calibration/help.jsonl": LABELS,
    "prompts/judges/help/v1.jinja2": ONE,
    "prompts/judges/pair/v1.jinja2": TWO,
    "prompts/partials/rules/v1.jinja2": "Be fair.",
}


def read(suite=SUITE, **files):
    contents = {**FILES, "suites/s.yaml": suite, **files}
    return parse_suite("s", repository(**{p: c for p, c in contents.items() if c is not None}))


def spec_of(suite=SUITE, **files):
    spec, findings = read(suite, **files)
    assert spec is not None, findings
    return spec


def test_a_suite_holds_everything_its_judge_needs():
    spec, findings = read()
    assert findings == ()
    judge = spec.judges["help"]
    assert (judge.prompt.name, judge.prompt.number) == ("judges/help", 1)
    assert judge.rubric.criterion == "Does it help?"
    assert judge.model.revision == "sha256:abc"
    assert (judge.samples, judge.temperature) == (1, 0.0)
    assert judge.calibration
    assert SuiteSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


CHANGES = [
    {"rubrics/help.md": SCORE.replace("Does it", "Would it")},
    {"prompts/judges/help/v1.jinja2": ONE.replace("Trust only", "Believe only")},
    {"models.yaml": MODELS.replace("abc", "def")},
    {"calibration/help.jsonl": LABELS.replace("5", "1")},
    {"suite": SUITE.replace("model: smollm2", "model: smollm2, temperature: 0.5")},
    {"suite": SUITE.replace("model: smollm2", "model: smollm2, temperature: 0.5, samples: 3")},
]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_a_verdict_can_depend_on_is_part_of_the_digest(change):
    assert spec_of(**change).digest != spec_of().digest


def test_what_is_for_people_is_not():
    described = ONE.replace("type: chat", "description: For people.\ntype: chat")
    assert spec_of(**{"prompts/judges/help/v1.jinja2": described}).digest == spec_of().digest
    cheaper = MODELS.replace('"sha256:abc",', '"sha256:abc", price: {prompt: 1, completion: 1},')
    assert spec_of(**{"models.yaml": cheaper}).digest == spec_of().digest


def test_a_partial_that_a_judges_prompt_includes_belongs_to_it():
    prompt = ONE.replace("By {{", '{% include "partials/rules/v1" %} By {{')
    with_partial = {"prompts/judges/help/v1.jinja2": prompt}
    judge = spec_of(**with_partial).judges["help"]
    assert judge.prompt.partials == {"partials/rules/v1": "Be fair."}
    stricter = {**with_partial, "prompts/partials/rules/v1.jinja2": "Be strict."}
    assert spec_of(**stricter).digest != spec_of(**with_partial).digest


def changed(old, new):
    assert old in SUITE
    return SUITE.replace(old, new)


FAULTS = [
    (changed("rubric: help", "rubric: none"), {}, "suites/s.yaml", 2, "unknown_rubric"),
    (changed("rubric: help, ", ""), {}, "suites/s.yaml", 2, "missing_key"),
    (SUITE, {"rubrics/help.md": "no"}, "rubrics/help.md", 1, "rubric_front_matter"),
    (changed("version: v1", "version: v2"), {}, "suites/s.yaml", 2, "unknown_judge_version"),
    (changed("version: v1", "version: latest"), {}, "suites/s.yaml", 2, "bad_value"),
    (changed("prompt: judges/help", "prompt: ../x"), {}, "suites/s.yaml", 2, "bad_value"),
    (SUITE, {"prompts/judges/help/v1.jinja2": "{{"}, "suites/s.yaml", 2, "broken_judge_version"),
    (changed("model: smollm2", "model: big"), {}, "suites/s.yaml", 2, "unknown_model"),
    (SUITE, {"models.yaml": None}, "suites/s.yaml", 2, "unknown_model"),
    (changed("prompt: judges/help", "prompt: judges/pair"), {}, "suites/s.yaml", 2, "judge_prompt"),
    (changed("rubric: help", "rubric: pair"), {}, "suites/s.yaml", 2, "judge_prompt"),
    (
        changed("model: smollm2", "model: smollm2, mood: good"),
        {},
        "suites/s.yaml",
        2,
        "unknown_key",
    ),
    (changed("model: smollm2", "model: smollm2, samples: 99"), {}, "suites/s.yaml", 2, "bad_value"),
    (changed("rubric: help", "rubric: likely"), {}, "suites/s.yaml", 2, "judge_key"),
    (changed("judge: help}", "judge: other}"), {}, "suites/s.yaml", 4, "unknown_judge"),
    (changed("judge: help}", "judge: help, not: true}"), {}, "suites/s.yaml", 4, "negated_judge"),
    (changed("type: judge", "type: pairwise"), {}, "suites/s.yaml", 4, "judge_mode"),
    (
        changed("{type: judge, judge: help}", "{type: judge}"),
        {},
        "suites/s.yaml",
        4,
        "check_parameter",
    ),
    (changed("judges:\n  help:", "judges:\n  He lp:"), {}, "suites/s.yaml", 2, "bad_name"),
    (
        changed("expected: x}", "checks: [{type: judge, judge: nobody}]}"),
        {},
        "suites/s.yaml",
        6,
        "unknown_judge",
    ),
    (SUITE, {"calibration/help.jsonl": "{}\n"}, "calibration/help.jsonl", 1, "missing_key"),
    (
        SUITE,
        {"calibration/help.jsonl": LABELS + LABELS},
        "calibration/help.jsonl",
        2,
        "duplicate_label",
    ),
    (
        SUITE,
        {"calibration/help.jsonl": LABELS.replace("5", '"5"')},
        "calibration/help.jsonl",
        1,
        "bad_label",
    ),
    (
        changed("{type: judge, judge: help}", "{type: embedding_similarity, model: none}"),
        {},
        "suites/s.yaml",
        4,
        "unknown_model",
    ),
]


@pytest.mark.parametrize(("suite", "files", "path", "line", "code"), FAULTS)
def test_each_fault_has_its_place(suite, files, path, line, code):
    spec, findings = read(suite, **files)
    assert spec is None
    assert (path, line, code) in {(f.path, f.line, f.code) for f in findings}


WARNINGS = [
    (changed("model: smollm2", "model: loose"), {}, "unpinned_judge"),
    (SUITE, {"calibration/help.jsonl": None}, "uncalibrated_judge"),
    (changed("model: smollm2", "model: smollm2, samples: 3"), {}, "equal_samples"),
    (changed("{type: judge, judge: help}", "{type: exact}"), {}, "unused_judge"),
]


@pytest.mark.parametrize(("suite", "files", "code"), WARNINGS)
def test_some_things_are_only_worth_a_warning(suite, files, code):
    spec, findings = read(suite, **files)
    assert spec is not None
    assert [(f.code, f.severity) for f in findings] == [(code, "warning")]


def test_likelihood_needs_no_prompt_and_fits_both_checks():
    suite = changed("prompt: judges/help, version: v1, rubric: help", "rubric: likely")
    suite = suite.replace("cases:", "  - {type: pairwise, judge: help}\ncases:")
    spec, findings = read(suite)
    assert [finding.code for finding in findings] == ["uncalibrated_judge"]
    assert spec.judges["help"].prompt is None


def test_a_model_that_embeds_is_part_of_the_digest_too():
    suite = changed("{type: judge, judge: help}", "{type: embedding_similarity, model: smollm2}")
    suite = suite.split("checks:")[1].join(["checks:", ""])
    spec = spec_of(suite)
    assert list(spec.pins) == ["smollm2"]
    moved = spec_of(suite, **{"models.yaml": MODELS.replace("abc", "def")})
    assert moved.digest != spec.digest
    assert SuiteSpec.from_json(spec.to_json()) == spec


def pin(**changes):
    return ModelPin(
        **({"name": "smollm2", "served_id": "smollm2", "revision": "sha256:abc"} | changes)
    )


@pytest.mark.parametrize(
    ("tested", "is_same"),
    [
        (pin(), True),
        (pin(name="copy"), True),
        (pin(name="copy", served_id="other-name"), True),
        (pin(name="copy", revision=""), True),
        (pin(revision="sha256:def"), True),
        (pin(name="big", served_id="big", revision="sha256:def"), False),
        (pin(name="big", served_id="big", revision=""), False),
    ],
)
def test_nobody_judges_himself_under_another_name_either(tested, is_same):
    assert bool(self_judging(spec_of(), tested)) == is_same
    allowed = spec_of("allow_self_judging: true\n" + SUITE)
    assert self_judging(allowed, tested) == ()


def test_an_advisory_judge_is_recorded_and_decides_nothing():
    suite = changed("cases:", "  - {type: contains, value: x}\ncases:")
    spec = spec_of(suite.replace("judge: help}", "judge: help, critical: true}"))
    judged, other = counting_checks(spec, spec.cases[0], {f"{spec.name}/help"})
    assert (judged.weight, judged.critical, other.weight) == (0.0, False, 1.0)
    assert counting_checks(spec, spec.cases[0], ()) == spec.checks


def test_a_case_of_nothing_but_advisory_judges_is_shown_as_they_see_it():
    spec = spec_of()
    assert counting_checks(spec, spec.cases[0], {f"{spec.name}/help"}) == spec.checks
