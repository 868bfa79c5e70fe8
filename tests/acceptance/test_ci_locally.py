"""`assay ci --base-url`: a change is evaluated where no server is, and nothing is left of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import REPLACEMENTS
from tests.integration.assay.git_repository import Repository as Clone
from tests.integration.evals.conftest import Repository
from tests.integration.evals.model_server import ModelServer, Reply, Say

pytestmark = pytest.mark.slow

HEADER = "---\nvariables:\n  question: {type: string}\n---\n"
LIVE = "oracle: {stable: {version: v1, model: tiny}}\n"


def knows_better(question: str, _nth: int) -> Reply:
    """Right about what is live; wrong when it is asked to guess."""
    return Say("no" if question.endswith("guess") else "yes")


def ci(clone: Path, tmp_path: Path, url: str, *more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in REPLACEMENTS and not name.startswith(("ASSAY_", "GITHUB_"))
    }
    command = [str(Path(sys.executable).with_name("assay")), "ci", str(clone), "--base", "main"]
    return subprocess.run(
        [*command, "--base-url", url, "--report", str(tmp_path / "report.md"), *more],
        env=environment | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )


def test_a_change_is_measured_against_what_the_base_calls_live(
    tmp_path: Path, processes_of
) -> None:
    """The prompts lie in a folder of a larger repository; the pin names an address nobody has."""
    with ModelServer(knows_better) as server:
        policy = {"margin": 0.1, "min_pass_rate": 0.5}
        made = Repository("http://127.0.0.1:9", cases=60, policy=policy)
        files = {path: data.decode() for path, data in made.files().contents.items()}
        files |= {"tags.yaml": LIVE}
        clone = Clone.new(
            tmp_path / "clone", {f"prompts_repo/{path}": text for path, text in files.items()}
        )
        clone.git("switch", "--quiet", "--create", "change")
        clone.commit({"prompts_repo/prompts/oracle/v2.jinja2": HEADER + "{{ question }} guess"})
        objects = clone.git("count-objects", "-v")
        bad = ci(clone.folder / "prompts_repo", tmp_path, server.url)
        assert clone.git("count-objects", "-v") == objects
        assert bad.returncode == 1, bad.stderr + bad.stdout
        assert "gate oracle v2: FAIL" in bad.stdout
        assert "FAIL" in (tmp_path / "report.md").read_text()
        asked = {question for question in server.calls if question.startswith("case 1")}
        assert {"case 1", "case 1 guess"} <= asked, "both were asked the same questions"
        clone.commit({"prompts_repo/prompts/oracle/v2.jinja2": HEADER + "{{ question }} please"})
        good = ci(clone.folder / "prompts_repo", tmp_path, server.url, "--json")
        assert good.returncode == 0, good.stderr + good.stdout
        told = json.loads(good.stdout)
        assert (told["verdict"], told["check"]["verdict"]) == ("PASS", "PASS")
    assert processes_of(tmp_path) == []
    assert list(tmp_path.glob("assay-*")) == []


def test_a_model_that_nobody_serves_is_no_pass(tmp_path: Path, processes_of) -> None:
    made = Repository("http://127.0.0.1:9", cases=12)
    files = {path: data.decode() for path, data in made.files().contents.items()}
    clone = Clone.new(tmp_path / "clone", files | {"tags.yaml": LIVE})
    clone.git("switch", "--quiet", "--create", "change")
    clone.commit({"prompts/oracle/v2.jinja2": HEADER + "{{ question }} please"})
    done = ci(clone.folder, tmp_path, "http://127.0.0.1:9")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "not evaluated: nothing answers at http://127.0.0.1:9" in done.stdout
    assert processes_of(tmp_path) == []


def test_two_places_to_evaluate_are_one_too_many(tmp_path: Path) -> None:
    done = ci(tmp_path, tmp_path, "http://127.0.0.1:9", "--server", "http://127.0.0.1:8")
    assert (done.returncode, "--server and --base-url disagree" in done.stderr) == (2, True)
