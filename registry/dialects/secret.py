"""The token in the headers of other products' clients."""

from __future__ import annotations

import base64
import binascii


def secret_of(authorization: str) -> str | None:
    """The token in an Authorization header; None when it shows none.

    Basic with any user (Langfuse's public key) and the token as password, or Bearer.
    """
    scheme, _, shown = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return shown.strip()
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(shown.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return pair.partition(":")[2].strip()


def shown_secret(authorization: str, api_key: str | None) -> str | None:
    """The token of an Authorization header, else that of `X-API-Key`; None without either.

    Empty, which is nobody's token, for a header that holds none.
    """
    return (secret_of(authorization) or "") if authorization else api_key
