"""What SDKs ask to see whether somebody is there: health, and the project of a key."""

from __future__ import annotations

from importlib.metadata import version

from rest_framework.request import Request
from rest_framework.response import Response

from registry.dialects.langfuse.view import LangfuseView
from registry.domain.actor import Scope

_SERVER = {"id": "assay", "name": "Assay"}


class HealthView(LangfuseView):
    """`/api/public/health`: open, as there. Nothing is asked of the database; /readyz does that."""

    authentication_classes = ()
    permission_classes = ()

    def get(self, _request: Request) -> Response:
        """OK."""
        return Response({"status": "OK", "version": version("assay")})


class ProjectsView(LangfuseView):
    """`/api/public/projects`: what `auth_check` reads. A registry is one project."""

    scope = Scope.LOOKUP

    def get(self, _request: Request) -> Response:
        """One project, for any key that may look up."""
        return Response({"data": [{**_SERVER, "organization": _SERVER, "metadata": {}}]})
