"""`assay import …` as people and scripts see it."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from assay import exit_codes
from assay.main import app
from tests.unit.evals.importers.sample_suites import SAMPLES

MATCHERS = str(SAMPLES / "promptfoo/01-matchers")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["import", *arguments])


def test_it_writes_a_repository_that_lint_accepts(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("promptfoo", MATCHERS, "--out", str(out), "--name", "matchers")
    assert result.exit_code == exit_codes.PASS
    assert "items mapped" in result.stdout
    assert "not mapped: promptfooconfig.yaml:" in result.stdout
    assert "fidelity.md" in result.stderr
    assert (out / "suites/matchers.yaml").is_file()
    assert (out / "prompts/matchers/v1.jinja2").is_file()
    linted = CliRunner().invoke(app, ["lint", str(out)])
    assert linted.exit_code == exit_codes.PASS


def test_json_names_every_item_that_is_not_the_same(tmp_path: Path) -> None:
    result = run("promptfoo", MATCHERS, "--out", str(tmp_path / "out"), "--json")
    told = json.loads(result.stdout)
    assert told["suites"] == ["01-matchers"]
    assert len(told["items"]) == told["mapped_with_difference"] + told["not_mapped"]
    assert all(item["detail"] for item in told["items"])


def test_a_second_import_does_not_overwrite_the_first(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    run("promptfoo", MATCHERS, "--out", out)
    again = run("promptfoo", MATCHERS, "--out", out)
    assert again.exit_code == exit_codes.USAGE
    assert again.stderr.startswith("error: ")
    assert "--force" in again.stderr
    assert len(again.stderr.splitlines()) == 1
    assert run("promptfoo", MATCHERS, "--out", out, "--force").exit_code == exit_codes.PASS


def test_a_failed_import_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "promptfooconfig.yaml").write_text("prompts: [")
    out = tmp_path / "out"
    result = run("promptfoo", str(tmp_path), "--out", str(out))
    assert result.exit_code == exit_codes.USAGE
    assert "promptfooconfig.yaml:1" in result.stderr
    assert not out.exists()


def test_names_and_tools_that_do_not_exist_are_usage_errors(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    assert run("promptfoo", MATCHERS, "--out", out, "--name", "No/Name").exit_code == 2
    assert run("other-tool", MATCHERS, "--out", out).exit_code == 2
    assert run("promptfoo", str(tmp_path / "nowhere"), "--out", out).exit_code == 2
    assert not Path(out).exists()


def test_where_nothing_checks_anything_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "promptfooconfig.yaml").write_text("prompts: ['{{q}}']\ntests: [{vars: {q: x}}]")
    result = run("promptfoo", str(tmp_path), "--out", str(tmp_path / "out"))
    assert result.exit_code == exit_codes.PASS
    assert "no suite was written" in result.stderr


def test_a_wider_folder_is_read_when_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "repo/evals").mkdir(parents=True)
    (tmp_path / "repo/prompts").mkdir()
    (tmp_path / "secret.txt").write_text("SECRET {{q}}")
    (tmp_path / "repo/prompts/ask.txt").write_text("Please answer {{q}}")
    config = tmp_path / "repo/evals/promptfooconfig.yaml"
    config.write_text(
        "prompts: [file://../prompts/ask.txt, file://../../secret.txt]\n"
        "tests: [{vars: {q: x}, assert: [{type: contains, value: x}]}]\n"
    )
    narrow, wide = tmp_path / "narrow", tmp_path / "wide"
    told = run("promptfoo", str(config), "--out", str(narrow))
    assert "outside the folder" in told.stdout
    assert not (narrow / "prompts").exists()
    told = run("promptfoo", str(config), "--out", str(wide), "--root", str(tmp_path / "repo"))
    assert told.exit_code == exit_codes.PASS
    (version,) = (wide / "prompts").rglob("v*.jinja2")
    assert "Please answer" in version.read_text()
    assert not any("SECRET" in path.read_text() for path in wide.rglob("*") if path.is_file())


def test_a_root_that_does_not_hold_the_source_is_an_error(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    told = run("promptfoo", MATCHERS, "--out", out, "--root", str(tmp_path))
    assert told.exit_code == exit_codes.USAGE
    assert "not inside" in told.stderr
    root = str(SAMPLES / "promptfoo")
    told = run("promptfoo", MATCHERS, "--out", out, "--root", root)
    assert told.exit_code == exit_codes.USAGE
    assert "--root" in told.stderr
    assert not Path(out).exists()


def test_a_configuration_somewhere_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals/promptfooconfig.yaml").write_text("prompts: [x]")
    told = run("promptfoo", str(tmp_path), "--out", str(tmp_path / "out"))
    assert told.exit_code == exit_codes.USAGE
    assert "evals/promptfooconfig.yaml" in told.stderr
