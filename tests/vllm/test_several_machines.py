"""One model on three machines: three servers of a real vLLM that hold a third of the weights each.

They stand on one machine here, and meet over its network as they would between machines. The CPU's
build runs no pipeline in eager mode (0.32.0), hence tensor parallel: the model has three KV heads.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from config.embedded import ports
from serving.launch import Node
from tests.vllm.server import Recipe, Server

pytestmark = pytest.mark.slow

_MACHINES = 3


@pytest.fixture(scope="module")
def group(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """The leader first. Ready to be asked."""
    logs = tmp_path_factory.mktemp("group")
    launch = replace(recipe.launch, tensor_parallel=_MACHINES, port=ports.free_port())
    meeting = Node(_MACHINES, "0", ports.LOOPBACK, port=ports.free_port(), wait_seconds=300)
    with ExitStack() as stack:
        servers = []
        for rank in range(_MACHINES):
            # Two cores for three: the second is shared.
            one = Recipe(
                launch,
                recipe.environment,
                _log(logs, rank),
                cores=str(min(rank, 1)),
                node=replace(meeting, rank=str(rank)),
            )
            servers.append(Server(one))
            stack.callback(servers[-1].stop)
        servers[0].wait()
        yield servers


def _log(folder: Path, rank: int) -> Path:
    return folder / f"{rank}.log"


def answer(url: str) -> str:
    """What it writes after a few words."""
    body = {"model": "smollm2", "prompt": "The capital of France is", "max_tokens": 4}
    request = urllib.request.Request(
        f"{url}/v1/completions",
        data=json.dumps({**body, "temperature": 0}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as told:
        return str(json.load(told)["choices"][0]["text"])


def test_three_machines_answer_as_one_until_one_of_them_is_told_to_end(
    group: list[Server],
) -> None:
    """The second half is why pods that work in a group are held back until their leader has
    answered, and why a group is replaced whole.
    """
    leader, *_, last = group
    assert "Paris" in answer(leader.url)
    last.ask_to_stop()
    last.wait_for_end(seconds=30)
    with urllib.request.urlopen(f"{leader.url}/health", timeout=10) as told:
        assert told.status == 200, "the leader knows; the manifest may rely on it"
    with pytest.raises(urllib.error.HTTPError) as refused:
        answer(leader.url)
    with refused.value as told:
        assert told.code == 500
    leader.wait_for_end(seconds=60)
