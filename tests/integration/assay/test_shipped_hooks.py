"""What the starter offers for CI systems, run as those would run it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.assay.git_repository import Repository

STARTER = Path(__file__).parents[3] / "prompts_repo"
V1 = "---\nvariables: {ticket: {type: string}}\n---\nTicket: {{ ticket }}\n"
BASE = {"prompts/a/v1.jinja2": V1}
GOOD = {"prompts/a/v2.jinja2": V1 + "More.\n"}
EDITED = {"prompts/a/v1.jinja2": V1 + "Edited.\n"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A machine where `assay` is on the path."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "GITHUB_", "ASSAY_"))}
    (tmp_path / "home").mkdir()
    path = os.pathsep.join((str(Path(sys.executable).parent), kept["PATH"]))
    return kept | {"PATH": path, "HOME": str(tmp_path / "home"), "GIT_CONFIG_NOSYSTEM": "1"}


def bash(script: str, cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """As GitHub and GitLab run a script: bash, ending at the first error."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def loaded(file: str) -> Any:
    return yaml.safe_load((STARTER / "ci" / file).read_text())


# --- GitHub -------------------------------------------------------------------------------------


def action(
    repository: Repository, environment: dict[str, str], **given: str
) -> list[subprocess.CompletedProcess[str]]:
    """Run the steps of the composite action until one fails."""
    document = loaded("github/action.yml")
    inputs = {name: str(spec.get("default", "")) for name, spec in document["inputs"].items()}
    inputs |= given
    ended = []
    for step in document["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "inputs come in through the environment"
        names = {
            name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: inputs[found[1]], value)
            for name, value in step.get("env", {}).items()
        }
        ended.append(bash(step["run"], repository.folder, environment | names))
        if ended[-1].returncode:
            break
    return ended


def test_the_github_action_annotates_summarises_and_passes_on_the_exit_code(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    repository = Repository.new(tmp_path / "clone", BASE)
    base = repository.git("rev-parse", "HEAD")
    repository.commit(EDITED)
    (tmp_path / "runner").mkdir()
    environment |= {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "RUNNER_TEMP": str(tmp_path / "runner"),
    }
    installed, check = action(repository, environment, base=base, head="$(touch gotcha)")
    assert (installed.returncode, check.returncode) == (0, 2)
    assert not (repository.folder / "gotcha").exists()
    _, check = action(repository, environment, base=base)
    assert check.returncode == 1, check.stderr
    assert check.stdout.startswith("::error file=prompts/a/v1.jinja2,")
    assert "FAIL: 1 prompt changed" in (tmp_path / "summary").read_text()
    outputs = dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())
    assert set(outputs) == set(loaded("github/action.yml")["outputs"])
    assert all(Path(file).is_file() for file in outputs.values())


def test_the_github_workflow_fills_inputs_that_the_action_has() -> None:
    steps = loaded("github/workflow.yml")["jobs"]["assay"]["steps"]
    given = steps[-1]["with"]
    declared = loaded("github/action.yml")["inputs"]
    assert set(given) <= set(declared)
    assert {name for name, spec in declared.items() if spec.get("required")} <= set(given)
    assert steps[0]["with"]["fetch-depth"] == 0


# --- GitLab -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "code", "issues"), [(GOOD, 0, 0), (EDITED, 1, 1)])
def test_the_gitlab_job_writes_the_reports_it_names(
    tmp_path: Path, environment: dict[str, str], change: dict[str, str], code: int, issues: int
) -> None:
    repository = Repository.new(tmp_path / "clone", BASE)
    base = repository.git("rev-parse", "HEAD")
    head = repository.commit(change)
    job = loaded("gitlab.yml")["assay"]
    given = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": base, "CI_COMMIT_SHA": head}
    ended = bash(
        "\n".join(job["script"]), repository.folder, environment | job["variables"] | given
    )
    assert ended.returncode == code, ended.stderr
    reports = job["artifacts"]["reports"]
    written = [repository.folder / name for name in (*reports.values(), "assay-report.md")]
    assert all(file.stat().st_size for file in written)
    assert len(yaml.safe_load((repository.folder / reports["codequality"]).read_text())) == issues


