"""The dashboard's routes. What a page is about comes last: names may hold slashes."""

from __future__ import annotations

from django.contrib.auth import views as auth
from django.urls import path

from webui import (
    access,
    cases,
    checks,
    comparing,
    ledger,
    model_pages,
    moves,
    overview,
    planner,
    prompts,
    runs,
    trying,
    versions,
)
from webui.settings import gates, tokens, webhooks
from webui.settings import people as everybody

_login = auth.LoginView.as_view(
    template_name="webui/login.html",
    http_method_names=["get", "head", "post"],
)

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("prompts/<path:name>", prompts.prompt, name="page-prompt"),
    path("versions/<int:number>/<path:name>", versions.version, name="page-version"),
    path("try/<int:number>/<path:name>", trying.try_version, name="page-try"),
    path("diff/<path:name>", versions.diff, name="page-diff"),
    path("move/<path:name>", moves.move, name="page-move"),
    path("rollback/<path:name>", moves.rollback, name="page-rollback"),
    path("end-canary/<path:name>", moves.clear_canary, name="page-clear-canary"),
    path("evaluate/<path:name>", runs.start, name="page-start-run"),
    path("cases/<path:name>", cases.cases, name="page-cases"),
    path("compare/", comparing.compare, name="page-compare"),
    path("runs/", runs.listed, name="page-runs"),
    path("runs/<uuid:run>", runs.run, name="page-run"),
    path("runs/<uuid:run>/cancel", runs.act, {"action": "cancel"}, name="page-cancel-run"),
    path("runs/<uuid:run>/resume", runs.act, {"action": "resume"}, name="page-resume-run"),
    path("checks/", checks.listed, name="page-checks"),
    path("checks/<uuid:check>", checks.check, name="page-check"),
    path("checks/<uuid:check>/cancel", checks.cancel, name="page-cancel-check"),
    path("models/", model_pages.listed, name="page-models"),
    path("models/<path:model>", model_pages.model, name="page-model"),
    path("ledger/", ledger.ledger, name="page-ledger"),
    path("ledger/access/", ledger.access_ledger, name="page-access-ledger"),
    path("mirror/", ledger.mirror, name="page-mirror"),
    path("plan/", planner.planner, name="page-planner"),
    path("settings/gates/", gates.gates, name="page-gates"),
    path("settings/tokens/", tokens.listed, name="page-tokens"),
    path("settings/tokens/<int:token>/revoke", tokens.revoke, name="page-revoke-token"),
    path("settings/people/", everybody.listed, name="page-people"),
    path("settings/people/<int:person>", everybody.person, name="page-person"),
    path("settings/people/<int:person>/link", everybody.reset, name="page-new-link"),
    path("settings/webhooks/", webhooks.listed, name="page-webhooks"),
    path("settings/webhooks/<str:channel>/retry", webhooks.retry, name="page-retry"),
    path("login/", _login, name="login"),
    path("logout/", auth.LogoutView.as_view(http_method_names=["post"]), name="logout"),
    path("welcome/<str:secret>/", access.welcome, name="welcome"),
    path("account/password/", access.set_password, name="set-password"),
]
