"""The registry's tables, split by noun."""

from __future__ import annotations

from registry.models.access import AccessEvent, ApiToken, OneTimeLink, User
from registry.models.content import GatePolicy, ModelVersion, Prompt, PromptVersion
from registry.models.githost import HostReport
from registry.models.gitops import TagRequest, WriteBack
from registry.models.hooks import HookDelivery
from registry.models.ledger import Certificate, RegistryState, Release, Tag, TagEvent
from registry.models.mirror import MirrorAlarm, MirrorState, StoredFinding, SyncRun
from registry.models.outbox import IdempotencyRecord, OutboxDelivery, OutboxMessage
from registry.models.outcomes import Outcome, TraceLink
from registry.models.probes import ModelAlarm, ModelProbe
from registry.models.processes import LookupProcess

__all__ = [
    "AccessEvent",
    "ApiToken",
    "Certificate",
    "GatePolicy",
    "HookDelivery",
    "HostReport",
    "IdempotencyRecord",
    "LookupProcess",
    "MirrorAlarm",
    "MirrorState",
    "ModelAlarm",
    "ModelProbe",
    "ModelVersion",
    "OneTimeLink",
    "OutboxDelivery",
    "OutboxMessage",
    "Outcome",
    "Prompt",
    "PromptVersion",
    "RegistryState",
    "Release",
    "StoredFinding",
    "SyncRun",
    "Tag",
    "TagEvent",
    "TagRequest",
    "TraceLink",
    "User",
    "WriteBack",
]
