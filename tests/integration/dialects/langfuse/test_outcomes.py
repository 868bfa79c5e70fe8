"""Scores become outcomes of the version and arm that their trace used."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rest_framework.test import APIClient

from registry import access, promotion
from registry import outcomes as service
from registry.dialects.langfuse import otlp
from registry.domain.actor import SYSTEM
from registry.models import Outcome, TraceLink
from registry.promotion import Target
from tests.integration.dialects.langfuse.conftest import BASE, keyed, outcomes, refused
from tests.integration.registry.conftest import Shelf

TRACES, SCORES, BATCH = f"{BASE}otel/v1/traces", f"{BASE}scores", f"{BASE}ingestion"
TRACE, SPAN = "ab" * 16, "cd" * 8


@pytest.fixture
def live(shelf: Shelf) -> Shelf:
    promotion.promote(target=Target("greeting", "stable", 2), actor=SYSTEM)
    promotion.set_canary(prompt="greeting", version=3, weight=50, actor=SYSTEM)
    return shelf


def protobuf(*uses: tuple[str, str, str, int | None]) -> bytes:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for trace, span, name, version in uses:
        made = scope.spans.add(trace_id=bytes.fromhex(trace), span_id=bytes.fromhex(span))
        made.attributes.add(key="langfuse.observation.prompt.name").value.string_value = name
        if version is not None:
            made.attributes.add(key="langfuse.observation.prompt.version").value.int_value = version
    return gzip.compress(request.SerializeToString())


def send(client: Any, body: bytes, **headers: str) -> Any:
    sent = {"Content-Encoding": "gzip", **headers}
    return client.generic("POST", TRACES, body, "application/x-protobuf", headers=sent)


def traced(client: APIClient, version: int = 3, trace: str = TRACE, span: str = SPAN) -> None:
    answer = send(client, protobuf((trace, span, "greeting", version)))
    assert (answer.status_code, answer.content) == (200, b"")


def scored(client: APIClient, **more: Any) -> None:
    score = {"id": "s1", "traceId": TRACE, "name": "helpful", "value": 1.0, **more}
    answer = client.post(SCORES, [score])
    assert (answer.status_code, answer.json()) == (202, {"message": "Accepted"}), answer.content


@pytest.mark.parametrize("is_score_first", [False, True])
def test_a_score_finds_the_version_its_trace_used_in_either_order(
    live: Shelf, app: APIClient, is_score_first: bool
) -> None:
    if is_score_first:
        scored(app)
        assert outcomes() == [("s1", None, "", "helpful", 1.0, "")]
        traced(app)
    else:
        traced(app)
        scored(app)
    assert outcomes() == [("s1", 3, "canary", "helpful", 1.0, "")]


def test_the_span_s_own_version_counts_and_a_trace_of_two_decides_nothing(
    live: Shelf, app: APIClient
) -> None:
    other = "ef" * 8
    body = protobuf((TRACE, SPAN, "greeting", 2), (TRACE, other, "greeting", 1))
    assert send(app, body).status_code == 200
    scored(app, id="a", observationId=SPAN)
    scored(app, id="b", observationId=other)
    scored(app, id="c")
    assert [row[:3] for row in outcomes()] == [("a", 2, "stable"), ("b", 1, ""), ("c", None, "")]


def test_a_score_sent_twice_is_one_and_the_later_value_counts(live: Shelf, app: APIClient) -> None:
    traced(app)
    for value in (1.0, 1.0, 0.0):
        scored(app, value=value)
    scored(keyed(name="another"), value=0.5)
    values = Outcome.objects.order_by("source").values_list("source", "value")
    assert list(values) == [("token:another", 0.5), ("token:app", 0.0)]


def test_kinds_of_values(live: Shelf, app: APIClient) -> None:
    traced(app)
    scored(app, id="a", value=True, dataType="BOOLEAN")
    scored(app, id="b", value="good", dataType="CATEGORICAL")
    scored(app, id="c", value="w" * 900, dataType="TEXT")
    scored(app, id="d", value="good")
    assert [(row[0], row[4], row[5][:4]) for row in outcomes()] == [
        ("a", 1.0, ""), ("b", None, "good"), ("c", None, "wwww"), ("d", None, "good"),
    ]  # fmt: skip
    scored(app, id="e", traceId=None, sessionId="s")
    assert len(outcomes()) == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "n" * 101},
        {"name": "a\0b"},
        {"value": "x", "dataType": "NUMERIC"},
        {"value": 2, "dataType": "BOOLEAN"},
        {"value": None},
        {"value": [1]},
        {"dataType": "STAR"},
        {"traceId": "t" * 65},
        {"traceId": 7},
    ],
)
def test_a_wrong_score_costs_only_itself(
    live: Shelf, app: APIClient, wrong: dict[str, Any]
) -> None:
    good = {"id": "good", "traceId": TRACE, "name": "n", "value": 0.5}
    bad = {"id": "bad", "traceId": TRACE, "name": "n", "value": 0.5, **wrong}
    answer = app.post(SCORES, [bad, good])
    assert answer.status_code == 207
    body = answer.json()
    assert (body["accepted"], body["rejected"], len(body["errors"])) == (1, 1, 1)
    assert body["errors"][0]["message"].startswith("scores[0]: ")
    assert [row[0] for row in outcomes()] == ["good"]
    refused(app.post(SCORES, bad), 400, "InvalidRequestError")


def test_batches_of_older_clients(live: Shelf, app: APIClient) -> None:
    batch = [
        {"id": "e1", "type": "generation-create", "timestamp": "2026-01-01T00:00:00Z",
         "body": {"id": SPAN, "traceId": TRACE, "promptName": "greeting", "promptVersion": 2}},
        {"id": "e2", "type": "score-create",
         "body": {"id": "s", "traceId": TRACE, "name": "n", "value": 1}},
        {"id": "e3", "type": "trace-create", "body": {"id": TRACE}},
        {"id": "e4", "type": "score-create", "body": {"name": ""}},
        17,
    ]  # fmt: skip
    answer = app.post(BATCH, {"batch": batch, "metadata": {}})
    assert answer.status_code == 207
    body = answer.json()
    assert [one["id"] for one in body["successes"]] == ["e1", "e2", "e3", ""]
    assert [one["id"] for one in body["errors"]] == ["e4"]
    assert [row[:3] for row in outcomes()] == [("s", 2, "stable")]
    wrong: Any
    for wrong in ({"batch": 3}, [], {"batch": [{}] * 1001}):
        refused(app.post(BATCH, wrong), 400, "InvalidRequestError")


def test_json_traces_are_read_and_hostile_ones_do_no_harm(live: Shelf, app: APIClient) -> None:
    def span(**more: Any) -> dict[str, Any]:
        attributes = [
            {"key": "langfuse.observation.prompt.name", "value": {"stringValue": "greeting"}},
            {"key": "langfuse.observation.prompt.version", "value": {"intValue": "3"}},
        ]
        return {"traceId": TRACE.upper(), "spanId": SPAN, "attributes": attributes, **more}

    spans = [span(), span(spanId=7), span(traceId="a\0"), span(attributes=[3, {}, {"key": []}]), 5]
    body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}, 3]}, None]}
    answer = app.post(TRACES, body)
    assert (answer.status_code, answer.content) == (200, b"{}")
    assert list(TraceLink.objects.values_list("trace", "span")) == [(TRACE, SPAN)]
    harmless: Any
    for harmless in ([], {}, {"resourceSpans": 7}, 3, "x"):
        assert (
            app.generic("POST", TRACES, json.dumps(harmless), "application/json").status_code == 200
        )


def test_what_cannot_be_read_is_said_in_words(live: Shelf, app: APIClient) -> None:
    bomb = gzip.compress(b"\0" * (otlp.MAX_UNPACKED + 1))
    assert len(bomb) < 20_000
    for body, headers, word in [
        (bomb, {}, "unpack to more than"),
        (b"no gzip", {}, "not gzip"),
        (gzip.compress(b"x" * 99)[:-9], {}, "ends before"),
        (gzip.compress(b"\xff\xff\xff"), {}, "not protobuf"),
        (b"x", {"Content-Encoding": "br"}, "is not gzip"),
    ]:
        assert word in refused(send(app, body, **headers), 400, "InvalidRequestError")
    answer = app.generic("POST", TRACES, "x", "text/plain")
    assert "neither protobuf nor JSON" in refused(answer, 400, "InvalidRequestError")
    answer = send(app, b"x" * (otlp.MAX_BODY + 1))
    assert answer.status_code == 413
    assert send(app, b"").status_code == 200


def test_a_token_of_other_prompts_links_and_learns_nothing(live: Shelf, app: APIClient) -> None:
    stranger = keyed(prompts=("team/*",), name="stranger")
    traced(stranger)
    assert not TraceLink.objects.exists()
    traced(app)
    scored(stranger)
    assert [row[:3] for row in outcomes()] == [("s1", None, "")]
    assert send(app, protobuf((TRACE, SPAN, "nobody", 1), (TRACE, SPAN, "greeting", None)))
    assert TraceLink.objects.count() == 1


def test_what_nobody_asks_for_any_more_is_forgotten(live: Shelf, app: APIClient) -> None:
    traced(app)
    scored(app)
    scored(app, id="waits", traceId="ee" * 16)
    now = timezone.now()
    assert service.forget(now=now + timedelta(days=6)) == 0
    assert service.forget(now=now + timedelta(days=8)) == 2
    assert [row[0] for row in outcomes()] == ["s1"]
    assert service.forget(now=now + timedelta(days=401)) == 1


def test_outcomes_are_read_by_version_and_arm_with_their_uncertainty(
    live: Shelf, app: APIClient
) -> None:
    for number, (version, value) in enumerate([(2, 0), (2, 1), (2, 1), (3, 1)]):
        trace = f"{number:032x}"
        traced(app, version, trace)
        scored(app, id=f"y{number}", traceId=trace, name="yes", value=value, dataType="BOOLEAN")
        scored(app, id=f"n{number}", traceId=trace, name="stars", value=number)
    scored(app, id="words", traceId=f"{3:032x}", name="said", value="fine")
    answer = keyed("read", name="reader").get("/api/v1/prompts/greeting/outcomes")
    assert answer.status_code == 401  # the registry's own interface knows no Basic
    _, secret = access.create_token(name="r2", scopes=["read"], created_by="test")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    results = client.get("/api/v1/prompts/greeting/outcomes").json()["results"]
    assert [(r["version"], r["arm"], r["name"], r["kind"], r["count"]) for r in results] == [
        (3, "canary", "said", "CATEGORICAL", 1),
        (3, "canary", "stars", "NUMERIC", 1),
        (3, "canary", "yes", "BOOLEAN", 1),
        (2, "stable", "stars", "NUMERIC", 3),
        (2, "stable", "yes", "BOOLEAN", 3),
    ]
    by = {(r["version"], r["name"]): (r["mean"], r["interval"]) for r in results}
    assert by[3, "said"] == (None, None)
    assert by[3, "stars"] == (3.0, None)
    mean, (low, high) = by[2, "stars"]
    assert (mean, round(low, 3), round(high, 3)) == (1.0, -0.132, 2.132)
    mean, (low, high) = by[2, "yes"]
    # As in Wilson's paper's formula, worked out by hand for 2 of 3.
    assert (round(mean, 3), round(low, 3), round(high, 3)) == (0.667, 0.208, 0.939)
