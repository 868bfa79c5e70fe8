"""A finished run goes to Langfuse, answer by answer; and whatever Langfuse does, runs go on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import opentelemetry.trace as otel
import pytest
from celery import Celery
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from config.celery import app
from evals import engine, jobs, tasks
from evals.export import service
from evals.export.reading import TracesOf
from evals.export.traces import Score, Trace
from evals.models import EvalRun
from registry.domain.actor import Actor
from tests.integration.evals.conftest import QUICK, Repository, again, started
from tests.integration.evals.langfuse_server import SCORES, TRACES, LangfuseServer
from tests.integration.evals.model_server import Fail, ModelServer, Say

SECRET = "sk-lf-MARKED"


@pytest.fixture
def langfuse(settings: Settings) -> Iterator[LangfuseServer]:
    with LangfuseServer() as server:
        configure(settings, server.url)
        yield server


def configure(settings: Settings, url: str) -> None:
    settings.LANGFUSE_BASE_URL = url
    settings.LANGFUSE_PUBLIC_KEY = "pk-lf-test"
    settings.LANGFUSE_SECRET_KEY = SECRET
    settings.LANGFUSE_TIMEOUT = 1


@pytest.fixture
def finished(repository: Repository, server: ModelServer, editor: Actor) -> EvalRun:
    """Twelve cases, each asked twice; case 7 is answered wrongly, nobody answers case 3."""

    def reply(question: str, _nth: int) -> Say | Fail:
        if question == "case 3, is it so?":
            return Fail(400)
        return Say("no" if question == "case 7, is it so?" else "yes")

    server.reply = reply
    repository.with_(repeats=2, template="{{ question }}, is it so?").publish()
    return measured(editor)


def measured(editor: Actor) -> EvalRun:
    run = started(editor)
    engine.work(run.pk, limits=QUICK)
    return again(run)


def of_case(server: LangfuseServer, case: str) -> Any:
    return next(span for span in server.spans if span.metadata["case"] == case)


def values(server: LangfuseServer, trace_id: str) -> dict[str, Any]:
    return {one["name"]: one["value"] for one in server.scores if one["traceId"] == trace_id}


def test_every_answer_is_one_trace_with_all_that_is_known(
    finished: EvalRun, langfuse: LangfuseServer
) -> None:
    assert service.export_run(finished.pk)
    assert langfuse.users == {f"pk-lf-test:{SECRET}"}
    assert set(langfuse.calls) == {TRACES, SCORES}, "nothing else is told to anybody"
    assert len({span.trace_id for span in langfuse.spans}) == len(langfuse.spans) == 24

    span = of_case(langfuse, "c1")
    assert (span.parent, span.scope, span.failed) == ("", "langfuse-sdk", False)
    assert span.attributes["langfuse.observation.type"] == "generation"
    assert span.attributes["langfuse.observation.model.name"] == "tiny"
    assert span.json("langfuse.observation.input") == [
        {"role": "user", "content": "case 1, is it so?"}
    ]
    assert span.attributes["langfuse.observation.output"] == "yes"
    usage = {"input": 10, "output": 2, "total": 12}
    assert span.json("langfuse.observation.usage_details") == usage
    assert span.attributes["langfuse.observation.prompt.name"] == "oracle"
    assert span.attributes["langfuse.observation.prompt.version"] == 1
    assert span.attributes["session.id"] == str(finished.pk)
    assert span.attributes["langfuse.trace.name"] == "oracle v1: c1"
    assert "suite:oracle" in span.attributes["langfuse.trace.tags"]
    result = finished.results.get(case="c1", repeat=span.metadata["repeat"])
    assert span.ended - span.started == pytest.approx((result.total_ms or 0) * 1e6, abs=2)
    expected = {
        "run": str(finished.pk),
        "prompt": "oracle",
        "version": 1,
        "suite": "oracle",
        "case": "c1",
        "commit": "c" * 40,
        "verdict": finished.verdict,
        "outcome": "pass",
        "from_cache": False,
    }
    assert expected.items() <= span.metadata.items()


def test_scores_say_how_good_and_whether_that_is_enough(
    finished: EvalRun, langfuse: LangfuseServer
) -> None:
    service.export_run(finished.pk)
    right, wrong, lost = (of_case(langfuse, case) for case in ("c1", "c7", "c3"))
    assert values(langfuse, right.trace_id) == {
        "assay.outcome": "pass",
        "assay.score": 1.0,
        "exact": 1.0,
        "exact passed": 1.0,
    }
    assert values(langfuse, wrong.trace_id) == {
        "assay.outcome": "fail",
        "assay.score": 0.0,
        "exact": 0.0,
        "exact passed": 0.0,
    }
    assert values(langfuse, lost.trace_id) == {"assay.outcome": "error"}
    assert lost.failed
    assert "langfuse.observation.usage_details" not in lost.attributes
    kinds = {one["name"]: one["dataType"] for one in langfuse.scores}
    assert kinds == {
        "assay.outcome": "CATEGORICAL",
        "assay.score": "NUMERIC",
        "exact": "NUMERIC",
        "exact passed": "BOOLEAN",
    }
    [why] = {
        one.get("comment")
        for one in langfuse.scores
        if one["traceId"] == wrong.trace_id and one["name"] == "exact"
    }
    assert why
    assert {one["observationId"] for one in langfuse.scores} == {
        span.span_id for span in langfuse.spans
    }


def test_a_second_export_replaces_the_first(finished: EvalRun, langfuse: LangfuseServer) -> None:
    def seen() -> tuple[set[tuple[str, str]], set[str]]:
        spans = {(span.trace_id, span.span_id) for span in langfuse.spans}
        return spans, {one["id"] for one in langfuse.scores}

    service.export_run(finished.pk)
    first = seen()
    tasks.export(str(finished.pk))
    assert seen() == first
    assert len(langfuse.spans) == 48, "it was sent twice"


def test_an_answer_from_the_cache_costs_nothing_and_took_no_time(
    repository: Repository, editor: Actor, langfuse: LangfuseServer
) -> None:
    repository.publish()
    measured(editor)
    second = measured(editor)
    assert second.cached == 12
    service.export_run(second.pk)
    for span in langfuse.spans:
        assert span.metadata["from_cache"] is True
        assert span.started == span.ended
        assert "langfuse.observation.usage_details" not in span.attributes


def test_a_prompt_that_cannot_be_rendered_any_more_is_told_by_its_variables(
    finished: EvalRun, langfuse: LangfuseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No Python, no child: what happens on a machine without memory to start one.
    monkeypatch.setattr("registry.rendering.process.sys.executable", "/bin/false")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("registry.rendering.jail.START_SECONDS", 2.0)
        traces = list(TracesOf(finished))
    assert traces[0].input["variables"]["question"].startswith("case ")


def test_more_than_one_batch_arrives_whole(
    repository: Repository, editor: Actor, langfuse: LangfuseServer
) -> None:
    repository.with_(cases=60, repeats=2).publish()
    assert service.export_run(measured(editor).pk)
    assert len({span.trace_id for span in langfuse.spans}) == 120
    assert len({one["id"] for one in langfuse.scores}) == 4 * 120


def test_nothing_of_the_sdk_is_left_in_this_process(
    finished: EvalRun, langfuse: LangfuseServer
) -> None:
    before, provider = threading.active_count(), otel.get_tracer_provider()
    assert service.export_run(finished.pk)
    assert threading.active_count() <= before + 1, "the receiver's own thread at most"
    assert otel.get_tracer_provider() is provider


# --- Langfuse in trouble ---


def told(caplog: pytest.LogCaptureFixture) -> str:
    """The only line about it, which is no stack trace and no secret."""
    [record] = [one for one in caplog.records if one.name.startswith("evals.export")]
    assert record.levelno == logging.WARNING
    assert record.exc_info is None
    line = record.getMessage()
    assert "\n" not in line
    assert SECRET not in line
    assert "was not exported to Langfuse: " in line
    return line


def test_a_receiver_that_is_down(
    finished: EvalRun, settings: Settings, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    configure(settings, f"http://127.0.0.1:{free_port}")
    assert not service.export_run(finished.pk)
    told(caplog)


@pytest.mark.parametrize("path", [TRACES, SCORES])
def test_a_receiver_that_hangs(
    path: str, finished: EvalRun, langfuse: LangfuseServer, caplog: pytest.LogCaptureFixture
) -> None:
    langfuse.hang_at = path
    assert not service.export_run(finished.pk)
    told(caplog)
    assert langfuse.calls.count(path) <= 4, "no storm of retries"


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_receiver_that_refuses(
    status: int, finished: EvalRun, langfuse: LangfuseServer, caplog: pytest.LogCaptureFixture
) -> None:
    langfuse.status = status
    assert not service.export_run(finished.pk)
    told(caplog)
    assert len(langfuse.calls) <= 4, "no storm of retries"


def test_an_export_that_takes_too_long_is_ended(
    finished: EvalRun,
    langfuse: LangfuseServer,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.LANGFUSE_TIMEOUT, settings.LANGFUSE_EXPORT_SECONDS = 60, 4
    langfuse.hang_at = TRACES
    assert not service.export_run(finished.pk)
    assert "it took more than 4 s" in told(caplog)


# --- When it is done at all ---


def test_it_is_not_done_for_nobody(finished: EvalRun) -> None:
    assert not service.export_run(finished.pk)


def test_only_finished_runs_are_exported(
    repository: Repository, editor: Actor, langfuse: LangfuseServer
) -> None:
    repository.publish()
    assert not service.export_run(started(editor).pk)
    assert not service.export_run(uuid4())
    assert langfuse.calls == []


@pytest.fixture
def no_broker(tmp_path: object) -> Iterator[None]:
    lost = Celery("lost", broker=f"redis+socket://{tmp_path}/nobody.sock", set_as_current=False)
    lost.conf.update(task_publish_retry=False, broker_transport_options={"max_retries": 0})
    lost.set_current()
    yield
    app.set_current()


def test_without_langfuse_there_is_no_bell(
    db: None, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks() as rung:
        jobs.export_after_commit(uuid4())
    assert rung == []


def test_without_a_broker_only_the_export_is_lost(
    db: None,
    langfuse: LangfuseServer,
    no_broker: None,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True) as rung:
        jobs.export_after_commit(uuid4())
    assert len(rung) == 1
    assert "is not exported, no broker" in caplog.text


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Any], float]]:
    """What is sent to be exported later, with its pause."""
    sent: list[tuple[list[Any], float]] = []

    def send(name: str, *, args: list[Any], queue: str, countdown: float) -> None:
        assert (name, queue) == ("evals.export", "assay")
        sent.append((args, countdown))

    monkeypatch.setattr(app, "send_task", send)
    return sent


@pytest.mark.slow
def test_a_failed_export_is_tried_again_with_growing_pauses_and_then_left(
    finished: EvalRun,
    langfuse: LangfuseServer,
    later: list[tuple[list[Any], float]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    langfuse.status = 500
    tasks.export(str(finished.pk))
    for _ in range(3):
        tasks.export(*later[-1][0])
    assert later == [([str(finished.pk), n + 2], 30 * 4**n) for n in range(4)]
    tasks.export(*later[-1][0])
    assert len(later) == 4
    assert "is not exported after 5 tries" in caplog.text
    assert again(finished).verdict == finished.verdict


def test_an_export_that_arrives_at_the_second_try_is_whole(
    finished: EvalRun, langfuse: LangfuseServer, later: list[tuple[list[Any], float]]
) -> None:
    langfuse.status = 500
    tasks.export(str(finished.pk))
    langfuse.status = 0
    [(args, _)] = later
    tasks.export(*args)
    assert len({span.trace_id for span in langfuse.spans}) == 24
    assert len(later) == 1


def test_nothing_is_tried_again_for_nobody(
    finished: EvalRun, later: list[tuple[list[Any], float]]
) -> None:
    tasks.export(str(finished.pk))
    tasks.export(str(uuid4()))
    assert later == []


def test_a_trace_survives_its_way_through_a_file() -> None:
    trace = Trace(
        seed="run\nsuite\n\N{SNOWMAN}\n1",
        name="a v1: \N{SNOWMAN}",
        session="run",
        prompt="a",
        version=1,
        model="tiny",
        input=[{"role": "user", "content": "line\nline\u2028\ud800"}],
        output="",
        started=1,
        ended=2,
        first_token=None,
        parameters={"stop": ["\n"]},
        prompt_tokens=None,
        completion_tokens=None,
        cost_usd=None,
        error="",
        tags=("x",),
        metadata={"repeat": 1},
        scores=(Score("exact", "NUMERIC", 0.5, "because"),),
    )
    line = trace.to_line()
    assert len(line.splitlines()) == 1
    assert Trace.from_line(line) == trace
