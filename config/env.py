"""Typed readers of the environment. Nonsense is refused by name; nothing is guessed."""

from __future__ import annotations

import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def text(name: str, default: str = "") -> str:
    """The variable as it stands; empty counts as not set."""
    return os.environ.get(name) or default


def boolean(name: str, *, default: bool) -> bool:
    """1/true/yes/on or 0/false/no/off, in any case."""
    value = text(name)
    if not value:
        return default
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is not a boolean; use true or false")


def integer(name: str, default: int, *, low: int, high: int) -> int:
    """A whole number between `low` and `high`, both included."""
    value = text(name)
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number") from None
    if not low <= number <= high:
        raise ImproperlyConfigured(f"{name}={number} is outside {low}…{high}")
    return number


def words(name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Comma-separated words, without empty ones."""
    value = text(name)
    return tuple(w.strip() for w in value.split(",") if w.strip()) if value else default


def choice(name: str, default: str, options: tuple[str, ...]) -> str:
    """One of `options`, exactly."""
    value = text(name, default)
    if value not in options:
        raise ImproperlyConfigured(f"{name}={value!r} is not one of {', '.join(options)}")
    return value


def secret(name: str, default: str = "") -> str:
    """The variable, or the contents of the file `<name>_FILE` names. Both at once is refused."""
    path = text(f"{name}_FILE")
    if not path:
        return text(name, default)
    if text(name):
        raise ImproperlyConfigured(f"set {name} or {name}_FILE, not both")
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}_FILE={path!r} cannot be read: {error}") from error
    if not value:
        raise ImproperlyConfigured(f"{name}_FILE={path!r} is empty")
    return value


def address(name: str) -> str:
    """An http or https address without user, query and fragment, and without a slash at its end."""
    value = text(name).rstrip("/")
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not match
        is_usable = False
    else:
        is_usable = is_usable and not (parts.username or parts.query or parts.fragment)
    if not is_usable:
        raise ImproperlyConfigured(f"{name} is not an address like https://langfuse.example.org")
    return value


def folder(name: str) -> Path | None:
    """A folder that is there; None when the variable is not set."""
    value = text(name)
    if value and not Path(value).is_dir():
        raise ImproperlyConfigured(f"{name}={value!r} is not a folder")
    return Path(value) if value else None


def networks(name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Comma-separated networks such as `10.0.0.0/8`."""
    try:
        return tuple(ip_network(word) for word in words(name))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from None


def webhooks() -> tuple[tuple[str, str, str], ...]:
    """`(name, url, secret)` of every `ASSAY_WEBHOOK_<NAME>_URL` and its `_SECRET`."""
    found = []
    for variable in sorted(matching(r"ASSAY_WEBHOOK_[A-Z0-9_]+_URL")):
        base = variable.removesuffix("_URL")
        key = secret(f"{base}_SECRET")
        if len(key) < 16:
            raise ImproperlyConfigured(f"{base}_SECRET must hold at least 16 characters")
        name = base.removeprefix("ASSAY_WEBHOOK_").lower().replace("_", "-")
        found.append((name, address(variable), key))
    return tuple(found)


def person(name: str, default: str) -> tuple[str, str]:
    """`(name, address)` of somebody written like `Assay <assay@example.org>`."""
    value = text(name, default)
    found = re.fullmatch(r"([^<>\x00-\x1f]+) <([^<>\s]+)>", value)
    if found is None:
        raise ImproperlyConfigured(f"{name}={value!r} is not like Assay <assay@example.org>")
    return found[1].strip(), found[2]


def matching(pattern: str) -> dict[str, str]:
    """Every variable whose whole name matches the regular expression `pattern`."""
    return {name: value for name, value in os.environ.items() if re.fullmatch(pattern, name)}
