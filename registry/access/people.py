"""People: who there is, as what, and how they get in."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from core.errors import InvalidError, NotFoundError, RefusedError
from registry.access.changes import record
from registry.access.links import new_link
from registry.domain.actor import Actor, Role
from registry.models import AccessEvent, User

_log = logging.getLogger(__name__)
#: Over a weekend.
INVITATION_LIFETIME = timedelta(days=3)


class PersonUnknownError(NotFoundError):
    """There is no such person."""

    code = "person_unknown"


class PersonInvalidError(InvalidError):
    """The person asked for makes no sense."""

    code = "person_invalid"


class LastAdminError(RefusedError):
    """Somebody has to be admin."""

    code = "last_admin"
    hint = "make somebody else an admin first"


def actor_of(user: User) -> Actor:
    """The actor a signed-in person is."""
    return Actor(f"user:{user.username}", Role(user.role).scopes)


def people() -> QuerySet[User]:
    """Everybody, by name."""
    return User.objects.order_by("username")


def person(user_id: int) -> User:
    """One of them. Raises PersonUnknownError."""
    found = User.objects.filter(pk=user_id).first()
    if found is None:
        raise PersonUnknownError(f"there is no person {user_id}")
    return found


def invite(*, username: str, role: str, by: str) -> tuple[User, str]:
    """A new person, and the secret of a link that signs them in once. Raises PersonInvalidError."""
    user = User(username=username.strip(), role=_role(role))
    user.set_unusable_password()
    try:
        user.full_clean()
    except ValidationError as error:
        raise PersonInvalidError(" ".join(error.messages)) from error
    try:
        with transaction.atomic():
            user.save()
            secret = new_link(user, INVITATION_LIFETIME)
            _record(AccessEvent.Kind.INVITED, user, by, f"as {user.role}")
    except IntegrityError as error:
        raise PersonInvalidError(f"there is somebody called {user.username} already") from error
    _log.info("%s invited %s as %s", by, user.username, user.role)
    return user, secret


def reset_password(*, user_id: int, by: str) -> tuple[User, str]:
    """End the password and the sessions of a person; returns the secret of a link for a new one.

    Raises PersonUnknownError.
    """
    with transaction.atomic():
        user = _locked(user_id)
        user.set_unusable_password()  # sessions carry the password's digest: they end with it
        user.save(update_fields=["password"])
        secret = new_link(user, INVITATION_LIFETIME)
        _record(AccessEvent.Kind.RESET, user, by, "password and sessions ended")
    _log.info("%s reset the password of %s", by, user.username)
    return user, secret


def change_person(*, user_id: int, role: str, is_active: bool, by: str) -> User:
    """Give a person another role, or let them in no more (and in again).

    Raises PersonUnknownError, PersonInvalidError, and LastAdminError for the only admin.
    """
    with transaction.atomic():
        # Every admin is locked, so that the last two cannot take each other's role at once.
        admins = set(_admins().select_for_update(no_key=True).values_list("pk", flat=True))
        user = _locked(user_id)
        before = (user.role, user.is_active)
        user.role, user.is_active = _role(role), is_active
        if admins == {user.pk} and not (user.role == Role.ADMIN and is_active):
            raise LastAdminError(f"{user.username} is the only admin")
        user.save(update_fields=["role", "is_active"])
        if told := ", ".join(_differs(before, user)):
            _record(AccessEvent.Kind.CHANGED, user, by, told)
    state = "" if is_active else ", not let in"
    _log.info("%s made %s %s%s", by, user.username, user.role, state)
    return user


def _differs(before: tuple[str, bool], user: User) -> Iterator[str]:
    role, was_active = before
    if role != user.role:
        yield f"{role} → {user.role}"
    if was_active != user.is_active:
        yield "let in again" if user.is_active else "not let in any more"


def _record(kind: AccessEvent.Kind, user: User, by: str, told: str) -> None:
    record(kind, subject=f"user:{user.username}", actor=by, told=told)


def _admins() -> QuerySet[User]:
    return User.objects.filter(role=Role.ADMIN, is_active=True).order_by("pk")


def _locked(user_id: int) -> User:
    found = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if found is None:
        raise PersonUnknownError(f"there is no person {user_id}")
    return found


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError:
        known = ", ".join(role.value for role in Role)
        raise PersonInvalidError(
            f"unknown role {name[:40]!r}", hint=f"choose from {known}"
        ) from None
