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
