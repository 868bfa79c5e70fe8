"""People and their roles: invited with a one-time link, changed, or let in no more."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from core.errors import InvalidError
from registry import access
from registry.domain.actor import Role, Scope
from registry.models import User
from webui.people import actor_of, page
from webui.settings.answering import ask_first

#: What each role may do, in the words of the pages.
_MAY = {
    Role.VIEWER: "read everything",
    Role.EDITOR: "also evaluate versions, and have models looked at",
    Role.PROMOTER: "also move tags that have evidence, and roll back",
    Role.ADMIN: "also override a gate, and change these settings",
}


@page("POST", scope=Scope.ADMIN)
def listed(request: HttpRequest) -> HttpResponse:
    """Everybody. POST invites somebody; its answer is the only place that shows the link."""
    problem: InvalidError | None = None
    invited: User | None = None
    link = ""
    if request.method == "POST":
        try:
            invited, secret = access.invite(
                username=request.POST.get("username", ""),
                role=request.POST.get("role", ""),
                by=actor_of(request).name,
            )
            link = _address(request, secret)
        except InvalidError as error:
            problem = error
    context = {
        "people": access.people(),
        "roles": [(role.value, _MAY[role]) for role in Role],
        "invited": invited,
        "link": link,
        "days": access.INVITATION_LIFETIME.days,
        "given": request.POST if problem else {},
        "problem": problem,
    }
    status = 422 if problem else 200
    return render(request, "webui/settings/people.html", context, status=status)


@page("POST", scope=Scope.ADMIN)
def person(request: HttpRequest, person: int) -> HttpResponse:
    """One person: their role, and whether they may sign in. POST changes both."""
    found = access.person(person)
    if request.method == "POST":
        changed = access.change_person(
            user_id=person,
            role=request.POST.get("role", ""),
            is_active=request.POST.get("active") == "yes",
            by=actor_of(request).name,
        )
        state = f"is {changed.role} now" if changed.is_active else "cannot sign in any more"
        messages.success(request, f"{changed.username} {state}.")
        # Who gave up their own role sees what is left to them.
        is_self = changed.pk == request.user.pk
        return redirect("overview") if is_self else redirect("page-people")
    context = {"person": found, "roles": [(role.value, _MAY[role]) for role in Role]}
    return render(request, "webui/settings/person.html", context)


@page("POST", scope=Scope.ADMIN)
def reset(request: HttpRequest, person: int) -> HttpResponse:
    """Say what a new link means; POST ends the old password and shows the link, once."""
    found = access.person(person)
    if request.method == "POST":
        user, secret = access.reset_password(user_id=person, by=actor_of(request).name)
        context = {
            "invited": user,
            "link": _address(request, secret),
            "days": access.INVITATION_LIFETIME.days,
        }
        return render(request, "webui/settings/link.html", context)
    return ask_first(
        request,
        title=f"A new link for {found.username}",
        consequence=f"The password of {found.username} stops working and their sessions end; "
        "the link lets them choose another.",
        button="Make the link",
        back="page-people",
    )


def _address(request: HttpRequest, secret: str) -> str:
    return request.build_absolute_uri(reverse("welcome", args=[secret]))
