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
    "run kind prompt version baseline model tag policy suites status verdict reasons cases passed "
    "pass_rate interval measured latency advisory progress cached prompt_tokens completion_tokens "
    "certificate forecast fingerprint requested_by created_at started_at finished_at"
)

_FORECAST = (
    *("cases", "requests", "judge_requests", "tokens", "cost_usd", "minutes"),
    *("decidable", "detectable", "detectable_drop", "detectable_margin"),
)
_QUARANTINE = (
    *("suite", "case", "owner", "reason", "created_by", "created_at", "expires_at"),
    *("lifted_by", "lifted_at", "active"),
)
_MODEL = (
    "name served_id revision tokenizer_revision pinned engine engine_version dtype quantization "
    "max_context tensor_parallel concurrency fingerprint fingerprint_at fingerprint_mode "
    "fingerprint_state base_url probe drift"
)
_LOOK = (
    "at reachable healthy served_ids engine version max_context slots extras differences error "
    "fingerprint distance"
)
_ARM = ("outcome", "score", "text", "error", "failed_checks")

#: Command -> the fields of its object. Other keys document parts: `name[]` the items of a list,
#: `name{}` the values of an object, `name` an object inside.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "init": ("path", "files", "commit"),
    "lint": ("prompts", "versions", "errors", "warnings", "ignored", "fixed", "findings"),
    "ci": (
        *("base", "head", "verdict", "prompts", "elsewhere", "reached", "findings"),
        *("check", "failure"),
    ),
    "prompts[] of ci": (
        *("name", "old", "new", "diff", "contract", "breaking"),
        *("shared_before", "shared_now", "counted"),
    ),
    "elsewhere[]": ("kind", "name"),
    "check": ("id", "status", "verdict", "prompts", "progress", "report_markdown"),
    "prompts[] of check": ("prompt", "version", "verdict", "reasons", "run"),
    "import": (
        *("out", "suites", "cases", "cases_without_checks", "files"),
        *("mapped", "mapped_with_difference", "not_mapped", "items"),
    ),
    "items[]": ("path", "line", "kind", "what", "fate", "into", "detail", "todo", "count"),
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
    "eval --plan": _FORECAST,
    "eval --aa": ("run", "prompt", "version", "model", "status", "reasons", "cases", "measured"),
    "forecast": _FORECAST,
    "measured": ("cases", "suites", "flips", "flip_rate"),
    "runs": ("runs",),
    "runs list": ("runs",),
    "runs show": (
        *_RUN.split(),
        *("confidence", "suite_rates", "check_rates", "case_counts", "changed_cases"),
        *("times", "usage", "variances", "remarks"),
    ),
    "suite_rates[]": ("name", "verdict", "cases", "passed", "pass_rate", "interval", "corrected"),
    "check_rates[]": (
        *("suite", "name", "type", "critical", "decides", "cases"),
        *("pass_rate", "interval", "baseline_rate", "score"),
    ),
    "changed_cases[]": (
        *("suite", "case", "change", "pass_rate", "baseline_rate", "history", "answers"),
    ),
    "answers[]": ("repeat", "candidate", "live"),
    "candidate": _ARM,
    "live": _ARM,
    "times[]": ("suite", "concurrency", "metric", "arm", "count", "percentiles"),
    "percentiles[]": ("quantile", "value", "low", "high"),
    "usage": (
        *("prompt_tokens", "completion_tokens", "judge_prompt_tokens"),
        *("judge_completion_tokens", "cost", "planned_cost_usd", "cached_answers"),
        *("prefix_cache", "prefix_cache_rate", "seconds"),
    ),
    "cost": ("model_usd", "latency_usd", "judges_usd", "total_usd"),
    "prefix_cache": (
        *("prompt_tokens", "cached_tokens", "rate", "prefill_saved", "prefill_unknown"),
    ),
    "prefill_saved": ("seconds", "interval", "ms_per_token"),
    "variances[]": (
        *("suite", "of", "cases", "case", "generation", "judge"),
        *("case_share", "generation_share", "judge_share", "missing"),
    ),
    "runs cancel": tuple(_RUN.split()),
    "runs resume": tuple(_RUN.split()),
    "runs[]": tuple(_RUN.split()),
    "runs results": ("run", "results"),
    "results[]": (
        *("suite", "case", "repeat", "outcome", "score", "text", "checks", "error", "from_cache"),
        *("ttft_ms", "total_ms", "prompt_tokens", "completion_tokens", "cached_tokens"),
        "baseline",
    ),
    "progress": ("done", "total", "errors"),
    "cases list": ("prompt", "cases"),
    "cases[]": ("suite", "case", "class", "since", "quarantined_until", "in_runs"),
    "in_runs[]": ("run", "version", "at", "outcomes"),
    "cases quarantine": _QUARANTINE,
    "cases lift": _QUARANTINE,
    "cases quarantined": ("prompt", "quarantines"),
    "quarantines[]": _QUARANTINE,
    "judge list": ("judges",),
    "judges[]": (
        *("suite", "judge", "rubric", "mode", "model", "samples", "labelled", "figures"),
        *("measured_at", "trusted", "sentence", "tried", "blocked"),
    ),
    "judge calibrate": (
        *("trial", "status", "suite", "judge", "rubric", "mode", "model"),
        *("figures", "trusted", "sentence", "error"),
    ),
    "plan": (
        *("fits", "reasons", "weights_gib", "non_torch_gib", "activation_gib", "cudagraph_gib"),
        *("kv_gib", "kv_bytes_per_token", "kv_tokens", "max_concurrency", "interval", "flags"),
        *("machines", "suggestion", "formulas"),
    ),
    "models list": ("models",),
    "models show": (*_MODEL.split(), "probes"),
    "models probe": (*_MODEL.split(), "probes"),
    "models[]": tuple(_MODEL.split()),
    "probe": tuple(_LOOK.split()),
    "probes[]": tuple(_LOOK.split()),
    "drift": ("since", "message"),
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
    "rebuild": ("commit", "prompts", "versions", "tags", "moves", "proven", "findings"),
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
