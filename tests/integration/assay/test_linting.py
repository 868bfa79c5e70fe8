"""lint: a repository, a change of one, fixes, and formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.fields import FIELDS
from tests.integration.assay.conftest import Terminal
from tests.integration.assay.git_repository import Repository

V1 = "---\nvariables: {ticket: {type: string}}\n---\nTicket: {{ ticket }}\n"
BASE = {
    "prompts/a/v1.jinja2": V1,
    "prompts/b/v1.jinja2": '{% include "partials/tone/v1" %}\n',
    "prompts/partials/tone/v1.jinja2": "Be kind.\n",
    "models.yaml": "models: {m: {served_id: m}}\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository.new(tmp_path / "repository", BASE)
    made.git("switch", "--quiet", "--create", "change")
    return made


def codes(assay: Terminal, folder: Path, *options: str) -> list[tuple[str, str]]:
    document = assay.run("lint", str(folder), "--json", *options).document
    assert list(document) == list(FIELDS["lint"])
    return [(one["path"], one["code"]) for one in document["findings"]]


def test_against_a_base_only_what_is_new_is_reported(
    assay: Terminal, repository: Repository
) -> None:
    assert codes(assay, repository.folder) == [("models.yaml", "unpinned_model")]
    assert codes(assay, repository.folder, "--base", "main") == []
    repository.commit({"prompts/a/v2.jinja2": V1.replace("{type: string}", "{}")})
    repository.write({"prompts/c/v1.jinja2": "{{ nothing }}\n"})  # not even added yet
    new = [
        ("prompts/a/v2.jinja2", "variable_without_type"),
        ("prompts/c/v1.jinja2", "undeclared_variable"),
    ]
    assert codes(assay, repository.folder, "--base", "main") == new
    everything = codes(assay, repository.folder, "--base", "main", "--all")
    assert everything == [("models.yaml", "unpinned_model"), *new]


def test_published_versions_are_compared_with_the_base(
    assay: Terminal, repository: Repository
) -> None:
    repository.write({"prompts/a/v1.jinja2": V1 + "!\n", "prompts/b/v1.jinja2": None})
    assert (
        codes(assay, repository.folder, "--base", "main")
        == [
            ("prompts/a/v1.jinja2", "version_edited"),
            ("prompts/b/v1.jinja2", "version_deleted"),
            ("prompts/partials/tone/v1.jinja2", "unreachable_partial"),
        ][:2]
    )
    ended = assay.run("lint", str(repository.folder), "--base", "main")
    assert ended.code == 1
    assert f"{repository.folder}/prompts/a/v1.jinja2:1:1: error version_edited: " in ended.out


def test_an_edited_partial_is_an_edit_of_all_that_include_it(
    assay: Terminal, repository: Repository
) -> None:
    repository.write({"prompts/partials/tone/v1.jinja2": "Be formal.\n"})
    assert codes(assay, repository.folder, "--base", "main") == [
        ("prompts/b/v1.jinja2", "version_edited")
    ]


def test_what_others_did_on_the_base_meanwhile_is_not_ours(
    assay: Terminal, repository: Repository
) -> None:
    repository.commit({"prompts/a/v2.jinja2": V1 + "More.\n"})
    repository.git("switch", "--quiet", "main")
    repository.commit({"prompts/z/v1.jinja2": "Z\n", "prompts/a/v2.jinja2": V1 + "Other.\n"})
    repository.git("switch", "--quiet", "change")
    assert codes(assay, repository.folder, "--base", "main") == []


def test_prompts_in_a_folder_of_a_larger_repository(assay: Terminal, tmp_path: Path) -> None:
    inside = {f"deep/prompts repo/{path}": text for path, text in BASE.items()}
    repository = Repository.new(tmp_path / "mono", inside)
    folder = repository.folder / "deep" / "prompts repo"
    repository.write(
        {
            "deep/prompts repo/prompts/partials/tone/v1.jinja2": "Be formal.\n",
            "prompts/elsewhere/v1.jinja2": "{{ not ours }}\n",
        }
    )
    assert codes(assay, folder, "--base", "main") == [("prompts/b/v1.jinja2", "version_edited")]


@pytest.mark.parametrize("revision", ["nowhere", "--output=x", "HEAD:prompts"])
def test_a_base_that_is_no_commit_says_what_a_ci_job_forgot(
    assay: Terminal, repository: Repository, revision: str
) -> None:
    ended = assay.run("lint", str(repository.folder), f"--base={revision}")
    assert ended.code == 2
    assert "fetch-depth: 0" in ended.err


def test_a_folder_without_git_has_no_base(assay: Terminal, tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    ended = assay.run("lint", str(tmp_path), "--base", "main")
    assert (ended.code, "not in a Git repository" in ended.err) == (2, True)


def test_fix_quotes_words_and_keeps_line_ends_and_byte_order_mark(
    assay: Terminal, repository: Repository
) -> None:
    suite = "\ufeffcases:\r\n- {id: a, variables: {}, expected: yes}\r\n"
    more = "- {id: b, variables: {}, expected: No} # why\r\nchecks: [{type: exact}]\r\n"
    repository.write({"suites/s.yaml": suite + more})
    document = assay.run("lint", str(repository.folder), "--fix", "--json").document
    assert document["fixed"] == 2
    assert "yaml_boolean" not in {one["code"] for one in document["findings"]}
    fixed = (repository.folder / "suites/s.yaml").read_bytes().decode()
    assert fixed == suite.replace("yes", '"yes"') + more.replace("No", '"No"')
    again = assay.run("lint", str(repository.folder), "--fix")
    assert "fixed" not in again.out


def test_formats_name_files_as_seen_from_where_the_command_runs(
    assay: Terminal, repository: Repository
) -> None:
    where = ("--format", "sarif")
    document = assay.run("lint", str(repository.folder), *where).document
    [result] = document["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == f"{repository.folder}/models.yaml"
    ended = assay.finish("lint", "--format", "gitlab", cwd=repository.folder)
    assert [one["location"]["path"] for one in json.loads(ended.out)] == ["models.yaml"]
    ended = assay.finish("lint", "--format", "github", cwd=repository.folder)
    assert ended.out.startswith("::warning file=models.yaml,line=1,")
    assert assay.run("lint", str(repository.folder), *where, "--json").code == 2
