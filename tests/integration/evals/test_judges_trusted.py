"""What a judge says decides once people vouch for it; before, it proves nothing."""

from __future__ import annotations

import json
import re

import pytest
from django.utils import timezone

from evals import runs
from evals.errors import SelfJudgingError
from evals.models import EvalRun
from registry.domain.actor import Actor
from registry.models import Certificate
from tests.integration.evals.conftest import Repository, started
from tests.integration.evals.judged import (
    Bench,
    evaluated,
    judging,
    results,
    trusted,
)
from tests.integration.evals.model_server import ModelServer, Say
from tests.integration.evals.umpire import Umpire, by_the_word


def test_a_judge_nobody_measured_is_shown_and_proves_nothing(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    judging(repository, umpire).publish()
    run = evaluated(editor)
    assert (run.verdict, run.certificate) == ("INCONCLUSIVE", None)
    assert "not been measured against human labels" in run.advisory["oracle/helpful"]
    assert any("advisory" in reason for reason in run.reasons)
    assert "5 on a scale" in results(run)["c1"].checks[0]["detail"]
    judged = run.summary["judges"]["oracle/helpful"]
    assert (judged["trusted"], judged["raw"]["value"], judged["corrected"]) == (False, 1.0, None)


def test_an_advisory_judge_decides_nothing_beside_a_check_that_does(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    umpire.judge = lambda texts: 1
    checks = [{"type": "judge", "judge": "helpful", "name": "helpful", "critical": True}]
    suite = {"checks": [*checks, {"type": "exact"}]}
    judging(repository, umpire, suite=suite).publish()
    run = evaluated(editor)
    assert run.verdict == "PASS", run.reasons
    result = results(run)["c1"]
    assert next((c["name"], c["passed"], c["weight"]) for c in result.checks) == (
        "helpful",
        False,
        0,
    )
    assert any("helpful is advisory" in reason for reason in run.reasons)


@pytest.mark.parametrize(
    "checks",
    [
        [{"type": "judge", "judge": "helpful"}, {"type": "exact", "weight": 0}],
        [{"type": "judge", "judge": "helpful", "weight": 0}, {"type": "judge", "judge": "helpful"}],
    ],
    ids=["beside a check without weight", "twice"],
)
def test_no_way_of_writing_it_lets_an_advisory_judge_decide(
    checks: list[dict[str, object]], repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    judging(repository, umpire, suite={"checks": checks}).publish()
    run = evaluated(editor)
    assert run.verdict == "INCONCLUSIVE", run.reasons
    assert not Certificate.objects.exists()


def test_one_name_for_a_judge_here_and_a_check_there_lets_nothing_slip(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    rows = [
        {
            "id": f"c{i}",
            "variables": {"question": f"case {i}"},
            "expected": "yes",
            "checks": [check],
        }
        for i, check in enumerate(
            [{"type": "judge", "judge": "helpful", "name": "x"}] * 30
            + [{"type": "exact", "name": "x"}] * 2
        )
    ]
    repository = judging(repository, umpire, suite={"checks": []})
    data = "\n".join(map(json.dumps, rows)).encode()
    repository.with_(more={**repository.more, "datasets/oracle.jsonl": data}).publish()
    run = evaluated(editor)
    assert run.verdict == "INCONCLUSIVE", run.reasons


def test_a_judge_below_the_floor_is_advisory_with_its_figures(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    umpire.judge = lambda texts: 1  # as the demo model does
    trusted(repository, umpire, editor, Bench(labels=60))
    run = evaluated(editor)
    assert run.verdict == "INCONCLUSIVE"
    told = run.advisory["oracle/helpful"]
    assert "60 human labels at kappa 0.00" in told
    assert "the policy asks for a kappa of 0.6" in told


def test_too_few_labels_are_not_enough_and_the_policy_may_ask_for_less(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    trusted(repository, umpire, editor, Bench(labels=40))
    run = evaluated(editor)
    assert run.verdict == "INCONCLUSIVE"
    assert "40 human labels" in run.advisory["oracle/helpful"]
    lenient = repository.with_(policy={"judge": {"min_labels": 40}})
    judging(lenient, umpire, labels=40).publish()
    run = evaluated(editor)
    assert (run.verdict, run.advisory) == ("PASS", {}), run.reasons


def test_the_raw_figure_and_the_corrected_one_are_both_there(
    repository: Repository, server: ModelServer, umpire: Umpire, editor: Actor
) -> None:
    def lenient(texts: dict[str, str]) -> int:
        """Right about all that is good, and fooled by one bad answer in six."""
        number = re.search(r"bad (\d+)", texts["answer"])
        return 5 if number and int(number[1]) % 12 == 0 else by_the_word(texts)

    umpire.judge = lenient
    server.reply = lambda asked, _: Say("no" if asked in {"case 1", "case 2"} else "yes")
    trusted(repository, umpire, editor, Bench(labels=120))
    run = evaluated(editor)
    judged = run.summary["judges"]["oracle/helpful"]
    assert judged["trusted"], judged
    assert "120 human labels" in judged["sentence"]
    assert (judged["answers"], judged["method"]) == (12, "rogan-gladen")
    assert judged["raw"]["value"] == pytest.approx(10 / 12)
    # p = 10/12, se = 1, sp = 50/60: (p + sp - 1)/(se + sp - 1) = 0.8
    assert judged["corrected"]["value"] == pytest.approx(0.8)
    low, high = judged["corrected"]["interval"]
    assert low < 0.8 < high
    gated = run.summary["suites"][0]["corrected"]
    assert run.summary["corrected"] == gated
    assert (gated["method"], gated["judges"]) == ("rogan-gladen", ["helpful"])
    assert gated["value"] == pytest.approx(0.8)
    assert run.summary["pass_rate"] == pytest.approx(10 / 12)  # raw
    assert any("as judged by helpful" in reason for reason in run.reasons)
    assert any("failed 50 of 60 that they fail" in reason for reason in run.reasons)
    assert judged["mean"]["method"] == "ppi"
    assert judged["mean"]["raw"]["value"] > judged["mean"]["corrected"]["value"]
    assert judged["flips"] is None


def test_a_mild_judges_word_is_taken_for_what_it_is_worth(
    repository: Repository, server: ModelServer, umpire: Umpire, editor: Actor
) -> None:
    def mild(texts: dict[str, str]) -> int:
        number = re.search(r"bad (\d+)", texts["answer"])
        return 5 if number and int(number[1]) % 8 == 0 else by_the_word(texts)

    umpire.judge = mild
    strict = repository.with_(cases=40, policy={"min_pass_rate": 0.8})
    server.reply = lambda asked, _: Say("no" if asked in {"case 1", "case 2"} else "yes")
    trusted(strict, umpire, editor, Bench(labels=120))
    run = evaluated(editor)
    suite = run.summary["suites"][0]
    assert suite["interval"][0] > 0.8 > suite["corrected"]["interval"][0]
    assert (run.verdict, run.certificate) == ("INCONCLUSIVE", None), run.reasons


def test_beside_another_check_its_errors_only_widen_what_is_known(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    checks = [{"type": "judge", "judge": "helpful", "name": "helpful"}, {"type": "exact"}]
    trusted(repository, umpire, editor, Bench(labels=60, suite={"checks": checks}))
    run = evaluated(editor)
    suite = run.summary["suites"][0]
    assert (run.verdict, suite["corrected"]["method"]) == ("PASS", "bounds"), run.reasons
    assert suite["corrected"]["interval"][0] < suite["interval"][0]
    assert run.certificate is not None
    assert run.certificate.evidence["suites"][0]["corrected"] == suite["corrected"]
    assert any("cannot be corrected for the errors" in reason for reason in run.reasons)


# --- Not its own case ---


def test_a_model_does_not_judge_itself(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    judging(repository, umpire, judge={"model": "tiny"}).publish()
    with pytest.raises(
        SelfJudgingError, match="the judge helpful of the suite oracle runs on tiny"
    ):
        started(editor)
    assert not EvalRun.objects.exists()
    same = judging(repository, umpire, pin={"revision": "r1"})
    same.publish()
    with pytest.raises(SelfJudgingError):  # another name for the same weights
        runs.start_run(
            prompt="oracle", version=1, model=None, tag="stable", actor=editor, now=timezone.now()
        )
    allowed = {"allow_self_judging": True}
    judging(repository, umpire, pin={"revision": "r1"}, suite=allowed).publish()
    assert evaluated(editor).status == "finished"


# --- What belongs to the proof ---


@pytest.mark.parametrize(
    "bench",
    [
        Bench(labels=62),
        Bench(labels=60, rubric=Bench().rubric.replace("help", "really help")),
        Bench(labels=60, judge={"samples": 2, "temperature": 0.5}),
        Bench(labels=60, pin={"revision": "j2"}),
    ],
    ids=["labels", "rubric", "samples", "model"],
)
def test_a_changed_judge_expires_what_it_helped_to_certify(
    bench: Bench, repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    trusted(repository, umpire, editor, Bench(labels=60))
    certificate = evaluated(editor).certificate
    assert certificate is not None
    judging(repository, umpire, bench).publish()
    certificate.refresh_from_db()
    assert certificate.expired_at is not None
    run = evaluated(editor)  # and nobody has measured the new one
    assert run.verdict == "INCONCLUSIVE"


def test_a_changed_judge_prompt_expires_it_too_and_another_address_does_not(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    trusted(repository, umpire, editor, Bench(labels=60))
    certificate = evaluated(editor).certificate
    assert certificate is not None
    judging(repository, umpire, Bench(labels=60, pin={"timeout_seconds": 20})).publish()
    certificate.refresh_from_db()
    assert certificate.expired_at is None
    other = judging(repository, umpire, Bench(labels=60))
    more = dict(other.more)
    more["prompts/judges/help/v2.jinja2"] = more["prompts/judges/help/v1.jinja2"] + b"\n"
    more["suites/oracle.yaml"] = json.dumps(
        {"dataset": "datasets/oracle.jsonl", **other.suite}
        | {"judges": {"helpful": {**other.suite["judges"]["helpful"], "version": "v2"}}}
    ).encode()
    other.with_(more=more).publish()
    certificate.refresh_from_db()
    assert certificate.expired_at is not None
