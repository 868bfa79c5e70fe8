"""An application with the prompt client, and a whole Assay that comes and goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assay import Client
from assay.target import Target
from tests.acceptance.conftest import Platform

pytestmark = pytest.mark.slow


def eventually(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_rollbacks_arrive_and_an_outage_is_not_noticed(
    whole_platform: Platform, tmp_path: Path
) -> None:
    tree, cache = whole_platform.tree, tmp_path / "cache"
    # Nobody polls: what arrives has come by the stream. The first client is told where it is by
    # the web listener; the second must know, as there is no web listener when it starts.
    options = {"cache": cache, "poll_seconds": 600, "timeout_seconds": 5}
    known = {**options, "stream_url": tree.stream_url}
    with whole_platform.client() as admin:
        admin.sync()
        with Client(tree.base_url, whole_platform.token, **options) as client:  # type: ignore[arg-type]
            first = client.get("sentiment", key="ada")
            assert (first.version, first.provenance.source) == (1, "network")
            text = "I love it"
            there = admin.render("sentiment", variables={"ticket": text})
            assert first.render(ticket=text) == there

            admin.override(Target("sentiment", 2, model="smollm2"), reason="try it")
            eventually(lambda: client.get("sentiment").version == 2)
            back = admin.rollback("sentiment", reason="it burns")
            eventually(lambda: client.get("sentiment").version == 1)
            assert client.get("sentiment").provenance.registry_revision == back.registry_revision

            tree.stop_service("web")
            for _ in range(20):
                assert client.get("sentiment", key="bob").version == 1

        with Client(tree.base_url, whole_platform.token, **known) as cold:  # type: ignore[arg-type]
            prompt = cold.get("sentiment")
            assert (prompt.version, prompt.provenance.source) == (1, "disk")
            assert cold.get("never-seen", fallback="Hi").provenance.source == "fallback"
            tree.start_service("web")
            eventually(lambda: cold.get("sentiment").provenance.source != "disk")
            admin.override(Target("sentiment", 2, model="smollm2"), reason="again")
            eventually(lambda: cold.get("sentiment").version == 2)
