"""init, lint, and rendering and comparing without a server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from textwrap import dedent

import pytest

from assay.fields import FIELDS
from tests.integration.assay.conftest import Terminal

V1 = """\
---
type: chat
variables:
  ticket: {type: string, maxLength: 40}
  tone: {type: string, default: friendly}
---
{% chat role="system" %}Be {{ tone }}. {% include "partials/facts/v1" %}{% endchat %}
{% chat role="user" %}{{ ticket }}{% endchat %}
"""
V2 = V1.replace("  tone: {type: string, default: friendly}\n", "  tone: {type: string}\n")
V3 = "---\nvariables: {who: {type: string}}\n---\nHello {{ who }}!\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    for path, text in {
        "prompts/team/triage/v1.jinja2": V1,
        "prompts/team/triage/v2.jinja2": V2,
        "prompts/team/triage/v3.jinja2": V3,
        "prompts/partials/facts/v1.jinja2": "Only facts.",
    }.items():
        write(root, path, text)
    return root


def write(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(text), encoding="utf-8")
    return file


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_init_makes_a_committed_repository_that_lints_clean(
    assay: Terminal, tmp_path: Path
) -> None:
    folder = tmp_path / "deep" / "prompts"
    ended = assay.run("init", str(folder), "--json")
    assert ended.code == 0
    assert list(ended.document) == list(FIELDS["init"])
    assert ended.document["path"] == str(folder)
    assert ended.document["commit"] == git(folder, "rev-parse", "main")
    assert git(folder, "status", "--porcelain") == ""
    assert len(git(folder, "ls-files").splitlines()) == ended.document["files"]
    linted = assay.run("lint", str(folder), "--json")
    assert (linted.code, linted.document["errors"]) == (0, 0)
    assert linted.document["prompts"] >= 4


def test_init_needs_no_git_identity_and_ignores_a_hook_s_variables(
    assay: Terminal, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    assay.environment.update(
        HOME=str(tmp_path / "home"),
        XDG_CONFIG_HOME=str(tmp_path / "home"),
        GIT_CONFIG_NOSYSTEM="1",
        GIT_DIR=str(tmp_path / "somewhere-else"),
    )
    ended = assay.finish("init", "new", cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert git(tmp_path / "new", "log", "--format=%an <%ae>") == "Assay <assay@localhost>"
    assert not (tmp_path / "somewhere-else").exists()


def test_init_keeps_the_author_s_own_identity(assay: Terminal, tmp_path: Path) -> None:
    write(tmp_path, "home/.gitconfig", "[user]\nname = Ann\nemail = ann@example.org\n")
    assay.environment.update(HOME=str(tmp_path / "home"))
    assert assay.finish("init", "new", cwd=tmp_path).code == 0
    assert git(tmp_path / "new", "log", "--format=%an <%ae>") == "Ann <ann@example.org>"


def test_init_refuses_a_folder_with_something_in_it(assay: Terminal, tmp_path: Path) -> None:
    file = write(tmp_path, "mine/notes.txt", "keep me")
    for target in (file.parent, file):
        ended = assay.run("init", str(target))
        assert ended.code == 2
    assert list(file.parent.iterdir()) == [file]
    assert "is not an empty folder" in assay.run("init", str(file.parent)).err


def test_init_without_git_writes_nothing(assay: Terminal, tmp_path: Path) -> None:
    assay.environment["PATH"] = str(tmp_path)
    ended = assay.run("init", str(tmp_path / "new"))
    assert ended.code == 4
    assert ended.err.startswith("error: Git is not installed.")
    assert not (tmp_path / "new").exists()


def test_lint_of_a_good_repository_is_quiet(assay: Terminal, repository: Path) -> None:
    ended = assay.run("lint", str(repository))
    assert ended.code == 0
    assert ended.out == "1 prompts, 3 versions, 0 errors, 0 warnings\n"


def test_lint_names_file_line_and_column_and_is_exit_code_1(
    assay: Terminal, repository: Path
) -> None:
    write(repository, "prompts/team/triage/prompt.yaml", "description: x\nsuites: [nowhere]\n")
    write(repository, "prompts/bad/v1.jinja2", "Hello {{ who\n")
    ended = assay.run("lint", str(repository))
    assert ended.code == 1
    assert f"{repository}/prompts/team/triage/prompt.yaml:2:10: error unknown_suite: " in ended.out
    assert f"{repository}/prompts/bad/v1.jinja2:1:" in ended.out
    document = assay.run("lint", str(repository), "--json").document
    assert list(document) == list(FIELDS["lint"])
    assert document["errors"] == len(document["findings"]) >= 2
    assert [list(f) for f in document["findings"]] == [list(FIELDS["findings[]"])] * len(
        document["findings"]
    )


def test_lint_of_the_current_folder_needs_no_path(assay: Terminal, repository: Path) -> None:
    write(repository, "prompts/bad/v1.jinja2", "Hello {{ who\n")
    ended = assay.finish("lint", cwd=repository)
    assert ended.code == 1
    assert ended.out.startswith("prompts/bad/v1.jinja2:1:")


def test_lint_says_that_there_is_no_repository(assay: Terminal, tmp_path: Path) -> None:
    ended = assay.run("lint", str(tmp_path))
    assert ended.code == 2
    assert "it has no prompts/ (a prompt repository has a folder `prompts/`" in ended.err


def test_links_and_giants_are_left_out_and_named(
    assay: Terminal, repository: Path, tmp_path: Path
) -> None:
    secret = write(tmp_path, "secret.txt", "the secret {{ nothing }}")
    (repository / "prompts/team/triage/v4.jinja2").symlink_to(secret)
    (repository / "datasets").symlink_to(tmp_path)
    write(repository, "prompts/team/triage/v5.jinja2", "x" * 1_048_577)
    os.mkfifo(repository / "prompts/team/triage/v6.jinja2")
    document = assay.run("lint", str(repository), "--json").document
    found = {(f["path"], f["severity"], f["code"]) for f in document["findings"]}
    folder = "prompts/team/triage"
    assert found == {
        ("datasets", "warning", "symlink"),
        (f"{folder}/v4.jinja2", "warning", "symlink"),
        (f"{folder}/v5.jinja2", "error", "file_too_big"),
        (f"{folder}/v6.jinja2", "warning", "not_a_file"),
    }
    assert document["versions"] == 3


def test_a_file_is_rendered_without_a_server(assay: Terminal, repository: Path) -> None:
    file = repository / "prompts/team/triage/v1.jinja2"
    ended = assay.run("render", str(file), "--var", "ticket=It broke")
    assert ended.out == "[system]\nBe friendly. Only facts.\n[user]\nIt broke\n"
    document = assay.run("render", str(file), "--var", "ticket=It broke", "--json").document
    assert list(document) == list(FIELDS["render"])
    assert (document["name"], document["version"], document["type"]) == ("team/triage", 1, "chat")


def test_a_text_version_is_printed_as_it_is(assay: Terminal, repository: Path) -> None:
    ended = assay.run("render", "team/triage", "--repo", str(repository), "--var", "who=Ann")
    assert ended.out == "Hello Ann!\n"


def test_a_variable_that_does_not_fit_is_named(assay: Terminal, repository: Path) -> None:
    file = repository / "prompts/team/triage/v1.jinja2"
    ended = assay.run("render", str(file), "--var", "ticket=" + "x" * 41, "--json")
    assert ended.code == 2
    assert "/ticket" in ended.err
    assert ended.document["error"]["fields"]["errors"][0]["pointer"] == "/ticket"


def test_a_broken_file_says_what_is_wrong_with_it(assay: Terminal, repository: Path) -> None:
    file = write(repository, "prompts/bad/v1.jinja2", "Hello {{ who\n")
    ended = assay.run("render", str(file))
    assert ended.code == 2
    assert "prompts/bad/v1.jinja2 cannot be used: prompts/bad/v1.jinja2:1:" in ended.err


def test_a_file_has_no_tag_and_must_lie_in_a_repository(
    assay: Terminal, repository: Path, tmp_path: Path
) -> None:
    file = repository / "prompts/team/triage/v1.jinja2"
    assert assay.run("render", str(file), "--tag", "stable").code == 2
    stray = write(tmp_path, "v1.jinja2", "Hello")
    assert "is not inside a folder prompts/" in assay.run("render", str(stray)).err
    missing = repository / "prompts/team/triage/v9.jinja2"
    assert "has no prompts/team/triage/v9.jinja2" in assay.run("render", str(missing)).err


def test_two_versions_are_compared_without_a_server(assay: Terminal, repository: Path) -> None:
    ended = assay.run("diff", "team/triage", "v1", "v3", "--repo", str(repository))
    assert ended.code == 0
    assert ended.out.startswith("--- v1\n+++ v3\n")
    assert "+Hello {{ who }}!" in ended.out
    assert "BREAKING variable_removed ticket" in ended.out
    options = ["--repo", str(repository), "--json"]
    document = assay.run("diff", "team/triage", "1", "2", *options).document
    assert list(document) == list(FIELDS["diff"])
    assert document["text"] == ""
    [change] = document["contract"]
    assert (change["variable"], change["breaking"]) == ("tone", True)
    unknown = assay.run("diff", "team/triage", "1", "9", *options)
    assert (unknown.code, unknown.document["error"]["code"]) == (2, "prompt_missing")


def test_variables_of_other_types_are_json(assay: Terminal, repository: Path) -> None:
    body = "---\nvariables: {n: {type: integer}, xs: {type: array}}\n---\n{{ n + 1 }} {{ xs[0] }}\n"
    file = write(repository, "prompts/maths/v1.jinja2", body)
    values = write(repository, "values.json", json.dumps({"xs": ["a"], "n": 5}))
    ended = assay.run("render", str(file), "--vars", str(values), "--var", "n:=41")
    assert ended.out == "42 a\n"
