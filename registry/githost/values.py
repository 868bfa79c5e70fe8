"""What passes between the hosts' interfaces and ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull or merge request as the host has it now. `base` is a commit of `branch`, which it is
    proposed for; `is_fork`: its commits come from another repository, or from one that is gone.
    """

    number: int
    title: str
    head: str
    base: str
    branch: str
    is_open: bool
    is_fork: bool
    labels: frozenset[str]
