"""The registry's routes under /api/v1/.

A prompt's name may have folders, so it takes every segment up to the resource's own word; names
ending in such a word cannot exist (`registry.domain.names`).
"""

from __future__ import annotations

from django.urls import path

from registry.api import gitops, many, me, models, moves, outcomes, prompts, stream, syncs

urlpatterns = [
    path("me", me.MeView.as_view(), name="me"),
    path("stream", stream.StreamView.as_view(), name="stream"),
    path("models", models.ModelsView.as_view(), name="models"),
    path("models/<path:model>", models.ModelView.as_view(), name="model"),
    path("syncs", syncs.SyncsView.as_view(), name="syncs"),
    path("syncs/last", syncs.LastSyncView.as_view(), name="last-sync"),
    path("write-back", gitops.WriteBackView.as_view(), name="write-back"),
    path("tag-requests", gitops.TagRequestsView.as_view(), name="tag-requests"),
    path("deliveries", gitops.DeliveriesView.as_view(), name="deliveries"),
    path("releases", moves.ReleasesView.as_view(), name="releases"),
    path("bundle", many.BundleView.as_view(), name="bundle"),
    path("prompts:batch", many.BatchView.as_view(), name="batch"),
    path("prompts", prompts.PromptsView.as_view(), name="prompts"),
    path("prompts/<path:name>/versions", prompts.VersionsView.as_view(), name="versions"),
    path("prompts/<path:name>/tags", prompts.TagsView.as_view(), name="tags"),
    path("prompts/<path:name>/history", prompts.HistoryView.as_view(), name="history"),
    path("prompts/<path:name>/diff", prompts.DiffView.as_view(), name="diff"),
    path("prompts/<path:name>/render", prompts.RenderView.as_view(), name="render"),
    path("prompts/<path:name>/outcomes", outcomes.OutcomesView.as_view(), name="outcomes"),
    path("prompts/<path:name>/promotions", moves.PromotionsView.as_view(), name="promotions"),
    path("prompts/<path:name>/rollbacks", moves.RollbacksView.as_view(), name="rollbacks"),
    path("prompts/<path:name>/canary", moves.CanaryView.as_view(), name="canary"),
    path("prompts/<path:name>/overrides", moves.OverridesView.as_view(), name="overrides"),
    path("prompts/<path:name>", prompts.LookupView.as_view(), name="lookup"),
]
