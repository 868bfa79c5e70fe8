"""The routes under /api/2.0/mlflow/. `load_prompt` by tag asks four of them, one after another."""

from __future__ import annotations

from django.urls import URLPattern, path

from registry.dialects.mlflow import views

_READS = {
    "registered-models/get": ("mlflow-prompt", views.PromptView),
    "registered-models/alias": ("mlflow-alias", views.AliasView),
    "registered-models/search": ("mlflow-search", views.SearchView),
    "registered-models/set-tag": ("mlflow-set-tag", views.TagView),
    "model-versions/get": ("mlflow-version", views.VersionView),
}
_WRITES = (
    "registered-models/create registered-models/rename registered-models/update "
    "registered-models/delete registered-models/delete-tag model-versions/create "
    "model-versions/update model-versions/delete model-versions/set-tag model-versions/delete-tag"
).split()

urlpatterns: list[URLPattern] = [
    *(path(route, view.as_view(), name=name) for route, (name, view) in _READS.items()),
    *(
        path(route, views.WriteView.as_view(), name=f"mlflow-{route.replace('/', '-')}")
        for route in _WRITES
    ),
]
