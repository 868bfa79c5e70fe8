"""The dashboard as a Django application."""

from __future__ import annotations

from django.apps import AppConfig


class WebuiConfig(AppConfig):
    """Pages."""

    name = "webui"
    verbose_name = "Dashboard"
