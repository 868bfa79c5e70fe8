"""Evaluation's tables."""

from __future__ import annotations

from evals.models.commit_checks import CheckedPrompt, CommitCheck, ProposedVersion
from evals.models.judges import JudgeTrial, LabelSet
from evals.models.quarantine import QuarantinedCase
from evals.models.results import BaselineResult, CaseResult, JudgedAnswer, KeptAnswer
from evals.models.runs import DeletedRuns, EvalRun, WorkItem
from evals.models.suites import Suite

__all__ = [
    "BaselineResult",
    "CaseResult",
    "CheckedPrompt",
    "CommitCheck",
    "DeletedRuns",
    "EvalRun",
    "JudgeTrial",
    "JudgedAnswer",
    "KeptAnswer",
    "LabelSet",
    "ProposedVersion",
    "QuarantinedCase",
    "Suite",
    "WorkItem",
]
