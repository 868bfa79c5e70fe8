"""One model on several machines: servers of a real vLLM that hold a part of the weights each.

They stand on one machine here, and meet over its network as they would between machines.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from config.embedded import ports
from serving.launch import Node
from tests.vllm.server import Recipe, Server

pytestmark = pytest.mark.slow

#: A pipeline's later stages make their buffers while they warm up, which the CPU's worker leaves
#: out in eager mode (0.32.0). So it is told to compile, and PyTorch not to: that takes minutes.
_WARM = ("--compilation-config", '{"mode": 1, "backend": "eager"}')
_UNCOMPILED = {"TORCHDYNAMO_DISABLE": "1"}


@contextmanager
def together(recipe: Recipe, folder: Path) -> Iterator[list[Server]]:
    """A machine for each GPU of the launch, the leader first. Ready to be asked."""
    count = recipe.launch.gpus
    meeting = Node(count, "0", ports.LOOPBACK, port=ports.free_port(), wait_seconds=300)
    with ExitStack() as stack:
        servers = []
        for rank in range(count):
            one = replace(
                recipe,
                log=folder / f"{rank}.log",
                cores=str(min(rank, 1)),  # of two cores, the second is shared
                node=replace(meeting, rank=str(rank)),
            )
            servers.append(Server(one))
            stack.callback(servers[-1].stop)
        servers[0].wait()
        yield servers


def answer(url: str, tokens: int = 4) -> dict[str, str]:
    """What it writes after a few words, and why it stops."""
    body = {"model": "smollm2", "prompt": "The capital of France is", "ignore_eos": True}
    request = urllib.request.Request(
        f"{url}/v1/completions",
        data=json.dumps({**body, "temperature": 0, "max_tokens": tokens}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as told:
        found: dict[str, str] = json.load(told)["choices"][0]
    return found


def running(url: str) -> bool:
    """Whether a request is being answered."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    [value] = [line.split()[-1] for line in lines if line.startswith("vllm:num_requests_running")]
    return float(value) > 0


def test_a_pipeline_over_two_machines_finishes_its_answer_when_the_leader_is_told_to_end(
    recipe: Recipe, tmp_path: Path
) -> None:
    piped = recipe.with_(pipeline_parallel=2, port=ports.free_port(), shutdown_seconds=60)
    with together(replace(piped, more=_WARM, variables=_UNCOMPILED), tmp_path) as (leader, _worker):
        assert "Paris" in answer(leader.url)["text"]
        told: list[dict[str, str]] = []
        asking = threading.Thread(target=lambda: told.append(answer(leader.url, tokens=120)))
        asking.start()
        while not running(leader.url):
            assert asking.is_alive(), "it was answered before anybody could look"
        leader.ask_to_stop()
        asking.join()
        assert [one["finish_reason"] for one in told] == ["length"]
        leader.wait_for_end(seconds=60)


def test_three_machines_answer_as_one_until_one_of_them_is_told_to_end(
    recipe: Recipe, tmp_path: Path
) -> None:
    """The second half is why pods that work in a group are held back until their leader has
    answered, and why a group is replaced whole. The model has three KV heads.
    """
    spread = recipe.with_(tensor_parallel=3, port=ports.free_port())
    with together(spread, tmp_path) as (leader, _other, last):
        assert "Paris" in answer(leader.url)["text"]
        last.ask_to_stop()
        last.wait_for_end(seconds=30)
        with urllib.request.urlopen(f"{leader.url}/health", timeout=10) as told:
            assert told.status == 200, "the leader knows; the manifest may rely on it"
        with pytest.raises(urllib.error.HTTPError) as refused:
            answer(leader.url)
        with refused.value as told:
            assert told.code == 500
        leader.wait_for_end(seconds=60)
