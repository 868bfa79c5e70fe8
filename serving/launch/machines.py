"""One launch on several machines: how many, and what each of them is told.

vLLM numbers the GPUs machine by machine and lays tensor-parallel groups over neighbours, so a group
stays inside a machine where its size divides the machine's, or fills machines where it is a
multiple (vllm/v1/executor/multiproc_executor.py of 0.32.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from serving.launch.errors import LaunchError, MachinesUnevenError

#: vLLM's own default of `--master-port`.
GROUP_PORT = 29_501


@dataclass(frozen=True, slots=True)
class Node:
    """One of `count` machines. The one of rank 0 leads: it has the API, the others only compute.

    `rank` and `leader` (a host name) are text, because what starts the machines may fill them in
    itself: Kubernetes replaces `$(LWS_WORKER_INDEX)` in an argument. `port` is where the machines
    meet; further connections between them take ports of the kernel's choice. For `wait_seconds`
    they wait for one that is still loading an image or weights (0: the engine's default).
    """

    count: int
    rank: str
    leader: str
    port: int = GROUP_PORT
    wait_seconds: int = 0

    @property
    def is_leader(self) -> bool:
        """Whether this machine answers requests."""
        return self.rank == "0"

    def options(self) -> Iterator[tuple[str, str | None]]:
        """Flags and values beyond those that all machines have in common."""
        # Ray, vLLM's other way over several machines, would be asked for its cluster.
        yield "--distributed-executor-backend", "mp"
        yield "--nnodes", str(self.count)
        yield "--node-rank", self.rank
        yield "--master-addr", self.leader
        yield "--master-port", str(self.port)
        if self.wait_seconds:
            yield "--distributed-timeout-seconds", str(self.wait_seconds)
            yield "--cpu-distributed-timeout-seconds", str(self.wait_seconds)
        if not self.is_leader:
            yield "--headless", None


def machines(tensor_parallel: int, pipeline_parallel: int, gpus_per_node: int) -> int:
    """How many machines of `gpus_per_node` GPUs a launch takes. Raises MachinesUnevenError."""
    gpus = tensor_parallel * pipeline_parallel
    if gpus <= gpus_per_node:
        return 1
    said = f"TP {tensor_parallel} × PP {pipeline_parallel}"
    others = _other_machines(tensor_parallel, gpus, gpus_per_node)
    if gpus % gpus_per_node:
        raise MachinesUnevenError(
            f"{said} is {gpus} GPUs, which do not fill machines of {gpus_per_node}",
            hint=f"choose TP × PP as a multiple of {gpus_per_node}{others}",
        )
    if not _is_bordered(tensor_parallel, gpus_per_node):
        raise MachinesUnevenError(
            f"groups of TP {tensor_parallel} would lie across the borders of machines of "
            f"{gpus_per_node}",
            hint=f"choose a TP that divides {gpus_per_node} or is a multiple of it{others}",
        )
    return gpus // gpus_per_node


def check_node(gpus: int, node: Node) -> None:
    """Raise LaunchError for a machine that cannot be one of the launch's."""
    if node.count < 2 or gpus % node.count:
        raise MachinesUnevenError(f"{gpus} GPUs cannot be shared out over {node.count} machines")
    for what, text in (("rank", node.rank), ("leader", node.leader)):
        if not text or text.startswith("-") or not text.isprintable() or " " in text:
            raise LaunchError(f"the {what} of a machine cannot be {text[:60]!r}")
    if node.wait_seconds < 0:
        raise LaunchError("machines cannot wait for less than no time")
    if not 1 <= node.port <= 65_535:
        raise LaunchError(f"the machines cannot meet at port {node.port}")


def _is_bordered(tensor_parallel: int, gpus_per_node: int) -> bool:
    """Whether machines end where groups do."""
    small, large = sorted((tensor_parallel, gpus_per_node))
    return large % small == 0


def _other_machines(tensor_parallel: int, gpus: int, gpus_per_node: int) -> str:
    """How many GPUs of each machine could be taken instead; nothing to say when it is one."""
    for each in range(gpus_per_node - 1, 1, -1):
        if gpus % each == 0 and _is_bordered(tensor_parallel, each):
            count = gpus // each
            return f", or take {each} GPUs of each of {count} machines (--gpus-per-node {each})"
    return ""
