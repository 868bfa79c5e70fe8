"""A GitHub App's token: good for an hour, for one installation, and renewed before it ends.

The App proves itself with a JSON Web Token that its private key signs (RS256), asks where it is
installed for the project, and is given a token for just that repository.
https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from registry.githost.calling import Caller, HostFailedError, HostRefusedError
from registry.githost.headers import github_headers

#: GitHub takes at most ten minutes, and its clock may be behind ours.
_SIGNED_FOR, _CLOCK_SKEW = timedelta(minutes=8), timedelta(seconds=60)
#: No call may take longer than what is left of its token.
_RENEWED_BEFORE = timedelta(minutes=5)
_HINT = "check ASSAY_GIT_HOST_APP, ASSAY_GIT_HOST_APP_KEY and the clock of this machine"


@dataclass(frozen=True, slots=True)
class App:
    """An App, by its id or client id, and its private key (PEM), for one project of a host."""

    base: str
    project: str
    id: str
    key: str = field(repr=False)

    def token(self) -> str:
        """A token that is good for some minutes at least; a process asks for one an hour.

        Raises HostFailedError: whatever is wrong with an App, somebody mends it.
        """
        with _lock:
            known = _tokens.get(self)
            if known is None or known.ends - _RENEWED_BEFORE <= timezone.now():
                known = _tokens[self] = self._new_token()
        return known.text

    def forget(self) -> None:
        """The host does not take the token any more: the next call asks for another."""
        with _lock:
            _tokens.pop(self, None)

    def _new_token(self) -> _Token:
        caller = Caller(self.base, github_headers(self._signed()), unauthorised=_HINT)
        repository = self.project.rpartition("/")[2]
        try:
            installed = caller.get(f"/repos/{self.project}/installation")
            path = f"/app/installations/{installed['id']}/access_tokens"
            made = caller.send("POST", path, {"repositories": [repository]})
            return _Token(made["token"], datetime.fromisoformat(made["expires_at"]))
        except HostRefusedError as error:
            raise HostFailedError(
                f"the GitHub App {self.id} has no token for {self.project}: {error.message}",
                hint="install the App for this repository, and see that it is not suspended",
            ) from error
        except (KeyError, TypeError, ValueError) as error:
            told = f"{self.base} gives the GitHub App {self.id} no token that can be read"
            raise HostFailedError(told) from error

    def _signed(self) -> str:
        import jwt

        now = timezone.now()
        claims: dict[str, Any] = {
            "iat": int((now - _CLOCK_SKEW).timestamp()),
            "exp": int((now + _SIGNED_FOR).timestamp()),
            "iss": self.id,
        }
        try:
            return jwt.encode(claims, self.key, algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            told = "ASSAY_GIT_HOST_APP_KEY is no private RSA key in PEM"
            raise HostFailedError(told, hint="GitHub gives one out on the App's page") from error


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    ends: datetime


_lock = threading.Lock()
_tokens: dict[App, _Token] = {}
