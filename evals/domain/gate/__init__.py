"""The gate: what a finished run proves. Pure."""

from __future__ import annotations

from evals.domain.gate.decision import Comparison, Decision, GuardrailResult, Verdict
from evals.domain.gate.evidence import Advisory, Evidence, GuardrailSample, Quarantine
from evals.domain.gate.floor import decide, floor_of, least_cases
from evals.domain.gate.tally import CaseTally, PairedCase

__all__ = [
    "Advisory",
    "CaseTally",
    "Comparison",
    "Decision",
    "Evidence",
    "GuardrailResult",
    "GuardrailSample",
    "PairedCase",
    "Quarantine",
    "Verdict",
    "decide",
    "floor_of",
    "least_cases",
]
