"""The SDKs are there, as locked, and the registry they are tried on answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.dialects import environments
from tests.acceptance.dialects.conftest import HERE, Registry
from tests.acceptance.dialects.environments import answers_of, python_with

_VERSION = "import json, sys, importlib.metadata as m; print(json.dumps(m.version(sys.argv[1])))"
SDKS = {
    "langfuse4": ("langfuse", "4.18.0"),
    "litellm": ("litellm", "1.106.2"),
    "mlflow": ("mlflow-skinny", "3.17.2"),
    "openfeature": ("openfeature-provider-ofrep", "0.3.0"),
}


@pytest.mark.parametrize("name", sorted(SDKS))
def test_an_environment_has_what_its_lock_says(name: str) -> None:
    package, version = SDKS[name]
    assert answers_of(python_with(name), "-c", _VERSION, package, settings={}) == version


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Environments are made here for once: others use theirs at this moment."""
    monkeypatch.setattr(environments, "HOME", tmp_path / "sdks")
    return tmp_path / "sdks"


def test_a_half_made_environment_is_made_again(elsewhere: Path) -> None:
    python = python_with("openfeature")
    (elsewhere / "openfeature" / ".ready").unlink()
    python.unlink()
    python = python_with("openfeature")
    assert answers_of(python, "-c", _VERSION, "openfeature-sdk", settings={}) == "0.10.0"


def test_without_a_way_to_the_packages_a_test_is_skipped_and_says_so(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(elsewhere / "empty"))
    with pytest.raises(pytest.skip.Exception, match="packages cannot be had here"):
        python_with("openfeature")
    assert not (elsewhere / "openfeature" / ".ready").exists()


def test_a_lock_that_does_not_hold_is_no_reason_to_skip(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environments, "REQUIREMENTS", tmp_path)
    (tmp_path / "sdk-other.txt").write_text("idna==3.20 --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(pytest.fail.Exception, match="Hash mismatch"):
        python_with("other")


def test_no_lock_names_a_registry_host() -> None:
    locks = [*environments.REQUIREMENTS.glob("*.txt"), *HERE.rglob("package-lock.json")]
    assert len(locks) > 10
    assert [lock.name for lock in locks if "://" in lock.read_text(encoding="utf-8")] == []


def test_the_shared_registry_has_a_canary_that_takes_some_users(registry: Registry) -> None:
    arms = {registry.native("greeting", key=f"user-{n}")["arm"] for n in range(16)}
    assert arms == {"stable", "canary"}
