"""Where the stream is, for those who ask the web listener for it, and its description."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry.api.problems import problem
from registry.domain.actor import Scope
from registry.listeners import stream_origin

_PARAMETERS = [
    OpenApiParameter(
        "prompt",
        str,
        many=True,
        description="only moves of these prompts: names or globs, one a parameter",
    ),
    OpenApiParameter(
        "last_event_id", str, description="as the header, for clients that cannot set it"
    ),
    OpenApiParameter(
        "Last-Event-ID",
        str,
        OpenApiParameter.HEADER,
        description="the id of the last event that the client has: every move after it follows",
    ),
]
_CODE = "ask_stream_listener"
_DETAIL = "This is the web listener; the stream listener answers here."


class AnyMedium(DefaultContentNegotiation):
    """Clients ask for `text/event-stream`, and would be told 406 instead of where to find it."""

    def select_renderer(self, _request: Any, renderers: Any, _format: Any = None) -> Any:
        """The first."""
        return renderers[0], renderers[0].media_type


class StreamView(APIView):
    """GET stream: moves of tags as Server-Sent Events. The stream listener answers it."""

    scope = Scope.LOOKUP
    content_negotiation_class = AnyMedium

    @extend_schema(
        parameters=_PARAMETERS,
        responses={
            (200, "text/event-stream"): OpenApiResponse(
                OpenApiTypes.STR,
                "The stream listener's answer: events `ready`, `tag.moved` and `reset`, whose id "
                "is the registry's revision and incarnation; docs/reference/stream.md describes "
                "them.",
            ),
            421: OpenApiResponse(
                OpenApiTypes.OBJECT,
                "The web listener's answer: `stream` is the address to ask, if it is known.",
            ),
        },
    )
    def get(self, request: Request) -> Response:
        """Hear of every move of every tag, as it happens.

        Only prompts that the token may look up. A client that lost its connection resumes with the
        id of the last event that it has.
        """
        origin = stream_origin(request)
        if not origin:
            hint = "let the proxy route this path to the stream listener: docs/deploy.md"
            return problem(421, _CODE, _DETAIL, hint, stream=None)
        address = f"{origin}{request.get_full_path()}"
        return problem(421, _CODE, _DETAIL, "ask the address in `stream`", stream=address)
