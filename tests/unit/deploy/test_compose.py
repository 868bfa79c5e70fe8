"""compose.yaml: every part there, nothing open to the network, secrets in files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.unit.deploy.files import DEPLOY, settings_variables

_PATH = DEPLOY / "compose" / "compose.yaml"
_COMPOSE: dict[str, Any] = yaml.safe_load(_PATH.read_text(encoding="utf-8"))
_SERVICES: dict[str, dict[str, Any]] = _COMPOSE["services"]
_OURS = ("web", "stream", "worker", "beat", "migrate")


def test_every_part_is_there() -> None:
    assert set(_SERVICES) == {*_OURS, "postgres", "valkey"}


def test_images_are_parameters() -> None:
    for name, service in _SERVICES.items():
        assert re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[a-z/]+:[\w.-]+\}", service["image"]), name


def test_ours_run_without_rights() -> None:
    for name in _OURS:
        service = _SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert all("privileged" not in service for service in _SERVICES.values())


def test_only_the_listeners_are_reached_and_only_from_this_machine() -> None:
    ports = {name: service["ports"] for name, service in _SERVICES.items() if "ports" in service}
    assert list(ports) == ["web", "stream"]
    assert all(port.startswith("127.0.0.1:") for listed in ports.values() for port in listed)


def test_every_variable_is_one_that_the_settings_read() -> None:
    known = settings_variables()
    for name in _OURS:
        assert set(_SERVICES[name]["environment"]) <= known, name


def test_what_is_named_exists() -> None:
    for service in _SERVICES.values():
        assert set(service.get("secrets", ())) <= set(_COMPOSE["secrets"])
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in _COMPOSE["volumes"]
        assert set(service.get("depends_on", ())) <= set(_SERVICES)
        for value in (service.get("environment") or {}).values():
            if str(value).startswith("/run/secrets/"):
                assert Path(value).name in service["secrets"]


def test_nothing_works_on_tables_that_are_not_there() -> None:
    for name in ("web", "stream", "worker", "beat"):
        waits = _SERVICES[name]["depends_on"]["migrate"]
        assert waits == {"condition": "service_completed_successfully"}


def test_no_data_folder_is_shared() -> None:
    """Two processes with one pid would count in one file; see config/metrics/counting.py."""
    folders = [v for name in _OURS for v in _SERVICES[name].get("volumes", ()) if ":/data" in v]
    assert len(folders) == len(set(folders)) == 4


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    script = tmp_path / "make-secrets.sh"
    script.write_bytes((DEPLOY / "compose" / "make-secrets.sh").read_bytes())
    subprocess.run(["sh", str(script)], check=True)
    made = {
        path.name: path.read_text(encoding="ascii") for path in (tmp_path / "secrets").iterdir()
    }
    assert set(made) == set(_COMPOSE["secrets"])
    assert len(made["secret_key"]) == 64
    assert made["postgres_password"] in made["database_url"]
    assert len(set(made.values())) == 4
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    subprocess.run(["sh", str(script)], check=True)
    again = {
        path.name: path.read_text(encoding="ascii") for path in (tmp_path / "secrets").iterdir()
    }
    assert again == made
