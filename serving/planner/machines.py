"""On how many machines a plan runs, and what each of them is told beyond its flags."""

from __future__ import annotations

from dataclasses import dataclass

from serving.launch import MachinesUnevenError, Node, machines
from serving.planner.request import Settings

#: To be filled in by who starts the machines.
_RANK, _LEADER = "RANK", "LEADER"


@dataclass(frozen=True)
class Machines:
    """`count` machines with `gpus_each` GPUs of the plan. The flags are those of `vllm serve`
    beside the plan's: none for a single machine, else those of the first one, whose address is
    LEADER, and of each other, whose RANK counts from 1.
    """

    count: int
    gpus_each: int
    leader_flags: tuple[str, ...] = ()
    worker_flags: tuple[str, ...] = ()


def spread(settings: Settings) -> Machines | None:
    """None when the GPUs do not fill machines evenly; `machines_refusal` says so."""
    gpus = settings.tp * settings.pp
    try:
        count = machines(settings.tp, settings.pp, settings.gpus_per_node)
    except MachinesUnevenError:
        return None
    if count == 1:
        return Machines(1, gpus)
    leader, worker = (_flags(Node(count, rank, _LEADER)) for rank in ("0", _RANK))
    return Machines(count, gpus // count, leader, worker)


def machines_refusal(settings: Settings) -> str | None:
    """Why the GPUs cannot be shared out over machines, and what to choose; None when they can."""
    try:
        machines(settings.tp, settings.pp, settings.gpus_per_node)
    except MachinesUnevenError as error:
        return f"{error.message}: {error.hint}"
    return None


def slow_network(settings: Settings) -> str | None:
    """What is to be said of tensor-parallel groups that machines share."""
    each = settings.gpus_per_node
    if settings.tp <= each:
        return None
    return (
        f"TP {settings.tp} lies over {settings.tp // each} machines, which wait for the network "
        f"in every layer: TP {each} × PP {settings.tp * settings.pp // each} asks less of it"
    )


def _flags(node: Node) -> tuple[str, ...]:
    return tuple(name if value is None else f"{name}={value}" for name, value in node.options())
