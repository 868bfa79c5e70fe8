"""The registry as a Django application."""

from __future__ import annotations

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Prompts, versions, tags, certificates and the mirror."""

    name = "registry"
    verbose_name = "Registry"
