"""Rollback needs PostgreSQL and a web worker, and nothing else."""

from __future__ import annotations

import shutil

import pytest

from assay.target import Target
from tests.acceptance.conftest import Platform

pytestmark = pytest.mark.slow


def test_rollback_with_everything_else_down(whole_platform: Platform) -> None:
    tree = whole_platform.tree
    with whole_platform.client() as client:
        client.sync()
        assert client.lookup("sentiment").version == 1
        target = Target("sentiment", 2, model="smollm2")
        client.override(target, reason="the test needs something to go back from")
        run = client.evaluate("sentiment", 3)  # a run is under way, and will be cut off

        for service in ("beat", "worker", "valkey", "model"):
            tree.stop_service(service)
        shutil.rmtree(whole_platform.repository)

        assert client.lookup("sentiment").version == 2
        move = client.rollback("sentiment", reason="it burns")
        assert (move.version, move.kind) == (1, "rolled_back")
        assert client.lookup("sentiment").version == 1

        # What needs the missing parts says so, or waits; nothing hangs and nothing is lost.
        synced = client.sync()
        assert synced.status == "failed"
        assert "unreachable" in {alarm.kind for alarm in synced.alarms}
        queued = client.evaluate("sentiment", 2)
        assert queued.status == "queued"
        assert not client.run(run.run).is_over

        for service in ("valkey", "model", "worker", "beat"):
            tree.start_service(service)
        assert client.lookup("sentiment").version == 1
