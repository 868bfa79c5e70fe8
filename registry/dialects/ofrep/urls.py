"""The routes under /ofrep/v1/."""

from __future__ import annotations

from django.urls import path

from registry.dialects.ofrep import views

urlpatterns = [
    path("evaluate/flags", views.FlagsView.as_view(), name="ofrep-flags"),
    path("evaluate/flags/<path:flag>", views.FlagView.as_view(), name="ofrep-flag"),
    path("configuration", views.ConfigurationView.as_view(), name="ofrep-configuration"),
]
