"""Looks at model servers: what they store, what they notice, and how an alarm begins and ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from evals import engine, probing, tasks
from evals.endpoints import EndpointUnknownError
from evals.errors import BeyondLimitsError
from evals.models import EvalRun
from registry import certificates, drift, promotion, queries
from registry import probing as registry_probing
from registry.domain.actor import SYSTEM, Actor
from registry.models import (
    Certificate,
    ModelAlarm,
    ModelProbe,
    ModelVersion,
    OutboxMessage,
    PromptVersion,
)
from registry.models.ledger import Tag
from registry.promotion import Target
from tests.integration.evals.conftest import Repository, a_minute_passes, again, started
from tests.integration.evals.model_server import ModelServer

pytestmark = pytest.mark.django_db(transaction=True)


def tiny() -> ModelVersion:
    return queries.current_model("tiny")


def evaluated(editor: Actor) -> EvalRun:
    run = started(editor)
    engine.work(run.pk)
    return again(run)


def live(editor: Actor) -> EvalRun:
    """A run that passed, and its version live on `stable`."""
    run = evaluated(editor)
    assert run.verdict == "PASS", run.reasons
    promotion.promote(target=Target("oracle", "stable", 1), actor=SYSTEM)
    a_minute_passes()
    return run


def drifted() -> list[OutboxMessage]:
    return list(OutboxMessage.objects.filter(topic=drift.TOPIC))


def test_a_look_is_stored_and_says_what_the_server_said(
    repository: Repository, server: ModelServer
) -> None:
    repository.publish()
    found = probing.probe(tiny(), with_fingerprint=False)
    assert (found.is_reachable, found.fingerprint, found.differences) == (True, "not measured", [])
    assert registry_probing.newest_probes([tiny().pk]) == {tiny().pk: found}
    assert not tiny().fingerprint


def test_a_server_that_is_gone_is_a_look_too(repository: Repository) -> None:
    replace(repository, url="http://127.0.0.1:9").publish()
    found = probing.probe(tiny(), with_fingerprint=True)
    assert (found.is_reachable, found.fingerprint) == (False, "not measured")
    assert found.error


def test_a_pin_without_an_address_is_no_look(repository: Repository) -> None:
    repository.publish()
    model = tiny()
    model.pin = {**model.pin, "base_url": "", "base_url_env": "ASSAY_MODEL_NOWHERE_URL"}
    model.save(update_fields=["pin"])
    with pytest.raises(EndpointUnknownError):
        probing.probe(model, with_fingerprint=False)
    tasks.probe(model.pk)
    assert not ModelProbe.objects.exists()


def test_a_first_measurement_is_no_drift(repository: Repository, server: ModelServer) -> None:
    repository.publish()
    assert probing.probe(tiny(), with_fingerprint=True).fingerprint == "first"
    assert probing.probe(tiny(), with_fingerprint=True).fingerprint == "same"
    assert tiny().fingerprint
    assert not drifted()
    assert not queries.model_alarms()


def test_drift_expires_certificates_rings_and_leaves_what_is_live(
    repository: Repository,
    server: ModelServer,
    editor: Actor,
    caplog: pytest.LogCaptureFixture,
) -> None:
    repository.publish()
    run = live(editor)
    before = Tag.objects.get().event_id
    server.weights = "second"
    found = probing.probe(tiny(), with_fingerprint=True)
    assert found.fingerprint == "changed"
    [message] = drifted()
    assert message.payload["model"] == "tiny"
    assert message.payload["from"] == run.fingerprint
    assert message.payload["to"] == tiny().fingerprint != run.fingerprint
    assert message.payload["certificates_expired"] == 1
    assert "model.drifted: tiny" in caplog.text
    [alarm] = queries.model_alarms()
    assert alarm.message == "tiny serves something else than what was certified on it"
    assert Certificate.objects.get().expired_reason == "tiny serves something else"
    assert Tag.objects.get().event_id == before
    assert queries.drifts_by_model() == {"tiny": 1}


def test_the_alarm_stops_when_the_model_is_back_under_its_old_name(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    repository.publish()
    run = live(editor)
    server.weights = "second"
    probing.probe(tiny(), with_fingerprint=True)
    server.weights, server.noise = "first", 0.004
    assert probing.probe(tiny(), with_fingerprint=True).fingerprint == "changed"
    assert tiny().fingerprint == run.fingerprint
    assert ModelAlarm.objects.get().resolution == "it serves what it served before"
    assert not queries.model_alarms()
    assert len(drifted()) == 1
    # What expired stays expired: it was live while nobody knew what answered.
    assert Certificate.objects.get().expired_at is not None


def test_a_second_drift_rings_no_second_time_and_the_way_back_is_the_first_state(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    repository.publish()
    run = live(editor)
    for weights in ("second", "third"):
        server.weights = weights
        probing.probe(tiny(), with_fingerprint=True)
    [alarm] = ModelAlarm.objects.all()
    assert (alarm.resolved_at, alarm.fingerprint) == (None, run.fingerprint)
    assert len(drifted()) == 2


def test_the_alarm_stops_when_everything_live_is_evaluated_again(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    repository.publish()
    live(editor)
    server.weights = "second"
    probing.probe(tiny(), with_fingerprint=True)
    a_minute_passes()
    run = evaluated(editor)
    assert run.verdict == "PASS", run.reasons
    assert ModelAlarm.objects.get().resolution == "what rests on it was evaluated again"


def test_a_run_that_finds_the_drift_rings_as_well(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    repository.publish()
    live(editor)
    server.weights = "second"
    evaluated(editor)
    assert len(drifted()) == 1
    assert ModelAlarm.objects.count() == 1


def test_other_probes_are_no_drift(repository: Repository, server: ModelServer) -> None:
    repository.publish()
    certificates.record_fingerprint(
        model=tiny(), fingerprint="a" * 64, mode="logprobs/1", now=timezone.now()
    )
    assert probing.probe(tiny(), with_fingerprint=True).fingerprint == "first"
    assert tiny().fingerprint != "a" * 64
    assert not drifted()


def test_the_schedule_measures_what_was_measured_and_only_when_it_is_due(
    repository: Repository, server: ModelServer, editor: Actor, settings: Settings
) -> None:
    repository.publish()
    tasks.probe(tiny().pk)  # never measured: nothing to drift from
    assert ModelProbe.objects.first().fingerprint == "not measured"  # type: ignore[union-attr]
    evaluated(editor)
    tasks.probe(tiny().pk)  # measured a moment ago
    assert ModelProbe.objects.first().fingerprint == "not measured"  # type: ignore[union-attr]
    long_ago = timezone.now() - timedelta(seconds=settings.MODEL_FINGERPRINT_SECONDS + 1)
    ModelVersion.objects.update(fingerprint_at=long_ago)
    tasks.probe(tiny().pk)
    assert ModelProbe.objects.first().fingerprint == "same"  # type: ignore[union-attr]
    ModelVersion.objects.update(fingerprint_at=long_ago)
    ModelProbe.objects.update(at=long_ago)
    settings.MODEL_FINGERPRINT_SECONDS = 0
    tasks.probe(tiny().pk)
    assert ModelProbe.objects.first().fingerprint == "not measured"  # type: ignore[union-attr]


def test_a_run_that_is_on_is_left_to_measure_by_itself(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    repository.publish()
    evaluated(editor)
    ModelVersion.objects.update(fingerprint_at=timezone.now() - timedelta(days=9))
    started(editor)
    tasks.probe(tiny().pk)
    assert ModelProbe.objects.first().fingerprint == "not measured"  # type: ignore[union-attr]


def test_only_the_newest_looks_are_kept(
    repository: Repository, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.publish()
    monkeypatch.setattr(registry_probing, "KEPT", 3)
    looks = [probing.probe(tiny(), with_fingerprint=False).pk for _ in range(5)]
    assert list(ModelProbe.objects.values_list("pk", flat=True)) == looks[:1:-1]


def test_a_run_beyond_the_limits_of_its_model_is_refused(
    repository: Repository, editor: Actor
) -> None:
    repository.publish()
    model = tiny()
    model.pin = {**model.pin, "limit_max_tokens": 8}
    model.save(update_fields=["pin"])
    version = PromptVersion.objects.get()
    asking = {**version.content, "parameters": {"max_tokens": 9}}
    PromptVersion.objects.create(
        prompt=version.prompt,
        number=2,
        digest="d" * 64,
        commit=version.commit,
        blob=version.blob,
        path="v2",
        content=asking,
        template=version.template,
    )
    with pytest.raises(BeyondLimitsError, match="max_tokens is 9, and tiny allows 8 at most"):
        started(editor, version=2)


def test_a_run_ends_at_once_where_something_else_is_served(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    server.pages["/v1/models"] = {"data": [{"id": "other-model"}]}
    repository.publish()
    run = evaluated(editor)
    assert run.verdict == "ERROR"
    assert run.reasons == ["tiny is pinned as 'tiny', and the server has other-model"]
    assert not server.calls
    assert ModelProbe.objects.get().differences == run.reasons
