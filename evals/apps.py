"""Evaluation as a Django application."""

from __future__ import annotations

from django.apps import AppConfig


class EvalsConfig(AppConfig):
    """Suites, runs and results."""

    name = "evals"
    verbose_name = "Evaluation"
