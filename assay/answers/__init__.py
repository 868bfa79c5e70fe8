"""The server's answers as values, one noun a file. `read` of `assay.reading` makes them."""

from __future__ import annotations

from assay.answers.callers import Me
from assay.answers.forecasts import Forecast
from assay.answers.latency import LatencyPhase
from assay.answers.measured import Comparison, Corrected, Guardrail, Measured, SuiteFigures
from assay.answers.models import (
    Drift,
    ModelLook,
    ProbeAsked,
    ProbedModel,
    RegisteredModel,
    ServedModel,
)
from assay.answers.prompts import (
    ChatMessage,
    PromptSummary,
    PromptTags,
    PublishedVersion,
    RenderedPrompt,
    ServedPrompt,
    VariableChange,
    VersionCertificate,
    VersionDiff,
)
from assay.answers.results import BaselineAnswer, CaseAnswer, CheckSaid
from assay.answers.runs import EvalRun, Progress
from assay.answers.syncs import Alarm, Synced
from assay.answers.tags import Pointer, PreviousEntry, Released, TagMove

__all__ = [
    "Alarm",
    "BaselineAnswer",
    "CaseAnswer",
    "ChatMessage",
    "CheckSaid",
    "Comparison",
    "Corrected",
    "Drift",
    "EvalRun",
    "Forecast",
    "Guardrail",
    "LatencyPhase",
    "Me",
    "Measured",
    "ModelLook",
    "Pointer",
    "PreviousEntry",
    "ProbeAsked",
    "ProbedModel",
    "Progress",
    "PromptSummary",
    "PromptTags",
    "PublishedVersion",
    "RegisteredModel",
    "Released",
    "RenderedPrompt",
    "ServedModel",
    "ServedPrompt",
    "SuiteFigures",
    "Synced",
    "TagMove",
    "VariableChange",
    "VersionCertificate",
    "VersionDiff",
]
