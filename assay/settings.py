"""What the command line and the client read from the environment. Nothing else here reads it."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import InvalidError

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_DATA = ".assay"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingInvalidError(InvalidError):
    """A setting makes no sense."""

    code = "setting_invalid"


def url() -> str:
    """`ASSAY_URL`, or this machine's own server. Raises SettingInvalidError."""
    return check_url(os.environ.get("ASSAY_URL") or DEFAULT_URL)


def token() -> str:
    """`ASSAY_TOKEN`, or what the file `ASSAY_TOKEN_FILE` holds; empty when neither is set.

    Raises SettingInvalidError when both are, when the file cannot be read, or when it is no token.
    """
    return _secret("ASSAY_TOKEN", "token")


def models_key() -> str:
    """`ASSAY_EVERY_MODEL_KEY`: what the models are asked with. As `token`."""
    return _secret("ASSAY_EVERY_MODEL_KEY", "key")


def _secret(name: str, what: str) -> str:
    secret, path = os.environ.get(name, ""), os.environ.get(f"{name}_FILE", "")
    if secret and path:
        raise SettingInvalidError(f"set {name} or {name}_FILE, not both")
    if path:
        try:
            secret = Path(path).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingInvalidError(f"{name}_FILE={path!r} cannot be read") from error
    secret = secret.strip()
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise SettingInvalidError(f"the {what} has characters that no {what} has")
    return secret


def stream_url(server: str) -> str:
    """`ASSAY_STREAM_URL`: where the event stream is; `server` when it is not set.

    Raises SettingInvalidError.
    """
    return check_url(os.environ.get("ASSAY_STREAM_URL") or server, "ASSAY_STREAM_URL")


def cache_folder() -> Path | None:
    """`ASSAY_CACHE`: where last good answers are kept; `off` means nowhere (None).

    By default `assay/` in the user's cache folder; None for a user without a home.
    """
    chosen = os.environ.get("ASSAY_CACHE", "")
    if chosen == "off":
        return None
    if chosen:
        return Path(chosen).expanduser()
    home = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(home) if Path(home).is_absolute() else Path.home() / ".cache") / "assay"
    except RuntimeError:
        return None


def hub_cache() -> Path | None:
    """Hugging Face's cache on this machine; None for a user without a home."""
    from registry.tokenizing import hub_folder

    return hub_folder(os.environ)


def check_url(address: str, setting: str = "ASSAY_URL") -> str:
    """`address` without a trailing slash. Raises SettingInvalidError unless it is plain http(s)."""
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingInvalidError(
            f"{address!r} is not the address of a server", hint=f"set {setting}, e.g. {DEFAULT_URL}"
        )
    return address.rstrip("/")


def is_loopback(address: str) -> bool:
    """Whether `address` names this machine; no proxy can reach it for us then."""
    return urlsplit(address).hostname in _LOOPBACK


def use_data_folder(folder: Path) -> None:
    """Tell the server code, before it is imported, which data folder to use."""
    os.environ["ASSAY_DATA"] = str(folder.expanduser().resolve())


def git_environment() -> dict[str, str]:
    """The environment without Git's own variables: run from a hook, `GIT_DIR` would lead away."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def git_reading_environment() -> dict[str, str]:
    """As `git_environment`, with the two variables that let a pre-receive hook see what is pushed
    (`git receive-pack` keeps it apart until the hook agrees).
    """
    kept = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")
    objects = {name: os.environ[name] for name in kept if name in os.environ}
    return git_environment() | objects | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}


def is_github_job() -> bool:
    """Whether this is a step of a GitHub workflow, whose output is read for annotations."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def step_summary() -> Path | None:
    """The file that a GitHub job shows as its summary; None elsewhere."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(path) if path else None
