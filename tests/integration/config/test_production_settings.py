"""Production takes nothing for granted: `manage.py check` in a clean environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MANAGE = Path(__file__).resolve().parents[3] / "manage.py"
SECRET = "MARKED-" + "0123456789abcdef" * 4
GOOD = {
    "ASSAY_ENV": "production",
    "ASSAY_SECRET_KEY": SECRET,
    "ASSAY_ALLOWED_HOSTS": "assay.example.org",
    "ASSAY_PUBLIC_URL": "https://assay.example.org",
}


HOST = {"ASSAY_GIT_HOST": "github", "ASSAY_GIT_HOST_PROJECT": "octo/prompts"}


def check(data: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`manage.py check` with these variables and nothing else."""
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(data),
        "ASSAY_DATA": str(data / "data"),
        **{name: value for name, value in environment.items() if value},
    }
    return subprocess.run(
        [sys.executable, str(MANAGE), "check", *options],
        env=variables,
        cwd=data,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_complete_configuration_passes_djangos_deployment_check(tmp_path: Path) -> None:
    done = check(tmp_path, "--deploy", "--fail-level", "WARNING", **GOOD)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "data").exists(), "production must not make a secret of its own"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ASSAY_SECRET_KEY": ""}, "ASSAY_SECRET_KEY (or ASSAY_SECRET_KEY_FILE) must hold"),
        ({"ASSAY_SECRET_KEY": "changeme"}, "at least 32 characters"),
        ({"ASSAY_SECRET_KEY": "x" * 31}, "at least 32 characters"),
        ({"ASSAY_SECRET_KEY": "x" * 64}, "is not random"),
        ({"ASSAY_SECRET_KEY": "django-insecure-" + SECRET}, "is not random"),
        ({"ASSAY_DEBUG": "true"}, "ASSAY_DEBUG must be off in production"),
        ({"ASSAY_DEBUG": "maybe"}, "ASSAY_DEBUG='maybe' is not a boolean"),
        ({"ASSAY_ALLOWED_HOSTS": ""}, "ASSAY_ALLOWED_HOSTS must name the hosts"),
        ({"ASSAY_ALLOWED_HOSTS": "*"}, "ASSAY_ALLOWED_HOSTS must name the hosts"),
        ({"ASSAY_ALLOWED_HOSTS": "a.example, *"}, "ASSAY_ALLOWED_HOSTS must name the hosts"),
        ({"ASSAY_ALLOWED_HOSTS": ",,"}, "ASSAY_ALLOWED_HOSTS must name the hosts"),
        ({"ASSAY_ENV": "prod"}, "ASSAY_ENV='prod' is not one of local, production"),
        ({"DATABASE_URL": "sqlite:///x"}, "DATABASE_URL must start with postgresql://"),
        ({"ASSAY_HSTS_SECONDS": "-1"}, "ASSAY_HSTS_SECONDS=-1 is outside"),
        ({"LANGFUSE_SECRET_KEY": SECRET, "LANGFUSE_PUBLIC_KEY": "pk"}, "belong together"),
        ({"LANGFUSE_HOST": "langfuse:3000"}, "LANGFUSE_HOST is not an address"),
        ({**HOST, "ASSAY_GIT_HOST_PROJECT": ""}, "needs ASSAY_GIT_HOST_PROJECT"),
        (HOST, "needs ASSAY_GIT_HOST_TOKEN or ASSAY_GIT_HOST_APP"),
        ({**HOST, "ASSAY_GIT_HOST_TOKEN": "MARKED", "ASSAY_GIT_HOST_APP": "7"}, "_TOKEN or ASSAY_"),
        ({**HOST, "ASSAY_GIT_HOST": "gitlab", "ASSAY_GIT_HOST_APP": "7"}, "is an App of GitHub"),
        ({**HOST, "ASSAY_GIT_HOST_APP": "7", "ASSAY_GIT_HOST_APP_KEY": "MARKED"}, "key in PEM"),
    ],
)
def test_it_refuses_to_start(changes: dict[str, str], sentence: str, tmp_path: Path) -> None:
    done = check(tmp_path, **GOOD | changes)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "MARKED" not in done.stdout + done.stderr


def test_a_secret_file_takes_the_place_of_the_variable(tmp_path: Path) -> None:
    file = tmp_path / "secret_key"
    file.write_text(SECRET + "\n", encoding="ascii")
    environment = GOOD | {"ASSAY_SECRET_KEY": "", "ASSAY_SECRET_KEY_FILE": str(file)}
    assert check(tmp_path, **environment).returncode == 0
    file.write_text("short", encoding="ascii")
    assert "at least 32 characters" in check(tmp_path, **environment).stderr


def test_locally_an_installation_makes_its_own_secret_once(tmp_path: Path) -> None:
    secret = tmp_path / "data" / "secret_key"
    assert check(tmp_path).returncode == 0
    first = secret.read_text(encoding="ascii")
    assert len(first) == 64
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.parent.stat().st_mode & 0o777 == 0o700
    assert check(tmp_path).returncode == 0
    assert secret.read_text(encoding="ascii") == first
    assert [file.name for file in secret.parent.iterdir()] == ["secret_key"]
