"""What serves a judge is measured, and what it showed counts only as long as the same serves it."""

from __future__ import annotations

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from evals import judges
from evals.models import JudgeTrial
from registry import certificates, promotion, queries
from registry.domain.actor import SYSTEM, Actor
from registry.models import Certificate, ModelAlarm, ModelVersion
from registry.promotion import Target
from serving.probes import PROBES
from tests.integration.evals.conftest import Repository, a_minute_passes
from tests.integration.evals.judged import Bench, calibrated, evaluated, judging, trusted
from tests.integration.evals.model_server import ModelServer
from tests.integration.evals.umpire import Umpire, by_the_word


def finished(**kind: str) -> QuerySet[JudgeTrial]:
    """The trials that say something."""
    return JudgeTrial.objects.filter(status="finished", **kind)


def measured(umpire: Umpire) -> int:
    """How often its weights were measured until now."""
    return umpire.calls[PROBES[0].user]


@pytest.fixture
def certified(repository: Repository, umpire: Umpire, editor: Actor) -> Certificate:
    """What a trusted judge helped to certify."""
    trusted(repository, umpire, editor, Bench(labels=60))
    certificate = evaluated(editor).certificate
    assert certificate is not None
    return certificate


def proof() -> certificates.Proof:
    version = Certificate.objects.latest("pk").prompt_version
    model = ModelVersion.objects.get(name="tiny")
    return certificates.find_valid(version=version, model=model, tag="stable", now=timezone.now())


def test_a_certificate_names_what_served_its_judges(
    certified: Certificate, umpire: Umpire, editor: Actor
) -> None:
    row = ModelVersion.objects.get(name="umpire")
    named = {"name": "umpire", "digest": row.digest, "fingerprint": row.fingerprint}
    assert certified.evidence["judge_models"] == [named]
    assert proof().certificate == certified
    assert {trial.fingerprint for trial in finished()} == {row.fingerprint}
    before = measured(umpire)
    evaluated(editor)  # a measurement of a moment ago opens it, and one of its own closes it
    assert measured(umpire) == before + 1
    a_minute_passes()
    evaluated(editor)
    assert measured(umpire) == before + 3


def test_a_judge_swapped_since_it_was_measured_is_an_error_until_it_is_measured_anew(
    certified: Certificate, umpire: Umpire, server: ModelServer, editor: Actor
) -> None:
    answered = server.case_calls.total()
    umpire.weights = "second"
    a_minute_passes()
    run = evaluated(editor)
    assert (run.verdict, run.done) == ("ERROR", 0)
    assert "serves something else than when it was measured against human labels" in run.reasons[0]
    assert "assay judge calibrate oracle helpful" in run.reasons[0]
    assert server.case_calls.total() == answered  # nothing was spent on it
    certified.refresh_from_db()
    assert certified.expired_reason == "umpire, which judged, serves something else"
    assert proof().certificate is None
    run = evaluated(editor)
    assert (run.verdict, run.certificate) == ("INCONCLUSIVE", None)
    assert "has not been measured against human labels" in run.advisory["oracle/helpful"]
    old = JudgeTrial.objects.filter(kind="calibration").first()
    assert old is not None
    told = judges.trust_in(old)
    assert told is not None
    assert not told.is_trusted
    calibrated(editor)
    assert evaluated(editor).verdict == "PASS"
    assert finished(kind="canaries").count() == 2  # put to the new one too


def test_the_alarm_of_a_judge_stops_when_what_it_judged_is_certified_again(
    certified: Certificate, umpire: Umpire, editor: Actor
) -> None:
    promotion.promote(target=Target("oracle", "stable", 1), actor=SYSTEM)
    a_minute_passes()
    umpire.weights = "second"
    assert evaluated(editor).verdict == "ERROR"
    assert [alarm.model.name for alarm in queries.model_alarms()] == ["umpire"]
    calibrated(editor)
    assert queries.model_alarms().exists()  # what it judged is live, and nobody judged it again
    assert evaluated(editor).verdict == "PASS"
    assert ModelAlarm.objects.get().resolution == "what rests on it was evaluated again"


def test_the_alarm_of_a_judge_that_nothing_live_rests_on_stops_when_it_is_measured_anew(
    certified: Certificate, umpire: Umpire, editor: Actor
) -> None:
    a_minute_passes()
    umpire.weights = "second"
    assert evaluated(editor).verdict == "ERROR"
    assert queries.model_alarms().exists()
    calibrated(editor)
    assert not queries.model_alarms().exists()


def test_a_judge_swapped_in_mid_run_is_noticed(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    def swapping(texts: dict[str, str]) -> int:
        if texts["question"].startswith("case "):
            umpire.weights = "second"
        return by_the_word(texts)

    trusted(repository, umpire, editor, Bench(labels=60))
    umpire.judge = swapping
    run = evaluated(editor)
    assert (run.verdict, run.certificate) == ("ERROR", None)
    assert run.reasons[0] == "umpire, which judged, serves something else since the run began"


def test_a_judge_that_is_swapped_while_it_is_tried_has_shown_nothing(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    def swapping(texts: dict[str, str]) -> int:
        umpire.weights = "second"
        return by_the_word(texts)

    judging(repository, umpire, labels=60).publish()
    umpire.judge = swapping
    trial = calibrated(editor)
    assert trial.status == "failed"
    assert "serves something else since its trial began" in trial.error
    assert not finished().exists()


def test_a_certificate_does_not_count_while_nobody_knows_what_serves_its_judge(
    certified: Certificate,
) -> None:
    ModelVersion.objects.filter(name="umpire").update(fingerprint="")
    found = proof()
    assert found.certificate is None
    assert found.missing == "umpire, which judged, was not measured since its address changed"


def test_what_was_certified_before_judges_were_measured_does_not_count(
    certified: Certificate,
) -> None:
    evidence = {key: value for key, value in certified.evidence.items() if key != "judge_models"}
    before = dict(Certificate.objects.filter(pk=certified.pk).values().get())
    del before["id"]
    certified.expired_at = timezone.now()
    certified.save(update_fields=["expired_at"])
    changes = {"evidence": evidence, "run": "0" * 32, "digest": "d" * 64}
    Certificate.objects.create(**{**before, **changes})
    assert proof().missing == "its judges were not measured then"


def test_a_judge_whose_weights_cannot_be_measured_judges_nothing(
    repository: Repository, umpire: Umpire, server: ModelServer, editor: Actor, free_port: int
) -> None:
    pin = {"base_url": f"http://127.0.0.1:{free_port}"}
    judging(repository, umpire, pin=pin).publish()
    run = evaluated(editor)
    assert (run.verdict, run.done) == ("ERROR", 0)
    assert run.reasons[0].startswith("umpire, which judges, could not be measured: ")
    assert not server.calls
