"""The OpenAPI document, for those who may read."""

from __future__ import annotations

from drf_spectacular.views import SpectacularJSONAPIView

from registry.domain.actor import Scope


class SchemaView(SpectacularJSONAPIView):
    """GET openapi.json."""

    scope = Scope.LOOKUP
