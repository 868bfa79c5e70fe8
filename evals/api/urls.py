"""Evaluation's routes under /api/v1/."""

from __future__ import annotations

from django.urls import path

from evals.api import checks, history, judges, probes, quarantine, report, views

urlpatterns = [
    path("ci/checks", checks.ChecksView.as_view(), name="checks"),
    path("ci/checks/<uuid:check>", checks.CheckView.as_view(), name="check"),
    path("ci/checks/<uuid:check>/cancel", checks.CancelCheckView.as_view(), name="check-cancel"),
    path("judges", judges.JudgesView.as_view(), name="judges"),
    path("judges/calibrations", judges.CalibrationsView.as_view(), name="judge-calibrations"),
    path("judges/trials/<uuid:trial>", judges.TrialView.as_view(), name="judge-trial"),
    path("models/<path:model>/probes", probes.ProbesView.as_view(), name="model-probes"),
    path("prompts/<path:name>/cases", history.CasesView.as_view(), name="cases"),
    path(
        "prompts/<path:name>/quarantine",
        quarantine.QuarantineView.as_view(),
        name="quarantine",
    ),
    path("runs", views.RunsView.as_view(), name="runs"),
    path("runs/plan", views.PlanView.as_view(), name="run-plan"),
    path("runs/self", views.SelfComparisonView.as_view(), name="run-self"),
    path("runs/<uuid:run>", views.RunView.as_view(), name="run"),
    path("runs/<uuid:run>/report", report.ReportView.as_view(), name="run-report"),
    path("runs/<uuid:run>/cases", report.RunCasesView.as_view(), name="run-cases"),
    path("runs/<uuid:run>/results", views.ResultsView.as_view(), name="run-results"),
    path("runs/<uuid:run>/cancel", views.CancelView.as_view(), name="run-cancel"),
    path("runs/<uuid:run>/resume", views.ResumeView.as_view(), name="run-resume"),
]
