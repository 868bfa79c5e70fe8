"""The dashboard's routes. What a page is about comes last: names may hold slashes."""

from __future__ import annotations

from django.contrib.auth import views as auth
from django.urls import path

from webui import (
    access,
    ledger,
    model_pages,
    moves,
    overview,
    planner,
    prompts,
    runs,
    versions,
)

_login = auth.LoginView.as_view(
    template_name="webui/login.html",
    http_method_names=["get", "head", "post"],
)

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("prompts/<path:name>", prompts.prompt, name="prompt"),
    path("versions/<int:number>/<path:name>", versions.version, name="version"),
    path("diff/<path:name>", versions.diff, name="diff"),
    path("move/<path:name>", moves.move, name="move"),
    path("rollback/<path:name>", moves.rollback, name="rollback"),
    path("end-canary/<path:name>", moves.clear_canary, name="clear-canary"),
    path("evaluate/<path:name>", runs.start, name="start-run"),
    path("runs/", runs.listed, name="runs"),
    path("runs/<uuid:run>", runs.run, name="run"),
    path("runs/<uuid:run>/cancel", runs.act, {"action": "cancel"}, name="cancel-run"),
    path("runs/<uuid:run>/resume", runs.act, {"action": "resume"}, name="resume-run"),
    path("models/", model_pages.listed, name="models"),
    path("models/<path:name>", model_pages.model, name="model"),
    path("ledger/", ledger.ledger, name="ledger"),
    path("mirror/", ledger.mirror, name="mirror"),
    path("plan/", planner.planner, name="planner"),
    path("login/", _login, name="login"),
    path("logout/", auth.LogoutView.as_view(http_method_names=["post"]), name="logout"),
    path("welcome/<str:secret>/", access.welcome, name="welcome"),
    path("account/password/", access.set_password, name="set-password"),
]
