"""Who looks at a page, and what a page may show them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from registry import access
from registry.domain.actor import Actor, Scope
from registry.models import User

_View = TypeVar("_View", bound=Callable[..., HttpResponseBase])


def page(*methods: str, scope: Scope = Scope.READ) -> Callable[[_View], _View]:
    """A view for signed-in people whose role has `scope`; GET and HEAD unless it says more.

    What a service refuses is a page with the reason (`config.middleware.Refusals`).
    """

    def decorate(view: _View) -> _View:
        @never_cache
        @login_required
        @require_http_methods(["GET", "HEAD", *methods])
        @wraps(view)
        def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            actor_of(request).require(scope)
            return view(request, *args, **kwargs)

        return cast("_View", shown)

    return decorate


def actor_of(request: HttpRequest) -> Actor:
    """The person as an actor. For views behind `page`."""
    assert isinstance(request.user, User)
    return access.actor_of(request.user)
