"""models: what is pinned, what is served, and having a server looked at."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.assay.bodies import problem
from tests.integration.assay.conftest import Terminal
from tests.integration.assay.scripted_server import Reply, ScriptedServer

ASKED_AT = "2026-05-01T10:00:00.5Z"
MISSING = "smollm2 is pinned as 'smollm2', and the server has other"
DRIFT = {"since": "2026-05-01T09:00:00Z", "message": "smollm2 serves something else"}


def look(**changes: Any) -> dict[str, Any]:
    seen = {
        "at": "2026-05-01T10:00:01.0Z",
        "reachable": True,
        "healthy": True,
        "served_ids": ["smollm2"],
        "engine": "llama.cpp",
        "version": "b1",
        "max_context": 2048,
        "slots": 4,
        "extras": ["/health", "/metrics"],
        "differences": [],
        "error": "",
        "fingerprint": "same",
        "distance": 0.0,
    }
    return {**seen, **changes}


def model(**changes: Any) -> dict[str, Any]:
    pinned = {
        "name": "smollm2",
        "served_id": "smollm2",
        "revision": "sha256:ab",
        "tokenizer_revision": "",
        "pinned": True,
        "engine": "llama.cpp",
        "engine_version": "b1",
        "dtype": "",
        "quantization": "Q4_1",
        "max_context": 2048,
        "tensor_parallel": 1,
        "concurrency": 4,
        "fingerprint": "f" * 64,
        "fingerprint_at": "2026-05-01T09:00:00Z",
        "fingerprint_mode": "logprobs/3",
        "fingerprint_state": "same",
        "base_url": None,
        "probe": look(),
        "drift": None,
    }
    return {**pinned, **changes}


def detail(**changes: Any) -> dict[str, Any]:
    found = model(**changes)
    return {**found, "probes": [found["probe"]] if found["probe"] else []}


def test_the_list_shows_pin_and_server(server: ScriptedServer, assay: Terminal) -> None:
    weak = model(name="other", pinned=False, fingerprint_mode="text/3", probe=None)
    server.script("GET /models", Reply({"results": [model(drift=DRIFT), weak]}))
    ended = assay.run("models", "list")
    assert ended.code == 0, ended.err
    assert "llama.cpp b1" in ended.out
    assert "drifted" in ended.out
    assert "same (weak: text only)" in ended.out
    assert "smollm2 serves something else, since 2026-05-01 09:00" in ended.out


def test_show_prints_one_with_its_looks(server: ScriptedServer, assay: Terminal) -> None:
    server.script("GET /models/smollm2", Reply(detail()))
    ended = assay.run("models", "show", "smollm2", "--json")
    assert (ended.code, ended.document) == (0, detail())
    assert "/health /metrics" in assay.run("models", "show", "smollm2").out


@pytest.mark.parametrize(
    ("changes", "code", "sentence"),
    [
        ({}, 0, "llama.cpp b1"),
        ({"probe": look(differences=[MISSING])}, 1, MISSING),
        ({"drift": DRIFT}, 1, "smollm2 serves something else"),
        ({"probe": look(reachable=False, error="connection refused")}, 4, "connection refused"),
        ({"probe": look(fingerprint="cannot tell")}, 4, "cannot tell"),
    ],
)
def test_a_probe_waits_for_its_look_and_decides_the_exit_code(
    server: ScriptedServer, assay: Terminal, changes: dict[str, Any], code: int, sentence: str
) -> None:
    asked = {"model": "smollm2", "asked_at": ASKED_AT}
    server.script("POST /models/smollm2/probes", Reply(asked, 202))
    before = detail(probe=look(at="2026-05-01T09:59:00.0Z"))
    server.script("GET /models/smollm2", Reply(before), Reply(detail(**changes)))
    ended = assay.run("models", "probe", "smollm2", "--fingerprint")
    assert ended.code == code, ended.err
    assert sentence in ended.out


def test_nobody_looks_when_no_worker_runs(server: ScriptedServer, assay: Terminal) -> None:
    asked = {"model": "smollm2", "asked_at": ASKED_AT}
    server.script("POST /models/smollm2/probes", Reply(asked, 202))
    server.script("GET /models/smollm2", Reply(detail(probe=None)))
    ended = assay.run("models", "probe", "smollm2", "--timeout", "1")
    assert (ended.code, "is a worker running?" in ended.err) == (4, True)


def test_a_model_without_an_address_is_one_clear_line(
    server: ScriptedServer, assay: Terminal
) -> None:
    unknown = problem(503, "endpoint_unknown", "there is no address for the model smollm2")
    server.script("POST /models/smollm2/probes", Reply(unknown, 503))
    ended = assay.run("models", "probe", "smollm2")
    assert ended.code == 4
    assert "no address" in ended.err
