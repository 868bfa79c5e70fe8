"""GitHub as an App meets it: a key signs it in, and its tokens end."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.utils import timezone
from jwt.types import Options

from tests.integration.registry.github_server import GitHubServer
from tests.integration.registry.host_server import Answer, Asked, Handler, RefusedError, fields

APP = "Iv23liTheAssayer"
_LONGEST = timedelta(minutes=10)


@cache
def private_key() -> rsa.RSAPrivateKey:
    """The App's own; as large as those that GitHub gives out."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    """As GitHub lets one download it."""
    form = PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


class GitHubAppServer(GitHubServer):
    """`octo/prompts` has the App installed; a token is good for `lifetime`."""

    def __init__(self) -> None:
        super().__init__()
        self.lifetime = timedelta(hours=1)
        self.installation: int | None = 4711
        self.is_suspended = False
        self.tokens: dict[str, datetime] = {}

    def authorise(self, asked: Asked) -> None:
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        assert (kind, asked.headers["accept"]) == ("Bearer", "application/vnd.github+json")
        if asked.path.startswith("/app/") or asked.path.endswith("/installation"):
            self._judge(token)
        elif self.tokens.get(token, timezone.now()) <= timezone.now():
            raise RefusedError(401, "Bad credentials")

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        yield from super().routes()
        yield "GET", r"/repos/octo/prompts/installation", self._installed
        yield "POST", r"/app/installations/(\d+)/access_tokens", self._token

    def _judge(self, token: str) -> None:
        unchecked = Options(verify_exp=False, verify_iat=False, verify_nbf=False)
        try:
            claims = jwt.decode(
                token, private_key().public_key(), algorithms=["RS256"], options=unchecked
            )
        except jwt.PyJWTError:
            raise RefusedError(401, "A JSON web token could not be decoded") from None
        now = timezone.now()
        if claims["iss"] != APP:
            raise RefusedError(404, "Integration not found")
        if claims["iat"] > now.timestamp():
            raise RefusedError(401, "'Issued at' claim ('iat') must be in the past")
        if not now.timestamp() < claims["exp"] <= (now + _LONGEST).timestamp():
            raise RefusedError(401, "'Expiration time' claim ('exp') is too far in the future")

    def _installed(self, _asked: Asked, _found: re.Match[str]) -> Answer:
        if self.installation is None:
            raise RefusedError(404, "Not Found")
        return Answer(200, {"id": self.installation, "app_slug": "assay"})

    def _token(self, asked: Asked, found: re.Match[str]) -> Answer:
        fields(asked.body, {}, {"repositories": list, "permissions": dict}, 422)
        if int(found[1]) != self.installation:
            raise RefusedError(404, "Not Found")
        if self.is_suspended:
            raise RefusedError(403, "This installation has been suspended")
        if set(asked.body.get("repositories", ())) - {"prompts"}:
            raise RefusedError(422, "There is at least one repository that is not accessible")
        token, ends = f"ghs_{secrets.token_hex(18)}", timezone.now() + self.lifetime
        self.tokens[token] = ends
        written = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
        return Answer(201, {"token": token, "expires_at": written, "permissions": {}})
