"""How one pinned model is started: the arguments of `vllm serve`, and nothing left to defaults that
would change what is served.

A launch that is too large for one machine is started once on each of several (`Node`): vLLM's own
processes find each other, without Ray.
"""

from __future__ import annotations

from serving.launch.arguments import command
from serving.launch.checking import check
from serving.launch.errors import (
    EngineNotPinnedError,
    EngineNotVllmError,
    EngineTooOldError,
    LaunchError,
    MachinesUnevenError,
    RevisionNotPinnedError,
)
from serving.launch.flags import FLAGS, HASH_ALGORITHMS, engine_release
from serving.launch.machines import Node, machines
from serving.launch.values import Launch

__all__ = [
    "FLAGS",
    "HASH_ALGORITHMS",
    "EngineNotPinnedError",
    "EngineNotVllmError",
    "EngineTooOldError",
    "Launch",
    "LaunchError",
    "MachinesUnevenError",
    "Node",
    "RevisionNotPinnedError",
    "check",
    "command",
    "engine_release",
    "machines",
]
