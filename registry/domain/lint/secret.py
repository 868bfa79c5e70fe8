"""A text that looks like a password or a key.

Found by the forms that issuers give their keys (cloud providers, Git hosts, model providers, chat
services, Assay itself), private keys, signed tokens, and passwords inside addresses; and, next to a
word such as `api_key` or `password`, by a long text too random for a word. Hashes, UUIDs, template
expressions and obvious placeholders are left alone. The finding shows only how the text begins. A
secret that was committed is known to everybody who can read the repository: revoke it; removing the
line is not enough.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import log2

from core.findings import Finding
from registry.domain.lint.rule import TextRule

#: Bits a character. English words stay below 3.5, random base64 of 24 characters above it.
MIN_ENTROPY = 3.5
MAX_FINDINGS = 20
_SHOWN = 4


@dataclass(frozen=True)
class _Form:
    """What a kind of secret looks like; the group `key` is the secret.

    One of `starts` must be there: looking for it costs a tenth of looking for the pattern.
    """

    kind: str
    starts: tuple[str, ...]
    pattern: re.Pattern[str]
    is_random: bool = True
    may_be_placeholder: bool = True


def _form(kind: str, starts: str, pattern: str, **more: bool) -> _Form:
    return _Form(kind, tuple(starts.split("|")), re.compile(pattern), **more)


_EDGE, _END = r"(?<![A-Za-z0-9_-])", r"(?![A-Za-z0-9_-])"
_FORMS = (
    _form(
        "private key",
        "PRIVATE KEY",
        r"(?P<key>-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----)",
        is_random=False,
        may_be_placeholder=False,
    ),
    _form("AWS access key", "AKIA|ASIA", rf"{_EDGE}(?P<key>(?:AKIA|ASIA)[A-Z2-7]{{16}}){_END}"),
    _form(
        "OpenAI key", "sk-", rf"{_EDGE}(?P<key>sk-(?:proj-|svcacct-|admin-)[\w-]{{40,200}}){_END}"
    ),
    _form("OpenAI key", "T3BlbkFJ", rf"{_EDGE}(?P<key>sk-\w{{20}}T3BlbkFJ\w{{20}}){_END}"),
    _form("Anthropic key", "sk-ant-", rf"{_EDGE}(?P<key>sk-ant-\w{{3,10}}-[\w-]{{80,120}}){_END}"),
    _form(
        "Langfuse key",
        "sk-lf-",
        rf"{_EDGE}(?P<key>sk-lf-[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}){_END}",
    ),
    _form(
        "GitHub token",
        "ghp_|gho_|ghu_|ghs_|ghr_",
        rf"{_EDGE}(?P<key>gh[pousr]_[A-Za-z0-9]{{36}}){_END}",
    ),
    _form("GitHub token", "github_pat_", rf"{_EDGE}(?P<key>github_pat_\w{{82}}){_END}"),
    _form("GitLab token", "glpat-", rf"{_EDGE}(?P<key>glpat-[\w-]{{20,64}}){_END}"),
    _form("Hugging Face token", "hf_", rf"{_EDGE}(?P<key>hf_[A-Za-z0-9]{{34,40}}){_END}"),
    _form("Slack token", "xox", rf"{_EDGE}(?P<key>xox[abeoprs]-[A-Za-z0-9-]{{20,250}}){_END}"),
    _form("Google API key", "AIza", rf"{_EDGE}(?P<key>AIza[\w-]{{35}}){_END}"),
    _form("Stripe key", "k_live_", rf"{_EDGE}(?P<key>[rs]k_live_[A-Za-z0-9]{{24,250}}){_END}"),
    _form("npm token", "npm_", rf"{_EDGE}(?P<key>npm_[A-Za-z0-9]{{36}}){_END}"),
    _form("PyPI token", "pypi-", rf"{_EDGE}(?P<key>pypi-AgEIcHlwaS5vcmc[\w-]{{50,1000}}){_END}"),
    _form(
        "Assay token",
        "assay_",
        rf"{_EDGE}(?=[\w-]*[0-9])(?=[\w-]*[A-Z])(?P<key>assay_[\w-]{{40,64}}){_END}",
    ),
    _form(
        "signed token",
        "eyJ",
        rf"{_EDGE}(?P<key>eyJ[\w-]{{10,2000}}\.eyJ[\w-]{{10,4000}}\.[\w-]{{20,1000}}){_END}",
    ),
    _form(
        "password in an address",
        "://",
        r"[a-z][a-z0-9+.-]{1,20}://[^\s:/@{}<>$]{1,64}:(?P<key>[^\s:/@{}<>$*]{6,200})@[\w.-]",
        is_random=False,
    ),
)
_STARTS = tuple((start, form) for form in _FORMS for start in form.starts)
_NAMED = re.compile(
    r"(?:api[_-]?key|secret|token|passw(?:or)?d|private[_-]?key|credential)s?[\"']?\s{0,3}[:=]\s{0,3}"
    r"[\"']?(?P<key>[A-Za-z0-9+/_=.-]{20,200})(?![A-Za-z0-9+/_=.-])",
    re.IGNORECASE,
)
#: One of them is in every name above: nearly all texts have none, and a search costs little.
_TELLING = ("key", "secret", "token", "passw", "credential")
_PLACEHOLDER = re.compile(
    r"example|placeholder|sample|dummy|changeme|change-me|redacted|your|insert|xxxx|\*\*\*\*|1234567"
    r"|abcdef|password|secret|(.)\1{4}",
    re.IGNORECASE,
)
_UUID_OR_HASH = re.compile(r"(?:[A-Za-z0-9]+[:-])?[0-9a-fA-F-]+")


def check(path: str, text: str) -> Iterator[Finding]:
    """One finding for each place, at most 20 for a file."""
    found: dict[tuple[int, int], tuple[str, str]] = {}
    for start, key, kind in _matches(text):
        line = text.count("\n", 0, start) + 1
        column = start - text.rfind("\n", 0, start)
        found.setdefault((line, column), (kind, key))
        if len(found) == MAX_FINDINGS:
            break
    for (line, column), (kind, key) in found.items():
        message = f"This looks like a secret ({kind}, `{_masked(key)}`)."
        yield Finding(path, line, column, RULE.severity, RULE.id, message, _HINT)


_HINT = "revoke it, and take it from the environment instead"


def _matches(text: str) -> Iterator[tuple[int, str, str]]:
    for form in dict.fromkeys(form for start, form in _STARTS if start in text):
        for match in form.pattern.finditer(text):
            key = match["key"]
            is_real = not form.is_random or _entropy(key) >= MIN_ENTROPY - 0.5
            is_shown = form.may_be_placeholder and _PLACEHOLDER.search(key)
            if is_real and not is_shown:
                yield match.start("key"), key, form.kind
    lowered = text.lower()
    if not any(word in lowered for word in _TELLING):
        return
    for match in _NAMED.finditer(text):
        if _looks_random(match["key"]):
            yield match.start("key"), match["key"], "a random text after a telling name"


def _looks_random(key: str) -> bool:
    """Upper and lower case and digits, mixed; neither hash, nor UUID, nor a name with dots."""
    kinds = (any(map(str.isupper, key)), any(map(str.islower, key)), any(map(str.isdigit, key)))
    if not all(kinds) or _UUID_OR_HASH.fullmatch(key) or _PLACEHOLDER.search(key):
        return False
    return _entropy(key) >= MIN_ENTROPY and not _is_worded(key)


def _is_worded(key: str) -> bool:
    """Whether it is made of words, as a path or a dotted name is."""
    words = re.findall(r"[A-Za-z][a-z]{3,}", key)
    return sum(map(len, words)) > len(key) / 2


def _entropy(text: str) -> float:
    """Shannon's, in bits a character."""
    counts = Counter(text).values()
    return -sum(n / len(text) * log2(n / len(text)) for n in counts)


def _masked(key: str) -> str:
    return f"{key[:_SHOWN]}…, {len(key)} characters"


RULE = TextRule("secret", "error", __doc__, check)