# --- pre-receive --------------------------------------------------------------------------------


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    folder = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
    shutil.copy(STARTER / "ci" / "pre-receive", folder / "hooks" / "pre-receive")
    return folder


def push(
    repository: Repository, environment: dict[str, str], *refs: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "push", *refs],
        cwd=repository.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_push_that_edits_what_was_published_is_refused_by_the_server(
    tmp_path: Path, environment: dict[str, str], remote: Path
) -> None:
    repository = Repository.new(tmp_path / "clone", BASE)
    repository.git("remote", "add", "origin", str(remote))
    first = push(repository, environment, "origin", "main")
    assert first.returncode == 0, first.stderr
    assert "remote: PASS" in first.stderr
    good = repository.commit(GOOD)
    assert push(repository, environment, "origin", "main").returncode == 0
    repository.commit(EDITED)
    refused = push(repository, environment, "origin", "main")
    assert refused.returncode != 0
    assert "prompts/a/v1.jinja2:1:1: error version_edited" in refused.stderr
    assert "pre-receive hook declined" in refused.stderr
    there = subprocess.run(
        ["git", "-C", str(remote), "rev-parse", "main"], capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == good
    assert push(repository, environment, "origin", "main:draft").returncode == 0
    assert push(repository, environment, "origin", ":draft").returncode == 0


def test_a_first_push_is_checked_against_nothing(
    tmp_path: Path, environment: dict[str, str], remote: Path
) -> None:
    repository = Repository.new(tmp_path / "clone", {"prompts/a/v1.jinja2": "{{ broken\n"})
    repository.git("remote", "add", "origin", str(remote))
    refused = push(repository, environment, "origin", "main")
    assert refused.returncode != 0
    assert "error template_syntax" in refused.stderr


# --- pre-commit ---------------------------------------------------------------------------------


def pre_commit(
    folder: Path, environment: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    own = environment | {"PRE_COMMIT_HOME": str(folder.parent / "pre-commit")}
    return subprocess.run(
        ["pre-commit", *arguments], cwd=folder, env=own, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_pre_commit_fixes_what_it_can_and_stops_what_it_cannot(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    repository = Repository.new(tmp_path / "clone", BASE)
    shutil.copy(STARTER / ".pre-commit-config.yaml", repository.folder)
    suite = "cases: [{id: a, expected: yes}]\nchecks: [{type: exact}]\n"
    repository.write({"suites/s.yaml": suite})
    repository.git("add", "--all")
    fixed = pre_commit(repository.folder, environment, "run")
    assert "files were modified by this hook" in fixed.stdout
    assert '"yes"' in (repository.folder / "suites/s.yaml").read_text()
    repository.git("add", "--all")
    again = pre_commit(repository.folder, environment, "run")
    assert again.returncode == 0, again.stdout
    repository.write({"prompts/a/v2.jinja2": "{{ broken\n"})
    repository.git("add", "--all")
    stopped = pre_commit(repository.folder, environment, "run")
    assert stopped.returncode == 1
    assert "error template_syntax" in stopped.stdout


def test_other_repositories_can_take_the_hook_from_this_one(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    hooks = Repository.new(
        tmp_path / "hooks",
        {".pre-commit-hooks.yaml": (STARTER / ".pre-commit-hooks.yaml").read_text()},
    )
    user = Repository.new(tmp_path / "clone", {"prompts/a/v1.jinja2": "{{ broken\n"})
    ended = pre_commit(
        user.folder, environment, "try-repo", str(hooks.folder), "assay-lint", "--all-files"
    )
    assert ended.returncode == 1
    assert "error template_syntax" in ended.stdout
