"""The image: nobody special, nothing compiled, nothing unhashed. Read as text: no daemon needed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from config.embedded import application
from tests.unit.deploy.files import DEPLOY, ROOT

_TEXT = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
#: Whole instructions, without comments, continued lines joined.
_INSTRUCTIONS = [
    line.strip()
    for line in re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", _TEXT)).splitlines()
    if line.strip()
]
_LAST_STAGE = _INSTRUCTIONS[
    max(n for n, line in enumerate(_INSTRUCTIONS) if line.startswith("FROM")) :
]


def _all(word: str, lines: list[str] = _INSTRUCTIONS) -> list[str]:
    return [line.removeprefix(word).strip() for line in lines if line.startswith(f"{word} ")]


def test_the_base_is_a_parameter_and_there_are_two_stages() -> None:
    assert _all("FROM") == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]
    assert _INSTRUCTIONS[0].startswith("ARG PYTHON_IMAGE=")


def test_it_runs_as_nobody_special() -> None:
    assert _all("USER", _LAST_STAGE) == ["10001:10001"]
    after = _LAST_STAGE[_LAST_STAGE.index("USER 10001:10001") :]
    assert not _all("RUN", after)
    assert not _all("COPY", after)


def test_every_package_is_a_wheel_with_a_hash() -> None:
    installs = [
        part
        for run in _all("RUN")
        for part in run.split("&&")
        if re.search(r"pip\b.* install", part)
    ]
    assert len(installs) == 3
    for install in installs:
        hashed = "--require-hashes" in install and "--only-binary :all:" in install
        ours = "--no-index" in install and "--no-deps" in install
        assert hashed or ours, install


def test_what_is_installed_is_the_lock_and_it_exists() -> None:
    locks = re.findall(r"-r (requirements/\S+)", _TEXT)
    assert sorted(locks) == ["requirements/build.txt", "requirements/server.txt"]
    for lock in locks:
        text = (ROOT / lock).read_text(encoding="utf-8")
        pinned = re.findall(r"(?m)^[a-z0-9][\w.-]*==", text)
        assert pinned
        assert len(re.findall(r"(?m)^[a-z0-9]", text)) == len(pinned)


def test_no_compiler_is_left() -> None:
    [packages] = re.findall(r"apt-get install (.*?) &&", " ".join(_all("RUN", _LAST_STAGE)))
    names = [word for word in packages.split() if not word.startswith("-")]
    assert names == ["ca-certificates", "git", "openssh-client", "tini"]
    assert _all("COPY", _LAST_STAGE) == ["--from=build /app /app"]


def test_no_secret_is_an_argument_or_an_environment_of_the_image() -> None:
    for line in (*_all("ARG"), *_all("ENV")):
        assert not re.search(r"(SECRET|PASSWORD|TOKEN|KEY)\w*=", line), line


def test_every_package_of_the_wheel_is_copied_and_let_in() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    [line] = re.findall(r"(?m)^packages = (\[.*\])$", project)
    copied = {word.rstrip("/") for line in _all("COPY") for word in line.split()}
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    for package in (*json.loads(line), "prompts_repo"):
        assert package in copied
        assert f"!{package}" in ignore
    assert ignore[0] == "#"
    assert "*" in ignore


def test_the_web_server_is_started_as_assay_serve_starts_it() -> None:
    [command] = _all("CMD", _LAST_STAGE)
    started = json.loads(command)
    own = (ROOT / "config" / "embedded" / "application.py").read_text(encoding="utf-8")
    for option in ("--interface", "--http", "--blocking-threads", "--respawn-failed-workers"):
        assert option in started
        assert f'"{option}"' in own
    assert started[-1] == "config.wsgi:application"


@pytest.mark.parametrize("file", ["kubernetes/base/stream.yaml", "compose/compose.yaml"])
def test_the_stream_server_is_started_as_assay_serve_starts_it(file: str) -> None:
    text = " ".join((DEPLOY / file).read_text(encoding="utf-8").split())
    started = re.search(r"\[(granian, --interface, asgi.*?)\]", text)
    assert started
    words = [word.strip('"') for word in started[1].split(", ")]
    service = application.stream(Path("/data"), "0.0.0.0", 8001)
    own = list(service.argv[service.argv.index("--http") :])
    for option in ("--http", "--loop", "--workers", "--backlog", "--backpressure", "--interface"):
        assert words[words.index(option) + 1] == own[own.index(option) + 1], option
    assert words[-1] == own[-1] == "config.asgi:application"
