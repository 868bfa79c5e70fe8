"""Bodies as the REST contract has them."""

from __future__ import annotations

from typing import Any

RUN_ID = "6c1f7a52-6f0f-4a6e-9b7e-0a5f3f1c2d3e"


def pointer(version: int | None = 3, **changes: Any) -> dict[str, Any]:
    return {
        "version": version,
        "model": "smollm2",
        "revision": 4,
        "weight": None,
        "kind": "promoted",
        "proven": True,
        "since": "2026-03-01T10:00:00Z",
        "actor": "token:ci",
        **changes,
    }


def tags(**changes: Any) -> dict[str, Any]:
    return {
        "name": "support-chat",
        "tags": {"stable": pointer(), "canary": pointer(4, revision=1, weight=10)},
        "versions": [1, 2, 3, 4],
        **changes,
    }


def event(**changes: Any) -> dict[str, Any]:
    return {
        "event": 12,
        "prompt": "support-chat",
        "tag": "stable",
        "kind": "promoted",
        "version": 4,
        "model": "smollm2",
        "weight": None,
        "revision": 5,
        "registry_revision": 31,
        "actor": "token:ci",
        "role": "",
        "reason": "",
        "certificate": "c" * 64,
        "restores": None,
        "commit": "",
        "release": None,
        "previous": {"event": 9, "version": 3, "model": "smollm2"},
        "at": "2026-03-01T11:00:00Z",
        "warnings": [],
        **changes,
    }


def forecast(**changes: Any) -> dict[str, Any]:
    return {
        "cases": 60,
        "requests": 60,
        "tokens": 9000,
        "cost_usd": 0.0,
        "minutes": None,
        "decidable": True,
        "detectable": "of 60 cases, 55 or more right pass the floor of 80.0 %",
        **changes,
    }


def run(**changes: Any) -> dict[str, Any]:
    return {
        "run": RUN_ID,
        "kind": "gate",
        "prompt": "support-chat",
        "version": 4,
        "baseline": None,
        "model": "smollm2",
        "tag": "stable",
        "policy": "release",
        "suites": ["support-chat"],
        "status": "queued",
        "verdict": None,
        "reasons": [],
        "cases": 60,
        "passed": None,
        "pass_rate": None,
        "interval": None,
        "measured": {},
        "latency": {},
        "advisory": {},
        "progress": {"done": 0, "total": 60, "errors": 0},
        "cached": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "certificate": None,
        "forecast": forecast(),
        "fingerprint": "",
        "requested_by": "token:ci",
        "created_at": "2026-03-01T11:00:00Z",
        "started_at": None,
        "finished_at": None,
        **changes,
    }


def finished(verdict: str, **changes: Any) -> dict[str, Any]:
    figures = {
        "status": "finished",
        "verdict": verdict,
        "passed": 57,
        "pass_rate": 0.95,
        "interval": [0.863, 0.983],
        "progress": {"done": 60, "total": 60, "errors": 0},
        "certificate": "c" * 64 if verdict == "PASS" else None,
        "finished_at": "2026-03-01T11:05:00Z",
    }
    return run(**{**figures, **changes})


def synced(**changes: Any) -> dict[str, Any]:
    return {
        "commit": "a" * 40,
        "previous_commit": "",
        "status": "applied",
        "prompts": 4,
        "versions": 11,
        "new_versions": 11,
        "findings": [],
        "error": "",
        "duration_ms": 90,
        "alarms": [],
        **changes,
    }


def served(**changes: Any) -> dict[str, Any]:
    return {
        "name": "support-chat",
        "tag": "stable",
        "version": 3,
        "type": "chat",
        "template": '{% chat role="user" %}{{ ticket }}{% endchat %}',
        "variables": {"ticket": {"type": "string"}},
        "parameters": {"temperature": 0},
        "model": {"name": "smollm2", "served_id": "smollm2", "revision": "sha256:ab"},
        "digest": "d" * 64,
        "commit": "a" * 40,
        "revision": 4,
        "registry_revision": 30,
        "fallback": False,
        "proven": True,
        "warnings": [],
        **changes,
    }


def problem(status: int, code: str, detail: str, hint: str = "", **fields: Any) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": "Refused",
        "status": status,
        "detail": detail,
        "code": code,
        "hint": hint,
        **fields,
    }
