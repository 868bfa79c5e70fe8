"""Whether a webhook comes from who shares the secret. Always over the bytes as they were received.

GitHub: `X-Hub-Signature-256: sha256=<hex HMAC-SHA256>`. GitLab: `X-Gitlab-Token`, the secret as it
is. Standard Webhooks (standardwebhooks.com, GitLab's signing tokens): `webhook-id`,
`webhook-timestamp` and `webhook-signature: v1,<base64 HMAC-SHA256 of id.timestamp.body>`, several
of them while a secret is being changed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass

#: Seconds a timestamp may be off, in both directions.
TOLERANCE_SECONDS = 300
_PREFIX = "whsec_"
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_ID_CHARS = 255


@dataclass(frozen=True, slots=True)
class StandardHeaders:
    """What a standard webhook says about itself; empty where it does not."""

    id: str
    timestamp: str
    signature: str


def github_matches(secret: str, body: bytes, header: str) -> bool:
    """Whether `X-Hub-Signature-256` is that of `body`."""
    wanted = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return _same(header, wanted)


def token_matches(secret: str, header: str) -> bool:
    """Whether `X-Gitlab-Token` is the secret."""
    return _same(header, secret)


def standard_problem(
    secret: str, body: bytes, headers: StandardHeaders, now_seconds: float
) -> str | None:
    """What is wrong with a standard webhook, a sentence without anything secret; None: nothing."""
    if not headers.id or len(headers.id) > _ID_CHARS or not headers.id.isprintable():
        return "webhook-id is missing or not usable"
    if not _TIMESTAMP.fullmatch(headers.timestamp):
        return "webhook-timestamp is missing or not seconds since 1970"
    if abs(now_seconds - int(headers.timestamp)) > TOLERANCE_SECONDS:
        return "webhook-timestamp is too far from now"
    wanted = sign(secret, headers.id, headers.timestamp, body)
    # All are compared, so that the time taken says nothing about which one was right.
    found = [_same(one, wanted) for one in headers.signature.split(" ")]
    return None if any(found) else "webhook-signature is not that of the body"


def sign(secret: str, id_: str, timestamp: str, body: bytes) -> str:
    """`v1,<base64>`: the signature of Standard Webhooks, version 1."""
    content = f"{id_}.{timestamp}.".encode() + body
    made = hmac.new(_key(secret), content, hashlib.sha256).digest()
    return "v1," + base64.b64encode(made).decode("ascii")


def _key(secret: str) -> bytes:
    """The bytes behind `whsec_<base64>`; any other secret is taken as it is."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def _same(shown: str, wanted: str) -> bool:
    return hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), wanted.encode())
