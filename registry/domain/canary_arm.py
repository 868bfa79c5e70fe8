"""Which arm of a canary a key belongs to. The same key is always on the same arm.

Every process, and a client that knows the two digests, computes the same answer without asking.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

#: A longer key is refused: it is a user or session id, not a document.
LONGEST_KEY = 500
_DRAWS = 2**64
_PERSON = b"assay canary 1"


@dataclass(frozen=True, slots=True)
class Canary:
    """What is tried. Its weight is no part of it: raising the weight must not draw anew.

    It is named by content, not by ledger entry, so that a registry rebuilt from the prompt
    repository sends every key where it went before. `model` is the pin's digest, empty without one.
    """

    prompt: str
    version: int
    digest: str
    model: str = ""

    @property
    def id(self) -> str:
        """Differs whenever prompt, version or model do; no part can hold a NUL."""
        return "\0".join((self.prompt, str(self.version), self.digest, self.model))


def is_on_canary(canary: Canary, key: str, weight: int) -> bool:
    """Whether `key` is among the `weight` percent (0 to 100) that get the canary.

    The draw of a key is uniform, does not depend on the weight, and is independent of its draws for
    other canaries. So a greater weight only adds keys.
    """
    return draw(canary, key) * 100 < weight * _DRAWS


def draw(canary: Canary, key: str) -> int:
    """The key's place, 0 to 2**64 - 1: BLAKE2b of the key, keyed with the canary's id."""
    # A BLAKE2 key holds 64 bytes, and an id more.
    secret = blake2b(canary.id.encode(), digest_size=32, person=_PERSON).digest()
    drawn = blake2b(key.encode(errors="surrogatepass"), digest_size=8, key=secret, person=_PERSON)
    return int.from_bytes(drawn.digest(), "big")
