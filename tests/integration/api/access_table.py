"""Who may do what: one reviewed row for each route and method. Read it as a policy.

A route or method that is not here fails `test_every_route.py`. Whoever adds a row answers two
questions: who may call it, and is it about one prompt (then a token of other prompts may not)?
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: Callers by what they show: nothing, a token with one scope, a session with a role, and tokens
#: with every scope that are limited to other prompts, revoked, or expired.
NOBODY = "nobody"
TOKENS = ("lookup", "read", "evaluate", "promote", "admin")
ROLES = ("viewer", "editor", "promoter", "administrator")
STRANGER = "a token of other prompts"
REVOKED = "a revoked token"
EXPIRED = "an expired token"
CALLERS = (NOBODY, *TOKENS, *ROLES, STRANGER, REVOKED, EXPIRED)

#: What MLflow can write and nobody may: versions are files, tags move with evidence.
MLFLOW_WRITES = (
    *(f"mlflow-registered-models-{word}" for word in "create rename update delete".split()),
    "mlflow-registered-models-delete-tag",
    *(f"mlflow-model-versions-{word}" for word in "create update delete".split()),
    "mlflow-model-versions-set-tag",
    "mlflow-model-versions-delete-tag",
)
WRITING = ("POST", "PATCH", "DELETE")

#: Pages by what they are for; the routes are called `page-…`.
READING_PAGES = (
    "prompt version diff runs run cases compare checks check models model ledger mirror planner"
    " gates"
).split()
EVALUATING_PAGES = "start-run cancel-run resume-run cancel-check try".split()
MOVING_PAGES = "move rollback clear-canary".split()
SETTINGS_PAGES = "tokens revoke-token people person new-link webhooks retry".split()

#: In quarantine.
CASE = {"suite": "greetings", "case": "hello"}

ANYBODY = frozenset(CALLERS)
#: Pages know people only; a token opens none of them.
PEOPLE = frozenset(ROLES)
EDITORS = PEOPLE - {"viewer"}
PROMOTERS = EDITORS - {"editor"}
KNOWN = frozenset({*TOKENS, *ROLES, STRANGER})
LOOKUP = frozenset({"lookup", *ROLES})
#: Clients of other registries show tokens; none has a session.
TOKEN_LOOKUP = frozenset({"lookup"})
NO_ONE: frozenset[str] = frozenset()
READ = frozenset({"read", *ROLES})
EVALUATE = frozenset({"evaluate", "editor", "promoter", "administrator"})
PROMOTE = frozenset({"promote", "promoter", "administrator"})
ADMIN = frozenset({"admin", "administrator"})
ADMINISTRATORS = frozenset({"administrator"})


def everywhere(who: frozenset[str]) -> frozenset[str]:
    """Also a token of other prompts: the route is about no prompt, or answers within its globs."""
    return who | {STRANGER}


@dataclass(frozen=True)
class Row:
    """Who may use `method` on the route called `route`; `body` is one that is accepted."""

    route: str
    method: str
    who: frozenset[str]
    body: dict[str, Any] = field(default_factory=dict)


def reading(route: str, who: frozenset[str]) -> tuple[Row, Row]:
    """GET, and HEAD which is GET without the body."""
    return Row(route, "GET", who), Row(route, "HEAD", who)


TABLE: tuple[Row, ...] = (
    # --- Probes: they say yes or no, nothing else ---
    *reading("healthz", ANYBODY),
    *reading("readyz", ANYBODY),
    # --- Prometheus: counts over everything, no names (and its own token opens nothing else) ---
    *reading("metrics", everywhere(READ)),
    # --- Git hosts: no caller of ours, only the signature of a body; closed without a secret ---
    Row("hook-github", "POST", frozenset()),
    Row("hook-gitlab", "POST", frozenset()),
    Row("hook-git", "POST", frozenset()),
    # --- Pages ---
    *reading("login", ANYBODY),
    Row("login", "POST", ANYBODY),
    *reading("welcome", ANYBODY),
    Row("welcome", "POST", ANYBODY),
    *reading("overview", PEOPLE),
    *reading("set-password", PEOPLE),
    Row("set-password", "POST", PEOPLE),
    Row("logout", "POST", PEOPLE),
    *(row for name in READING_PAGES for row in reading(f"page-{name}", PEOPLE)),
    Row("page-version", "POST", PEOPLE),
    Row("page-model", "POST", EDITORS),
    *(row for name in EVALUATING_PAGES for row in reading(f"page-{name}", EDITORS)),
    *(Row(f"page-{name}", "POST", EDITORS) for name in EVALUATING_PAGES),
    *(row for name in MOVING_PAGES for row in reading(f"page-{name}", PROMOTERS)),
    *(Row(f"page-{name}", "POST", PROMOTERS) for name in MOVING_PAGES),
    *reading("page-access-ledger", ADMINISTRATORS),
    *(row for name in SETTINGS_PAGES for row in reading(f"page-{name}", ADMINISTRATORS)),
    *(Row(f"page-{n}", "POST", ADMINISTRATORS) for n in SETTINGS_PAGES if n != "webhooks"),
    # --- Who am I, and what is there to call ---
    *reading("me", KNOWN),
    *reading("stream", everywhere(LOOKUP)),
    *reading("openapi", KNOWN),
    # --- Applications ---
    *reading("lookup", LOOKUP),
    *reading("seed-lookup", LOOKUP),
    # Many prompts: each that the caller may not see is refused by itself, or left out.
    Row("batch", "POST", everywhere(LOOKUP), {"items": [{"name": "greeting"}]}),
    *reading("bundle", everywhere(LOOKUP)),
    # --- Dialects: tokens only, and never more than the lookup gives ---
    *reading("mlflow-prompt", TOKEN_LOOKUP),
    *reading("mlflow-alias", TOKEN_LOOKUP),
    *reading("mlflow-version", TOKEN_LOOKUP),
    *reading("mlflow-search", everywhere(TOKEN_LOOKUP)),
    # Nothing is kept of it.
    Row("mlflow-set-tag", "POST", everywhere(TOKEN_LOOKUP)),
    Row("mlflow-alias", "POST", frozenset()),
    Row("mlflow-alias", "DELETE", frozenset()),
    *(Row(route, method, frozenset()) for route in MLFLOW_WRITES for method in WRITING),
    *reading("litellm-prompt", TOKEN_LOOKUP),
    Row("ofrep-flag", "POST", TOKEN_LOOKUP),
    Row("ofrep-flags", "POST", everywhere(TOKEN_LOOKUP)),
    *reading("ofrep-configuration", everywhere(TOKEN_LOOKUP)),
    # --- The same for clients of Langfuse; what they write has another way here ---
    *reading("langfuse-health", ANYBODY),
    *reading("langfuse-projects", everywhere(TOKEN_LOOKUP)),
    *reading("langfuse-prompts", everywhere(TOKEN_LOOKUP)),
    *reading("langfuse-prompt", TOKEN_LOOKUP),
    Row("langfuse-traces", "POST", everywhere(TOKEN_LOOKUP), {"resourceSpans": []}),
    Row(
        "langfuse-scores",
        "POST",
        everywhere(TOKEN_LOOKUP),
        {"name": "x", "value": 1, "traceId": "t"},
    ),
    Row("langfuse-ingestion", "POST", everywhere(TOKEN_LOOKUP), {"batch": []}),
    Row("langfuse-prompts", "POST", NO_ONE),
    Row("langfuse-prompt", "DELETE", NO_ONE),
    Row("langfuse-version", "PATCH", frozenset({"promote"}), {"newLabels": ["production"]}),
    # --- Reading ---
    *reading("prompts", everywhere(READ)),
    *reading("versions", READ),
    *reading("tags", READ),
    *reading("history", READ),
    *reading("diff", READ),
    *reading("outcomes", READ),
    Row("render", "POST", READ, {"version": 1}),
    *reading("models", everywhere(READ)),
    *reading("model", everywhere(READ)),
    *reading("last-sync", everywhere(READ)),
    *reading("write-back", everywhere(READ)),
    *reading("tag-requests", everywhere(READ)),
    # About every prompt at once.
    *reading("deliveries", READ),
    *reading("runs", everywhere(READ)),
    *reading("run", READ),
    *reading("run-report", READ),
    *reading("run-cases", READ),
    *reading("run-results", READ),
    *reading("judges", everywhere(READ)),
    *reading("judge-trial", READ),
    *reading("cases", READ),
    *reading("quarantine", READ),
    # A proposed commit may be about every prompt.
    *reading("checks", READ),
    *reading("check", READ),
    # --- Evaluating ---
    Row("checks", "POST", EVALUATE, {"repository_commit": "c" * 40, "base": "0" * 40}),
    Row("check-cancel", "POST", EVALUATE),
    Row("syncs", "POST", EVALUATE),
    Row("runs", "POST", EVALUATE, {"prompt": "greeting", "version": 1}),
    Row("run-plan", "POST", EVALUATE, {"prompt": "greeting", "version": 1}),
    Row("run-self", "POST", EVALUATE, {"prompt": "greeting"}),
    Row("run-cancel", "POST", EVALUATE),
    Row("run-resume", "POST", EVALUATE),
    Row("judge-calibrations", "POST", everywhere(EVALUATE)),
    # It costs tokens of a server, and is about no prompt.
    Row("model-probes", "POST", everywhere(EVALUATE)),
    # --- Moving tags ---
    Row("promotions", "POST", PROMOTE, {"version": 2}),
    Row("rollbacks", "POST", PROMOTE),
    Row("canary", "POST", PROMOTE, {"version": 3, "weight": 20}),
    Row("canary", "DELETE", PROMOTE),
    # A case in quarantine counts less in the gate, so it takes what moves tags.
    Row(
        "quarantine",
        "POST",
        PROMOTE,
        {**CASE, "owner": "ada", "reason": "flaky", "expires_at": "2000-01-01T00:00:00Z"},
    ),
    Row("quarantine", "DELETE", PROMOTE, CASE),
    Row(
        "releases",
        "POST",
        PROMOTE,
        {"targets": [{"prompt": "greeting", "tag": "stable", "version": 2}]},
    ),
    Row("overrides", "POST", ADMIN, {"version": 4, "reason": "the shop is on fire"}),
)

#: The only routes that answer somebody who shows nothing. Static files come before all routes.
ANONYMOUS = frozenset({"healthz", "readyz", "login", "welcome", "langfuse-health"})
