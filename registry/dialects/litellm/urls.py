"""The one route."""

from __future__ import annotations

from django.urls import path

from registry.dialects.litellm.views import PromptView

urlpatterns = [path("litellm_prompt_management", PromptView.as_view(), name="litellm-prompt")]
