"""A plan that needs more GPUs than a machine has: how many machines, and what each is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serving.planner import catalogue
from serving.planner.plan import make_plan
from serving.planner.request import PlanRequest
from serving.planner.suggestion import suggest

_LLAMA = catalogue.find("meta-llama/Llama-3.1-70B-Instruct").architecture
_WISH = PlanRequest(_LLAMA, gpu="l40s", tp=8, pp=2, max_model_len=8192)


def test_one_machine_is_told_of_no_others() -> None:
    found = make_plan(replace(_WISH, pp=1)).machines
    assert found
    assert (found.count, found.gpus_each) == (1, 8)
    assert found.leader_flags == found.worker_flags == ()


@pytest.mark.parametrize(
    ("tp", "pp", "gpus_per_node", "count"), [(8, 2, 8, 2), (16, 1, 8, 2), (4, 4, 4, 4)]
)
def test_several_are_counted_and_told_how_they_meet(
    tp: int, pp: int, gpus_per_node: int, count: int
) -> None:
    made = make_plan(replace(_WISH, tp=tp, pp=pp, gpus_per_node=gpus_per_node))
    assert made.fits
    assert made.machines
    assert (made.machines.count, made.machines.gpus_each) == (count, gpus_per_node)
    together = {"--distributed-executor-backend=mp", f"--nnodes={count}", "--master-addr=LEADER"}
    assert together < set(made.machines.leader_flags) & set(made.machines.worker_flags)
    assert set(made.machines.worker_flags) - set(made.machines.leader_flags) == {
        "--node-rank=RANK",
        "--headless",
    }


def test_a_group_over_machines_is_planned_and_said_to_wait_for_the_network() -> None:
    wide, deep = make_plan(replace(_WISH, tp=16, pp=1)), make_plan(_WISH)
    assert wide.fits
    [slow] = [reason for reason in wide.reasons if "network" in reason]
    assert "TP 8 × PP 2" in slow
    assert not any("network" in reason for reason in deep.reasons)


def test_gpus_that_do_not_fill_their_machines_do_not_start() -> None:
    made = make_plan(replace(_WISH, tp=4, pp=3))
    assert not made.fits
    assert made.machines is None
    [refused] = made.reasons
    assert "--gpus-per-node 4" in refused
    assert make_plan(replace(_WISH, tp=4, pp=3, gpus_per_node=4)).fits


def test_several_machines_were_never_measured() -> None:
    near = replace(_WISH, gpu="h100-sxm", vllm_version="0.19.0", tp=4)
    near = replace(near, max_num_seqs=1024, max_num_batched_tokens=8192)
    together, apart = make_plan(near), make_plan(replace(near, gpus_per_node=4))
    assert together.interval.is_measured
    assert not apart.interval.is_measured
    assert apart.interval.kv_gib[0] < together.interval.kv_gib[0]


def test_a_proposal_keeps_tensor_parallel_groups_inside_a_machine() -> None:
    small = replace(_WISH, gpu="l4", tp=4, pp=1, gpus_per_node=4)
    asked = make_plan(small)
    assert not asked.fits
    found = suggest(small, asked)
    assert found
    assert found.plan.settings.tp <= 4 < found.plan.settings.tp * found.plan.settings.pp
    assert found.plan.machines
    assert found.plan.machines.count > 1
