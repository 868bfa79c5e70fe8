"""Judges are put to the test before they judge: by canaries, and against what people said."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from evals import engine, judges, queries, runs
from evals.domain.judge.canaries import canaries
from evals.domain.judge.spec import JudgeSpec
from evals.errors import JudgeUnknownError, LabelsMissingError
from evals.judges import calibrations
from evals.models import JudgeTrial
from registry.domain.actor import Actor, NotAllowedError, Role
from registry.models import Certificate
from tests.integration.evals.conftest import QUICK, Repository, again, started
from tests.integration.evals.judged import (
    Bench,
    calibrated,
    evaluated,
    judging,
    trusted,
)
from tests.integration.evals.model_server import Fail, ModelServer
from tests.integration.evals.umpire import Umpire, by_the_word
from tests.unit.evals.judges import LABEL, PAIRWISE, SCORE

CANARIES = JudgeTrial.objects.filter(kind="canaries")


@pytest.mark.parametrize(
    ("rubric", "fooled", "otherwise"),
    [(SCORE, 5, 1), (LABEL, "helps", "harms"), (PAIRWISE, "A", "B")],
    ids=["score", "label", "pairwise"],
)
def test_a_judge_that_is_fooled_by_a_colon_is_blocked_for_good(
    rubric: str,
    fooled: object,
    otherwise: object,
    repository: Repository,
    umpire: Umpire,
    server: ModelServer,
    editor: Actor,
) -> None:
    def by_colons(texts: dict[str, str]) -> object:
        if rubric == PAIRWISE:
            return wherever_it_stands(texts)
        return fooled if texts["answer"] == ":" else otherwise

    def wherever_it_stands(texts: dict[str, str]) -> str:
        first, second = texts["answer a"], texts["answer b"]
        return "A" if first == ":" or (first.startswith("You can") and second != ":") else "B"

    umpire.judge = by_colons
    bench = Bench(labels=0 if rubric == PAIRWISE else 60, rubric=rubric)
    judging(repository, umpire, bench).publish()
    run = evaluated(editor)
    assert (run.verdict, run.done, run.certificate) == ("ERROR", 0, None)
    assert run.reasons[0].startswith("oracle/helpful is blocked: the judge passed a bare colon: ")
    assert not server.calls  # nothing was spent on it
    put = len(umpire.seen)
    umpire.judge = lambda _: otherwise  # it may say now what it wants
    run = evaluated(editor)
    assert (run.verdict, run.done) == ("ERROR", 0)
    assert "a bare colon" in run.reasons[0]
    assert len(umpire.seen) == put
    assert CANARIES.count() == 1
    assert not Certificate.objects.exists()


def test_a_judge_that_prefers_the_first_in_both_orders_is_blocked(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    umpire.judge = lambda _: "A"
    judging(repository, umpire, rubric=PAIRWISE).publish()
    run = evaluated(editor)
    assert run.verdict == "ERROR"
    assert "and 11 more" in run.reasons[0]


def test_canaries_are_put_once_to_a_judge_and_again_to_another_one(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    trusted(repository, umpire, editor, Bench(labels=60))
    evaluated(editor)
    trial = CANARIES.get()
    expected = len(canaries(JudgeSpec.from_json(trial.spec)))
    assert len(trial.outcome["canaries"]) == expected
    tricked = [texts for texts in umpire.seen if "lamp" in texts["whole"]]
    assert len(tricked) == expected
    evaluated(editor)
    assert CANARIES.count() == 1
    judging(repository, umpire, Bench(labels=62)).publish()  # other labels, the same judge
    evaluated(editor)
    assert CANARIES.count() == 1
    judging(repository, umpire, Bench(labels=62, pin={"revision": "j2"})).publish()
    evaluated(editor)
    assert CANARIES.count() == 2


@pytest.mark.parametrize("failure", [Fail(503), Fail(400)], ids=["down", "refuses everything"])
def test_a_judge_that_cannot_be_asked_has_passed_nothing(
    failure: Fail, repository: Repository, umpire: Umpire, server: ModelServer, editor: Actor
) -> None:
    umpire.judge = lambda _: failure
    judging(repository, umpire).publish()
    run = evaluated(editor)
    assert (run.verdict, run.done) == ("ERROR", 0)
    assert "the judge oracle/helpful could not be put to the test" in run.reasons[0]
    assert str(failure.status) in run.reasons[0]
    assert not CANARIES.exists()
    umpire.judge = lambda texts: 5  # and is caught when it is back
    run = evaluated(editor)
    assert "is blocked" in run.reasons[0]
    assert not server.calls


def test_a_judge_that_is_down_for_one_canary_is_tried_again(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    umpire.judge = lambda texts: Fail(503) if texts["answer"] == ":" else 1
    judging(repository, umpire).publish()
    assert evaluated(editor).verdict == "ERROR"
    assert not CANARIES.exists()


@pytest.mark.django_db(transaction=True)
def test_a_run_is_cancelled_while_its_judge_thinks_about_canaries(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    asked, hang = threading.Event(), threading.Event()

    def thinking(_texts: dict[str, str]) -> int:
        asked.set()
        hang.wait(60)
        return 1

    def work() -> None:
        try:
            engine.work(run.pk, limits=QUICK)
        finally:
            connection.close()

    umpire.judge = thinking
    judging(repository, umpire).publish()
    run = started(editor)
    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(work)
        assert asked.wait(60)
        runs.cancel_run(run_id=run.pk, actor=editor, now=timezone.now())
        worker.result(timeout=30)
        hang.set()
    assert again(run).status == "cancelled"
    assert not CANARIES.exists()


# --- Against people ---


def test_a_calibration_keeps_its_figures(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    umpire.judge = lambda texts: 1 if texts["answer"] == "good 1" else by_the_word(texts)
    judging(repository, umpire, labels=60).publish()
    trial = calibrated(editor)
    assert (trial.status, trial.name, trial.requested_by) == (
        "finished",
        "oracle/helpful",
        "user:eda",
    )
    found = trial.outcome
    assert (found["n"], found["errors"]) == (60, 0)
    assert found["accuracy"]["value"] == pytest.approx(59 / 60)
    assert found["tpr"]["value"] == pytest.approx(29 / 30)
    assert found["tnr"]["value"] == 1.0
    assert found["kappa"]["value"] == pytest.approx(1 - 2 / 60)
    assert found["confusion"] == [["1", "1", 30], ["5", "1", 1], ["5", "5", 29]]
    asked = len(umpire.seen)
    judges.calibrate(trial.pk, QUICK.patience)  # the bell may ring twice
    assert len(umpire.seen) == asked == 60 + len(CANARIES.get().outcome["canaries"])


def test_a_calibrated_judge_that_is_fooled_is_not_called_trusted(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    umpire.judge = lambda texts: 5 if texts["answer"] == ":" else by_the_word(texts)
    judging(repository, umpire, labels=60).publish()
    trial = calibrated(editor)
    assert trial.outcome["kappa"]["value"] == 1.0
    trust = judges.trust_in(trial)
    assert trust is not None
    assert not trust.is_trusted
    assert trust.sentence.startswith("blocked, whatever people say of it: the judge passed a bare")
    assert evaluated(editor).verdict == "ERROR"


def test_a_calibration_that_meets_a_bug_is_not_paid_for_again(
    repository: Repository, umpire: Umpire, editor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging(repository, umpire, labels=60).publish()
    monkeypatch.setattr(calibrations, "run_calibration", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        calibrated(editor)
    trial = JudgeTrial.objects.get(kind="calibration")
    assert (trial.status, trial.outcome) == ("failed", {})
    assert "log" in trial.error
    assert not queries.trials_nobody_works_on()


def test_a_calibration_that_breaks_says_nothing_about_the_judge(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    judging(repository, umpire, labels=60).publish()
    assert calibrated(editor).status == "finished"
    umpire.judge = lambda texts: Fail(503) if texts["answer"] == "good 1" else by_the_word(texts)
    trial = calibrated(editor)
    assert (trial.status, trial.outcome) == ("failed", {})
    assert "503" in trial.error
    umpire.judge = by_the_word
    assert evaluated(editor).verdict == "PASS"  # what was measured before still holds
    known = judges.start_calibration(
        suite="oracle", judge="helpful", actor=editor, now=timezone.now()
    )
    assert known.status == "finished"  # and is not measured again unless somebody asks for it


def test_a_model_swapped_behind_the_pin_is_not_measured_by_the_old_name(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    judging(repository, umpire, labels=60).publish()
    trial = judges.start_calibration(
        suite="oracle", judge="helpful", actor=editor, now=timezone.now()
    )
    judging(repository, umpire, labels=60, pin={"revision": "j2"}).publish()
    judges.calibrate(trial.pk, QUICK.patience)
    trial = judges.trial(trial.pk)
    assert trial.status == "failed"
    assert "another model" in trial.error
    assert not umpire.seen


def test_what_cannot_be_calibrated_is_said_so(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    judging(repository, umpire).publish()
    now = timezone.now()
    with pytest.raises(LabelsMissingError, match="nobody has labelled"):
        judges.start_calibration(suite="oracle", judge="helpful", actor=editor, now=now)
    with pytest.raises(JudgeUnknownError, match="it has helpful"):
        judges.start_calibration(suite="oracle", judge="kind", actor=editor, now=now)
    with pytest.raises(JudgeUnknownError):
        judges.start_calibration(suite="nothing", judge="helpful", actor=editor, now=now)
    viewer = Actor("user:vic", Role.VIEWER.scopes)
    with pytest.raises(NotAllowedError):
        judges.start_calibration(suite="oracle", judge="helpful", actor=viewer, now=now)


def test_labels_that_come_later_are_found(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    judging(repository, umpire).publish()
    judging(repository, umpire, labels=60).publish()
    assert calibrated(editor).status == "finished"
    assert evaluated(editor).verdict == "PASS"


def test_a_judge_is_measured_before_any_prompt_relies_on_it(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    ready = judging(repository, umpire, labels=60)
    prompt = {"suites": [], "model": "tiny"}
    more = {**ready.more, "prompts/oracle/prompt.yaml": json.dumps(prompt).encode()}
    ready.with_(more=more).publish()
    assert calibrated(editor).status == "finished"
    ready.publish()
    assert evaluated(editor).verdict == "PASS"


def test_a_judge_that_moved_is_tried_and_measured_again(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    """Another server may stand behind the same pin."""
    judging(repository, umpire, labels=60).publish()
    assert calibrated(editor).status == "finished"
    assert evaluated(editor).advisory == {}
    judging(repository, umpire, labels=60, pin={"base_url": f"{umpire.url}/"}).publish()
    assert "not been measured" in evaluated(editor).advisory["oracle/helpful"]
