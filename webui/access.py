"""Signing in by a one-time link, and choosing a password."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from registry import access
from registry.errors import CredentialsInvalidError
from registry.models import User


def locked_out(request: HttpRequest, *_: object) -> HttpResponse:
    """429 after too many failures. The library's own answer to scripts is readable everywhere."""
    wait = timedelta(hours=settings.AXES_COOLOFF_TIME)
    context = {"limit": settings.AXES_FAILURE_LIMIT, "minutes": wait // timedelta(minutes=1)}
    response = render(request, "webui/locked_out.html", context, status=429)
    response["Retry-After"] = str(int(wait.total_seconds()))
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def welcome(request: HttpRequest, secret: str) -> HttpResponse:
    """Show whose link it is; the button uses it up. A mail scanner that only looks does not."""
    now = timezone.now()
    try:
        if request.method != "POST":
            link = access.check_link(secret, now=now)
            return render(request, "webui/welcome.html", {"person": link.user})
        user = access.redeem_link(secret, now=now)
    except CredentialsInvalidError as error:
        return render(request, "webui/refused.html", {"error": error}, status=403)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("set-password")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def set_password(request: HttpRequest) -> HttpResponse:
    """Choose a password. Only for those who have none: a stolen session must not take it over."""
    assert isinstance(request.user, User)
    if request.user.has_usable_password():
        messages.info(request, "You have a password already.")
        return redirect("overview")
    form = SetPasswordForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        update_session_auth_hash(request, form.save())
        messages.success(request, "Your password is set.")
        return redirect("overview")
    return render(request, "webui/set_password.html", {"form": form})
