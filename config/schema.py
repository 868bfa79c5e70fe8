"""The OpenAPI document, for everybody who is known."""

from __future__ import annotations

from drf_spectacular.views import SpectacularJSONAPIView

from registry.api.authentication import IsKnown


class SchemaView(SpectacularJSONAPIView):
    """GET openapi.json."""

    # The library's default is to show it to anybody.
    permission_classes = (IsKnown,)
