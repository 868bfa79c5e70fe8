"""Every URL Assay answers. What is not here does not exist, and closed is the default."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from config import failures, health
from config.metrics import MetricsView
from config.schema import SchemaView
from registry.api import hooks
from registry.api.prompts import SeedLookupView

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", MetricsView.as_view(), name="metrics"),
    path("prompt/<path:name>", SeedLookupView.as_view(), name="seed-lookup"),
    path("hooks/github", hooks.GithubHookView.as_view(), name="hook-github"),
    path("hooks/gitlab", hooks.GitlabHookView.as_view(), name="hook-gitlab"),
    path("hooks/git", hooks.PlainHookView.as_view(), name="hook-git"),
    path("api/v1/openapi.json", SchemaView.as_view(), name="openapi"),
    path("api/v1/", include("evals.api.urls")),
    path("api/v1/", include("registry.api.urls")),
    path("api/2.0/mlflow/", include("registry.dialects.mlflow.urls")),
    path("beta/", include("registry.dialects.litellm.urls")),
    path("ofrep/v1/", include("registry.dialects.ofrep.urls")),
    path("api/public/", include("registry.dialects.langfuse.urls")),
    path("", include("webui.urls")),
]
handler400 = failures.bad_request
handler404 = failures.not_found
handler500 = failures.failed
