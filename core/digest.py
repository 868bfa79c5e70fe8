"""Content addresses: the SHA-256 of a value's canonical JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys, no spaces and no NaN: equal values give equal bytes."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest(value: Any) -> str:
    """64 lower-case hex digits. `value` is anything JSON can hold."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
