"""Checks of proposed commits: what a pull request does, against what is live.

A check reads the commit from a store of its own, lints it, evaluates what it proposes as runs that
can certify nothing, and tells the verdict. It never touches what is served.
"""

from __future__ import annotations

from evals.commit_checks.advancing import advance
from evals.commit_checks.following import follow_proposals
from evals.commit_checks.pruning import prune_checks
from evals.commit_checks.requesting import Proposal, cancel_check, request_check, supersede

__all__ = [
    "Proposal",
    "advance",
    "cancel_check",
    "follow_proposals",
    "prune_checks",
    "request_check",
    "supersede",
]
