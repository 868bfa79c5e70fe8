"""POST /hooks/{github,gitlab,git}: Git hosts ring. The signature over the raw body is the only key.

Each is closed until its secret is set. Nothing of the payload is believed: a push of the followed
branch is a wake-up to fetch it.
"""

from __future__ import annotations

from django.conf import settings
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import githost, hooks
from registry.api.parsers import BodyTooLargeError
from registry.domain.webhook_event import Wake, proposal_of, rerun_of, wake_of
from registry.domain.webhook_signature import (
    StandardHeaders,
    github_matches,
    standard_problem,
    token_matches,
)


@extend_schema(exclude=True)
class HookView(APIView):
    """One Git host's hook."""

    # Whoever calls is known by the signature; sessions and tokens open nothing here.
    authentication_classes = ()
    permission_classes = ()
    host = ""
    event_header = ""

    def post(self, request: Request) -> Response:
        """Answer at once: 202 and a sync soon, or 200 when there is nothing to do."""
        secret = settings.HOOK_SECRETS.get(self.host)
        if not secret:
            raise Http404
        body = _body(request)
        received = self.judged(request, body, secret)
        if isinstance(received, str):
            raise AuthenticationFailed(received)
        event = request.headers.get(self.event_header, "") if self.event_header else ""
        is_noted = _noted(received, event, request.content_type or "")
        if is_noted is not None:
            return Response(
                {"status": "queued" if is_noted else "duplicate"}, 202 if is_noted else 200
            )
        wake = wake_of(event, body, request.content_type or "", settings.REPOSITORY_REF)
        if wake is not Wake.SYNC:
            return Response({"status": "pong" if wake is Wake.PING else "ignored"})
        if not hooks.is_new(received):
            return Response({"status": "duplicate"})
        return Response({"status": "queued" if hooks.ring_sync() else "polled"}, status=202)

    def judged(self, request: Request, body: bytes, secret: str) -> hooks.Received | str:
        """The webhook, or why its sender is not believed."""
        raise NotImplementedError


class GithubHookView(HookView):
    """GitHub, and what speaks like it (Gitea, Forgejo)."""

    host = "github"
    event_header = "X-GitHub-Event"

    def judged(self, request: Request, body: bytes, secret: str) -> hooks.Received | str:
        """`X-Hub-Signature-256` over the body."""
        if not github_matches(secret, body, request.headers.get("X-Hub-Signature-256", "")):
            return "X-Hub-Signature-256 is missing, or not that of the body"
        return hooks.Received(self.host, request.headers.get("X-GitHub-Delivery", ""), body)


class GitlabHookView(HookView):
    """GitLab: its secret token, or a signing token."""

    host = "gitlab"
    event_header = "X-Gitlab-Event"

    def judged(self, request: Request, body: bytes, secret: str) -> hooks.Received | str:
        """`webhook-signature` where it is sent, and else `X-Gitlab-Token`."""
        if request.headers.get("webhook-signature"):
            return _standard(self.host, request, body, secret)
        if not token_matches(secret, request.headers.get("X-Gitlab-Token", "")):
            return "X-Gitlab-Token is missing or wrong"
        # The event's id differs between the hooks of one project, and is the same when repeated.
        delivery = request.headers.get("Idempotency-Key") or request.headers.get(
            "X-Gitlab-Event-UUID", ""
        )
        return hooks.Received(self.host, delivery, body)


class PlainHookView(HookView):
    """Anybody who signs as Standard Webhooks says."""

    host = "git"

    def judged(self, request: Request, body: bytes, secret: str) -> hooks.Received | str:
        """`webhook-id`, `webhook-timestamp`, `webhook-signature`."""
        return _standard(self.host, request, body, secret)


def _noted(received: hooks.Received, event: str, content_type: str) -> bool | None:
    """Write down what a check comes of: whether it is new; None when it is about something else,
    or there is no host to ask about it.
    """
    if not githost.is_on():
        return None
    if (news := proposal_of(event, received.body, content_type)) is not None:
        return hooks.note_proposal(received, news)
    if (rerun := rerun_of(event, received.body, content_type)) is not None:
        return hooks.note_rerun(received, rerun)
    return None


def _standard(host: str, request: Request, body: bytes, secret: str) -> hooks.Received | str:
    headers = StandardHeaders(
        *(request.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    )
    problem = standard_problem(secret, body, headers, timezone.now().timestamp())
    return problem or hooks.Received(host, headers.id, body, signed_at=headers.timestamp)


def _body(request: Request) -> bytes:
    """The bytes as they came. Raises BodyTooLargeError before they are read."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > limit:
        raise BodyTooLargeError(f"the body is larger than {limit:,} bytes")
    body: bytes = request.body
    return body
