"""The routes under /api/public/. Without slashes at the end: none of the clients sends one.

A prompt's name may have folders; that of a version route takes every segment up to `versions`.
"""

from __future__ import annotations

from django.urls import path

from registry.dialects.langfuse import ingestion, project, prompts

urlpatterns = [
    path("health", project.HealthView.as_view(), name="langfuse-health"),
    path("projects", project.ProjectsView.as_view(), name="langfuse-projects"),
    path("otel/v1/traces", ingestion.TracesView.as_view(), name="langfuse-traces"),
    path("scores", ingestion.ScoresView.as_view(), name="langfuse-scores"),
    path("ingestion", ingestion.IngestionView.as_view(), name="langfuse-ingestion"),
    path("v2/prompts", prompts.PromptsView.as_view(), name="langfuse-prompts"),
    path(
        "v2/prompts/<path:name>/versions/<int:number>",
        prompts.VersionView.as_view(),
        name="langfuse-version",
    ),
    path("v2/prompts/<path:name>", prompts.PromptView.as_view(), name="langfuse-prompt"),
]
