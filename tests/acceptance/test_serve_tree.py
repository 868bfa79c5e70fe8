"""The tree of processes as Python sees it: what dies comes back, what is given is not started."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.embedded import locations, postgres, processes
from config.serve import Tree, TreeOptions, running

pytestmark = pytest.mark.slow

REPLACEMENTS = ("DATABASE_URL", "BROKER_URL", "ASSAY_MODEL_DEMO_URL")


def eventually(condition: Callable[[], object], *, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def status(tree: Tree) -> int:
    try:
        with urllib.request.urlopen(f"{tree.base_url}/healthz", timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def bare_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in REPLACEMENTS}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    """All of Assay on a free port, without the model."""
    options = TreeOptions(tmp_path_factory.mktemp("tree") / "data", port=0, model=False)
    with running(options, environment=bare_environment(), report=print) as tree:
        yield tree


def children_of(pid: int) -> list[int]:
    """The direct children, from every thread of the process."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for thread in threads for child in thread.read_text().split()]


@pytest.mark.parametrize("name", ["web", "stream", "worker", "beat"])
def test_a_killed_process_takes_its_children_along_and_comes_back(tree: Tree, name):
    tree.wait(name)
    pid = tree.pid(name)
    assert pid
    eventually(lambda: name == "beat" or children_of(pid))
    children = children_of(pid)
    assert tree.kill(name) == pid
    eventually(lambda: tree.pid(name) not in (None, pid))
    assert not any(processes.is_running(child) for child in children)
    tree.wait(name)
    assert status(tree) == 200


def test_the_web_comes_back_after_the_database_crashed(tree: Tree):
    assert status(tree) == 200
    first = tree.kill("postgres")
    eventually(lambda: tree.pid("postgres") not in (None, first))
    tree.wait("postgres")
    eventually(lambda: status(tree) == 200)


def test_the_web_answers_while_the_broker_is_stopped(tree: Tree):
    tree.stop_service("valkey")
    assert not tree.answers("valkey")
    assert status(tree) == 200
    tree.start_service("valkey")
    assert tree.answers("valkey")


def test_the_web_says_so_while_the_database_is_stopped(tree: Tree):
    tree.stop_service("postgres")
    assert status(tree) == 503
    tree.start_service("postgres")
    eventually(lambda: status(tree) == 200)


def test_servers_given_by_url_are_not_started(tmp_path, demo_model):
    session = Path(os.environ["ASSAY_DATA"])
    if not os.environ.get("DATABASE_URL"):
        postgres.ensure_database(session)
    given = {
        "DATABASE_URL": locations.database_url(session),
        "BROKER_URL": locations.broker_url(session),
        "ASSAY_MODEL_DEMO_URL": demo_model,
    }
    options = TreeOptions(tmp_path / "data", port=0)
    with running(options, environment={**given, **os.environ}, report=print) as tree:
        assert set(tree.services) == {"web", "stream", "worker", "beat"}
        assert tree.model_url == demo_model
        assert status(tree) == 200
