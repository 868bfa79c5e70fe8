"""The gate: what a finished run proves. Pure."""

from __future__ import annotations

from evals.domain.gate.comparison import compare
from evals.domain.gate.deciding import decide
from evals.domain.gate.decision import Comparison, Corrected, Decision, GuardrailResult, Verdict
from evals.domain.gate.evidence import (
    Advisory,
    Evidence,
    GuardrailSample,
    JudgeRecord,
    Quarantine,
)
from evals.domain.gate.floor import floor_of, least_cases
from evals.domain.gate.guardrails import weigh_guardrails, weigh_guardrails_of_suites
from evals.domain.gate.stopping import StopDecision, may_stop
from evals.domain.gate.tally import CaseTally, PairedCase

__all__ = [
    "Advisory",
    "CaseTally",
    "Comparison",
    "Corrected",
    "Decision",
    "Evidence",
    "GuardrailResult",
    "GuardrailSample",
    "JudgeRecord",
    "PairedCase",
    "Quarantine",
    "StopDecision",
    "Verdict",
    "compare",
    "decide",
    "floor_of",
    "least_cases",
    "may_stop",
    "weigh_guardrails",
    "weigh_guardrails_of_suites",
]
