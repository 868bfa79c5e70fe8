"""What `--json` prints: one object per command, with exactly these fields. A stable promise.

`docs/reference/cli.md` lists this table and `document` makes the objects from it: neither can
drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

_MOVE = ("event", "tag", "version", "model", "revision", "previous")
_RUN = (
    "run prompt version model tag policy suites status verdict reasons cases passed pass_rate "
    "interval progress prompt_tokens completion_tokens certificate forecast fingerprint "
    "requested_by created_at started_at finished_at"
)

#: Command -> the fields of its object. Other keys document parts: `name[]` the items of a list,
#: `name{}` the values of an object, `name` an object inside.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "init": ("path", "files", "commit"),
    "lint": ("prompts", "versions", "errors", "warnings", "findings"),
    "render": ("name", "version", "type", "text", "messages"),
    "diff": ("name", "old", "new", "text", "contract"),
    "messages[]": ("role", "content"),
    "contract[]": ("kind", "variable", "breaking", "message"),
    "sync": ("commit", "prompts", "versions", "findings"),
    "findings[]": ("path", "line", "column", "severity", "code", "message", "hint"),
    "eval": (
        *("run", "prompt", "version", "model", "verdict"),
        *("reasons", "cases", "passed", "certificate"),
    ),
    "runs": ("runs",),
    "runs list": ("runs",),
    "runs show": tuple(_RUN.split()),
    "runs cancel": tuple(_RUN.split()),
    "runs resume": tuple(_RUN.split()),
    "runs[]": tuple(_RUN.split()),
    "runs results": ("run", "results"),
    "results[]": (
        *("suite", "case", "repeat", "outcome", "text", "checks", "error"),
        *("ttft_ms", "total_ms", "prompt_tokens", "completion_tokens"),
    ),
    "progress": ("done", "total", "errors"),
    "judge list": ("judges",),
    "judges[]": (
        *("suite", "judge", "rubric", "mode", "model", "samples", "labelled", "figures"),
        *("measured_at", "trusted", "sentence", "tried", "blocked"),
    ),
    "judge calibrate": (
        *("trial", "status", "suite", "judge", "rubric", "mode", "model"),
        *("figures", "trusted", "sentence", "error"),
    ),
    "figures": ("labels", "errors", "accuracy", "tpr", "tnr", "kappa", "confusion"),
    "show": ("name", "tags", "versions"),
    "show tags{}": ("version", "model", "revision"),
    "tags": ("tags",),
    "tags[]": (
        *("prompt", "tag", "version", "model", "revision"),
        *("weight", "kind", "proven", "since", "actor"),
    ),
    "history": ("name", "events"),
    "events[]": (
        *("event", "tag", "kind", "version", "model", "weight", "revision", "registry_revision"),
        *("actor", "role", "reason", "certificate", "restores", "commit", "release"),
        *("previous", "at"),
    ),
    "promote": _MOVE,
    "rollback": _MOVE,
    "canary set": _MOVE,
    "canary clear": _MOVE,
    "override": _MOVE,
    "previous": ("event", "version", "model"),
    "release": ("release", "moves"),
    "moves[]": ("prompt", *_MOVE),
    "token create": ("token", "id", "scopes"),
    "token revoke": ("id", "name", "revoked_at"),
    "token list": ("tokens",),
    "tokens[]": (
        *("id", "name", "scopes", "prompts"),
        *("created_at", "expires_at", "last_used_at", "revoked_at"),
    ),
}


def document(command: str, value: Any) -> dict[str, Any]:
    """The documented fields of a dataclass or mapping, in the documented order.

    Raises KeyError when one is missing: that is a mistake of ours, never of the user.
    """
    known = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    return {name: known[name] for name in FIELDS[command]}
