"""The /runs resource: start, watch, read, cancel, resume."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

import pytest
from rest_framework.test import APIClient

from evals import engine
from evals.models import EvalRun
from registry import access
from tests.integration.evals.conftest import QUICK, Repository
from tests.integration.evals.model_server import ModelServer, Say

_numbers = itertools.count(1)


def client(*scopes: str, prompts: tuple[str, ...] = (), name: str = "") -> APIClient:
    _, secret = access.create_token(
        name=name or f"ci-{next(_numbers)}",
        scopes=scopes or ("read", "evaluate"),
        created_by="test",
        prompts=prompts,
    )
    found = APIClient()
    found.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return found


@pytest.fixture
def published(repository: Repository) -> Repository:
    repository.publish()
    return repository


ORACLE = {"prompt": "oracle", "version": 1}


def start(caller: APIClient, **headers: str) -> dict[str, Any]:
    answer = caller.post("/api/v1/runs", ORACLE, headers=headers)
    assert answer.status_code == 202, answer.content
    body: dict[str, Any] = answer.json()
    return body


def test_a_run_from_start_to_certificate(published: Repository, server: ModelServer) -> None:
    server.reply = lambda question, _nth: Say("no" if question == "case 7" else "yes")
    caller = client(name="ci")
    run = start(caller)
    assert set(run) == set(
        "run kind prompt version baseline model tag policy suites status verdict reasons cases "
        "passed pass_rate measured latency advisory cached "
        "interval progress prompt_tokens completion_tokens certificate forecast fingerprint "
        "requested_by created_at started_at finished_at".split()
    )
    assert (run["status"], run["verdict"], run["passed"], run["interval"]) == (
        ("queued", None, None, None)
    )
    assert run["progress"] == {"done": 0, "total": 12, "errors": 0}
    assert (run["model"], run["policy"], run["suites"]) == ("tiny", "gate", ["oracle"])
    assert run["forecast"]["requests"] == 12
    assert run["requested_by"] == "token:ci"

    engine.work(uuid.UUID(run["run"]), limits=QUICK)

    done = caller.get(f"/api/v1/runs/{run['run']}").json()
    assert (done["status"], done["verdict"]) == ("finished", "PASS"), done
    assert (done["cases"], done["passed"]) == (12, 11)
    assert done["interval"][0] < done["pass_rate"] < done["interval"][1]
    assert len(done["certificate"]) == 64
    assert caller.post(f"/api/v1/runs/{run['run']}/cancel").status_code == 409

    results = caller.get(f"/api/v1/runs/{run['run']}/results?page_size=5").json()
    assert len(results["results"]) == 5
    seen = list(results["results"])
    while results["next"]:
        results = caller.get(results["next"]).json()
        seen += results["results"]
    assert len(seen) == 12
    [wrong] = [row for row in seen if row["outcome"] == "fail"]
    assert (wrong["case"], wrong["repeat"], wrong["text"]) == ("c7", 1, "no")
    assert wrong["checks"][0]["passed"] is False
    assert "no" in wrong["checks"][0]["detail"]


def test_runs_are_listed_newest_first_and_by_prompt(published: Repository) -> None:
    caller = client()
    first, second = start(caller), start(caller)
    listed = caller.get("/api/v1/runs?prompt=oracle&version=v1").json()["results"]
    assert [run["run"] for run in listed] == [second["run"], first["run"]]
    assert caller.get("/api/v1/runs?prompt=other").json()["results"] == []
    assert caller.get("/api/v1/runs?version=2").json()["results"] == []
    page = caller.get("/api/v1/runs?page_size=1").json()
    assert [run["run"] for run in caller.get(page["next"]).json()["results"]] == [first["run"]]


def test_a_run_is_cancelled_and_resumed(published: Repository) -> None:
    caller = client()
    run = start(caller)["run"]
    for _ in range(2):
        cancelled = caller.post(f"/api/v1/runs/{run}/cancel")
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    for _ in range(2):
        resumed = caller.post(f"/api/v1/runs/{run}/resume")
        assert (resumed.status_code, resumed.json()["status"]) == (200, "queued")


def test_the_same_key_starts_one_run(published: Repository) -> None:
    caller = client()
    first = start(caller, idempotency_key="k1")
    assert start(caller, idempotency_key="k1")["run"] == first["run"]
    assert EvalRun.objects.count() == 1


def test_scopes_and_globs_are_kept(published: Repository) -> None:
    run = start(client())["run"]
    paths = [f"/api/v1/runs/{run}", f"/api/v1/runs/{run}/results"]
    reader, stranger = client("read"), client("read", "evaluate", prompts=("billing/*",))
    assert reader.post("/api/v1/runs", ORACLE).status_code == 403
    assert reader.post(f"/api/v1/runs/{run}/cancel").status_code == 403
    assert stranger.post("/api/v1/runs", ORACLE).status_code == 403
    assert reader.post(f"/api/v1/runs/{run}/resume").status_code == 403
    assert stranger.get("/api/v1/runs").json()["results"] == []
    for path in paths:
        assert reader.get(path).status_code == 200
        assert client("evaluate").get(path).status_code == 403
        assert APIClient().get(path).status_code == 401


def test_the_run_of_another_prompt_is_as_unknown_as_one_that_is_not(published: Repository) -> None:
    run, nothing = start(client())["run"], str(uuid.uuid4())
    stranger = client("read", "evaluate", prompts=("billing/*",))
    for method, tail in [
        ("get", ""),
        ("get", "/results"),
        ("post", "/cancel"),
        ("post", "/resume"),
    ]:
        theirs, unknown = (
            getattr(stranger, method)(f"/api/v1/runs/{found}{tail}") for found in (run, nothing)
        )
        assert (theirs.status_code, theirs.json()["code"]) == (404, "run_unknown")
        assert theirs.content.replace(run.encode(), nothing.encode()) == unknown.content
    assert client().get(f"/api/v1/runs/{run}").json()["status"] == "queued"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"prompt": "nobody", "version": 1}, 404, "prompt_unknown"),
        ({"prompt": "oracle", "version": 9}, 404, "version_unknown"),
        ({"prompt": "oracle", "version": 1, "model": "gpt-99"}, 404, "model_unknown"),
        ({"prompt": "oracle", "version": 1, "tag": "canary"}, 422, "gate_unknown"),
        ({"prompt": "oracle"}, 422, "invalid"),
        ({"prompt": "oracle", "version": 1, "modle": "tiny"}, 422, "invalid"),
    ],
)
def test_what_cannot_be_run_is_said_so(
    body: dict[str, Any], status: int, code: str, published: Repository
) -> None:
    answer = client().post("/api/v1/runs", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_unknown_run_is_404(db: None) -> None:
    for path in ("", "/results"):
        assert client().get(f"/api/v1/runs/{uuid.uuid4()}{path}").status_code == 404
    assert client().post(f"/api/v1/runs/{uuid.uuid4()}/cancel").status_code == 404


def test_a_filter_that_is_not_understood_is_refused(published: Repository) -> None:
    caller = client()
    run = start(caller)["run"]
    for filtered in (f"runs/{run}/results?failed=1", "prompts/oracle/quarantine?ended=yes"):
        answer = caller.get(f"/api/v1/{filtered}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), filtered
    assert caller.get(f"/api/v1/runs/{run}/results?failed=false").status_code == 200
