"""The demo: the main job on a real model, from an empty folder to its end, twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import REPLACEMENTS

pytestmark = pytest.mark.slow

TOLD = (
    "7 prompts, 16 versions",
    "FAIL  sentiment v3",
    "sentiment@v3 has no valid certificate for stable on smollm2",
    "PASS  sentiment v2",
    "v1 -> v2 on smollm2 (promoted",
    "sentiment:stable is v1 again",
)


def _demo(data: Path, port: int) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in REPLACEMENTS}
    command = [str(Path(sys.executable).with_name("assay")), "demo", "--once"]
    done = subprocess.run(
        [*command, "--data", str(data), "--port", str(port)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def test_the_demo_reaches_its_end_and_does_so_again(
    tmp_path: Path, free_port: int, processes_of
) -> None:
    told = _demo(tmp_path / "data", free_port)
    for line in TOLD:
        assert line in told
    again = _demo(tmp_path / "data", free_port)
    for line in TOLD[1:]:
        assert line in again
    assert processes_of(tmp_path / "data") == []
