"""A launch that is too large for one machine: how many it takes, and what each of them is told."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.launch import (
    EngineTooOldError,
    Launch,
    LaunchError,
    MachinesUnevenError,
    Node,
    command,
    machines,
)
from tests.unit.serving.launches import LAUNCH

_LARGE = replace(LAUNCH, tensor_parallel=8, pipeline_parallel=2)
_LEADER = Node(2, "0", "vllm-0.vllm")
_WORKER = replace(_LEADER, rank="1")


def value(launch: Launch, node: Node, flag: str) -> str | None:
    """The argument after `flag`; None without it."""
    return dict(pairwise(command(launch, node))).get(flag)


def test_one_machine_is_told_of_no_others() -> None:
    argv = command(replace(LAUNCH, pipeline_parallel=2))
    assert dict(pairwise(argv))["--pipeline-parallel-size"] == "2"
    assert not {"--nnodes", "--node-rank", "--master-addr", "--headless"} & set(argv)
    assert "--pipeline-parallel-size" not in command(LAUNCH)


def test_machines_are_told_the_same_but_who_they_are() -> None:
    alone = command(_LARGE)
    leader, worker = command(_LARGE, _LEADER), command(_LARGE, _WORKER)
    together = "--distributed-executor-backend mp --nnodes 2 --node-rank {} "
    where = "--master-addr vllm-0.vllm --master-port 29501"
    assert leader == (*alone, *(together.format(0) + where).split())
    assert worker == (*alone, *(together.format(1) + where).split(), "--headless")


def test_who_starts_them_may_say_later_which_one_it_is() -> None:
    node = Node(2, "$(LWS_WORKER_INDEX)", "$(LWS_LEADER_ADDRESS)")
    assert value(_LARGE, node, "--node-rank") == "$(LWS_WORKER_INDEX)"
    assert "--headless" in command(_LARGE, node)


def test_machines_wait_for_one_that_is_late_as_long_as_the_engine_can() -> None:
    patient = replace(_WORKER, wait_seconds=1800)
    assert value(_LARGE, patient, "--distributed-timeout-seconds") == "1800"
    assert value(_LARGE, patient, "--cpu-distributed-timeout-seconds") == "1800"
    old = replace(_LARGE, engine_version="0.19.0")
    assert value(old, patient, "--distributed-timeout-seconds") == "1800"
    assert value(old, patient, "--cpu-distributed-timeout-seconds") is None
    assert value(_LARGE, _WORKER, "--distributed-timeout-seconds") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 1},
        {"count": 3},
        {"rank": ""},
        {"rank": "--trust-remote-code"},
        {"leader": ""},
        {"leader": "a b"},
        {"port": 0},
        {"port": 70_000},
        {"wait_seconds": -1},
    ],
)
def test_a_machine_that_cannot_be_one_of_them_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(LaunchError):
        command(_LARGE, replace(_LEADER, **wrong))  # type: ignore[arg-type]


def test_an_old_engine_is_refused_for_what_it_lacks() -> None:
    with pytest.raises(EngineTooOldError, match="--shutdown-timeout"):
        command(replace(_LARGE, engine_version="0.11.2"), _LEADER)


@pytest.mark.parametrize(
    ("tp", "pp", "gpus_per_node", "count"),
    [
        *((1, 1, 8, 1), (8, 1, 8, 1), (3, 1, 8, 1), (8, 2, 8, 2), (4, 4, 8, 2), (16, 1, 8, 2)),
        *((16, 3, 8, 6), (1, 16, 8, 2), (4, 2, 4, 2), (2, 1, 1, 2)),
    ],
)
def test_as_many_machines_as_the_gpus_fill(
    tp: int, pp: int, gpus_per_node: int, count: int
) -> None:
    assert machines(tp, pp, gpus_per_node) == count


@pytest.mark.parametrize(
    ("tp", "pp", "advice"),
    [
        (4, 3, "choose TP × PP as a multiple of 8, or take 4 GPUs of each of 3 machines"),
        (9, 1, "choose TP × PP as a multiple of 8, or take 3 GPUs of each of 3 machines"),
        (6, 4, "choose a TP that divides 8 or is a multiple of it, or take 6 GPUs of each of 4"),
        (12, 2, "choose a TP that divides 8 or is a multiple of it, or take 6 GPUs of each of 4"),
        (11, 1, "choose TP × PP as a multiple of 8"),
    ],
)
def test_an_uneven_split_is_refused_with_what_to_do(tp: int, pp: int, advice: str) -> None:
    with pytest.raises(MachinesUnevenError) as told:
        machines(tp, pp, 8)
    assert told.value.hint.startswith(advice)


@given(tp=st.integers(1, 64), pp=st.integers(1, 16), gpus_per_node=st.integers(1, 16))
def test_every_split_fills_its_machines_or_is_refused(tp: int, pp: int, gpus_per_node: int) -> None:
    try:
        count = machines(tp, pp, gpus_per_node)
    except MachinesUnevenError as refused:
        if other := re.search(r"--gpus-per-node (\d+)", refused.hint):
            assert machines(tp, pp, int(other[1])) > 1
        return
    gpus = tp * pp
    if count == 1:
        assert gpus <= gpus_per_node
        return
    assert gpus == count * gpus_per_node
    launch = replace(LAUNCH, tensor_parallel=tp, pipeline_parallel=pp)
    argvs = [command(launch, Node(count, str(rank), "leader")) for rank in range(count)]
    assert ["--headless" in argv for argv in argvs] == [False] + [True] * (count - 1)
    assert len(set(argvs)) == count
