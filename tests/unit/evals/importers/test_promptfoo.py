"""promptfoo's own rules, trap by trap."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from evals.importers.errors import ImportRefusedError, SourceMissingError
from evals.importers.run import Imported, read_import


def imported(folder: Path, config: str, judge: str = "", **files: str) -> Imported:
    for path, text in {"promptfooconfig.yaml": config, **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return read_import("promptfoo", folder, "s", judge)


def rows(found: Imported, path: str = "datasets/s.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in found.files[path].decode().splitlines()]


def suite(found: Imported) -> dict[str, Any]:
    return dict(YAML(typ="safe").load(found.files["suites/s.yaml"].decode()))


def lost(found: Imported) -> dict[str, str]:
    return {item.what: item.detail for item in found.lost()}


def one_test(assertions: str, test: str = "vars: {q: hi}") -> str:
    return f"prompts: ['{{{{q}}}}']\ntests:\n  - {test}\n    assert:\n{assertions}"


def test_yes_is_a_text_in_yaml_1_2(tmp_path: Path) -> None:
    found = imported(tmp_path, one_test("      - {type: equals, value: Yes}", "vars: {q: No}"))
    (row,) = rows(found)
    assert row["variables"] == {"q": "No"}
    assert row["checks"] == [{"type": "exact", "value": "Yes"}]


@pytest.mark.parametrize(
    ("written", "text"), [("1.0", "1"), ("true", "true"), ("0.1", "0.1"), ("1e21", "1e+21")]
)
def test_values_are_compared_as_javascript_prints_them(
    tmp_path: Path, written: str, text: str
) -> None:
    found = imported(tmp_path, one_test(f"      - {{type: equals, value: {written}}}"))
    assert rows(found)[0]["checks"] == [{"type": "exact", "value": text}]


def test_a_threshold_of_zero_is_ignored(tmp_path: Path) -> None:
    config = """
prompts: [x]
defaultTest: {threshold: 0.5}
tests:
  - {threshold: 0, assert: [{type: contains, value: a}]}
  - {assert: [{type: contains, value: a}]}
"""
    first, second = rows(imported(tmp_path, config))
    assert "threshold" not in first
    assert second["threshold"] == 0.5


def test_lists_of_texts_multiply_and_other_lists_do_not(tmp_path: Path) -> None:
    config = """
prompts: ["{{a}} {{b}} {{c}}"]
tests:
  - vars: {a: [x, y], b: [1, 2], c: [p, q, r]}
    assert: [{type: contains, value: "{{a}}{{c}}"}]
"""
    found = rows(imported(tmp_path, config))
    assert [row["checks"][0]["value"] for row in found] == ["xp", "xq", "xr", "yp", "yq", "yr"]
    assert {row["variables"]["b"] for row in found} == {"1,2"}


def test_default_assertions_come_first_and_shared_ones_belong_to_the_suite(tmp_path: Path) -> None:
    config = """
prompts: ["{{q}}"]
defaultTest:
  assert: [{type: contains, value: shared}, {type: contains, value: "{{q}}"}]
tests:
  - {vars: {q: one}, assert: [{type: contains, value: own}]}
"""
    found = imported(tmp_path, config)
    assert suite(found)["checks"] == [{"type": "contains", "value": "shared"}]
    assert [check["value"] for check in rows(found)[0]["checks"]] == ["one", "own"]


def test_a_scenarios_config_loses_its_options_as_in_promptfoo(tmp_path: Path) -> None:
    config = """
prompts: ["{{q}}"]
scenarios:
  - config: [{vars: {q: a}, options: {prefix: P}}, {vars: {q: b}}]
    tests: [{assert: [{type: contains, value: x}]}, {assert: [{type: contains, value: y}]}]
"""
    found = imported(tmp_path, config)
    asked = [(row["variables"]["q"], row["checks"][0]["value"]) for row in rows(found)]
    assert asked == [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    assert any("drops `options`" in detail for detail in lost(found).values())


def test_csv_without_a_number_is_refused_where_the_default_means_nothing(tmp_path: Path) -> None:
    table = "q,__expected,__expected2\na,latency,contains:x\nb,latency(250),similar:y\n"
    config = "prompts: ['{{q}}']\ntests: t.csv\n"
    found = imported(tmp_path, config, **{"t.csv": table})
    first, second = rows(found)
    assert first["checks"] == [{"type": "contains", "value": "x"}]
    assert second["checks"][0] == {"type": "latency", "max_ms": 250}
    assert second["checks"][1]["threshold"] == 0.8
    assert "0.75" in lost(found)["__expected: latency"]


@pytest.mark.parametrize(
    ("cell", "check"),
    [
        ("plain text: with colon", {"type": "exact", "value": "plain text: with colon"}),
        ("not-contains:x", {"type": "contains", "value": "x", "not": True}),
        ("contains-all: a , b", {"type": "all"}),
        ("levenshtein(2):abc", {"type": "levenshtein", "value": "abc", "max_distance": 2}),
        ("containsx", {"type": "exact", "value": "containsx"}),
        ("is-json", {"type": "json"}),
        ("regex:^a", {"type": "regex", "pattern": "^a"}),
    ],
)
def test_the_cells_of_csv_have_a_grammar(tmp_path: Path, cell: str, check: dict[str, Any]) -> None:
    table = f'q,__expected\na,"{cell}"\n'
    found = imported(tmp_path, "prompts: ['{{q}}']\ntests: t.csv\n", **{"t.csv": table})
    (made,) = rows(found)[0]["checks"]
    assert {key: made[key] for key in check} == check


@pytest.mark.parametrize(
    "reference",
    ["file:///etc/passwd", "file://../secret.csv", "../../secret.csv", "~/secret.csv", "C:/x.csv"],
)
def test_nothing_outside_the_folder_is_read(tmp_path: Path, reference: str) -> None:
    (tmp_path / "secret.csv").write_text("q,__expected\nSECRET,x\n")
    folder = tmp_path / "inner"
    config = one_test("      - {type: contains, value: x}") + f"\n  - {reference}\n"
    found = imported(folder, config)
    assert "outside the folder" in lost(found)[reference]
    assert not any(b"SECRET" in data for data in found.files.values())


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("q,__expected\nSECRET,x\n")
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "up").symlink_to(tmp_path)
    config = one_test("      - {type: contains, value: x}") + "\n  - link.csv\n  - up/secret.csv\n"
    found = imported(folder, config)
    assert all("symbolic link" in lost(found)[name] for name in ("link.csv", "up/secret.csv"))


def test_programs_are_listed_and_never_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    code = f"open({str(ran)!r}, 'w').close()"
    config = f"""
prompts: [file://gen.py, "{{{{q}}}}"]
providers: [file://gen.py, "exec:touch {ran}", "python:gen.py"]
extensions: [file://gen.py:hook]
tests:
  - file://gen.py:tests
  - vars: {{q: file://gen.py}}
    assert:
      - {{type: contains, value: x}}
      - {{type: python, value: "{code}"}}
      - {{type: contains, value: file://gen.py}}
      - {{type: javascript, value: "require('fs').writeFileSync('{ran}', '')"}}
"""
    found = imported(tmp_path / "in", config, **{"gen.py": code})
    assert not ran.exists()
    assert len(lost(found)) >= 8


def test_a_judge_is_only_made_when_somebody_names_one(tmp_path: Path) -> None:
    config = one_test(
        "      - {type: llm-rubric, value: Is kind}\n      - {type: contains, value: x}"
    )
    without = imported(tmp_path, config)
    assert "names no model" in lost(without)["llm-rubric: Is kind"]
    named = imported(tmp_path, config, judge="gpt-4.1")
    assert suite(named)["judges"]["criterion"]["model"] == "gpt-4.1"
    assert rows(named)[0]["expected"] == "Is kind"


def test_keys_are_never_copied(tmp_path: Path) -> None:
    config = """
prompts: [x]
providers: [{id: openai:gpt-4.1, config: {apiKey: sk-secret, headers: {Authorization: sk-secret}}}]
tests: [{assert: [{type: contains, value: x}]}]
"""
    found = imported(tmp_path, config)
    assert not any(b"sk-secret" in data for data in found.files.values())
    assert len([what for what in lost(found) if "apiKey" in what or "headers" in what]) == 2


def test_a_test_that_nothing_checks_is_kept_but_not_in_the_suite(tmp_path: Path) -> None:
    config = """
prompts: ["{{q}}"]
tests: [{vars: {q: a}}, {vars: {q: b}, assert: [{type: contains, value: x}]}]
"""
    found = imported(tmp_path, config)
    assert [row["variables"]["q"] for row in rows(found)] == ["b"]
    unchecked = rows(found, "datasets/s-unchecked.jsonl")
    assert [row["variables"]["q"] for row in unchecked] == ["a"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("a: [", "promptfooconfig.yaml:1"),
        ("just: text", "not a promptfoo configuration"),
        ("- a\n- b", "not a promptfoo configuration"),
        ("prompts: &a [*a]", "promptfooconfig.yaml:1"),
        ("prompts: {$ref: '#/tests'}\ntests: {$ref: '#/prompts'}", "circle"),
    ],
)
def test_what_cannot_be_imported_at_all_is_one_error(
    tmp_path: Path, config: str, message: str
) -> None:
    with pytest.raises(ImportRefusedError, match=message):
        imported(tmp_path, config)


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(ImportRefusedError, match="too many values"):
        imported(tmp_path, "\n".join([*levels, "prompts: [x]"]))


def test_a_reference_bomb_is_refused(tmp_path: Path) -> None:
    levels = ["prompts: [x]", "r0: [x, x, x, x, x, x, x, x, x]"]
    levels += [
        f"r{n}: [{', '.join(['{$ref: ' + repr(f'#/r{n - 1}') + '}'] * 9)}]" for n in range(1, 9)
    ]
    with pytest.raises(ImportRefusedError, match="too large"):
        imported(tmp_path, "\n".join(levels))


def test_a_configuration_that_is_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "promptfooconfig.js").write_text("process.exit(1)")
    with pytest.raises(ImportRefusedError, match="never run"):
        read_import("promptfoo", tmp_path)
    with pytest.raises(SourceMissingError):
        read_import("promptfoo", tmp_path / "nowhere")


def test_prefix_and_suffix_stand_around_the_prompt(tmp_path: Path) -> None:
    config = one_test(
        "      - {type: contains, value: x}",
        "vars: {q: hi}\n    options: {prefix: 'Dear {{q}}: ', suffix: '!'}",
    )
    found = imported(tmp_path, config)
    assert rows(found)[0]["variables"] == {
        "q": "hi",
        "prompt_prefix": "Dear hi: ",
        "prompt_suffix": "!",
    }
    body = found.files["prompts/s/v1.jinja2"].decode().rpartition("---\n")[2]
    assert body == "{{ prompt_prefix }}{{q}}{{ prompt_suffix }}"


def test_a_long_report_tells_alike_items_together(tmp_path: Path) -> None:
    table = "q,__expected\n" + "x,contains:y\n" * 1500
    found = imported(tmp_path, "prompts: ['{{q}}']\ntests: t.csv\n", **{"t.csv": table})
    report = json.loads(found.files["fidelity.json"])
    assert len(report["items"]) < 10
    assert report["summary"]["mapped"] > 3000
    tests = next(item for item in report["items"] if item["kind"] == "test")
    assert (tests["count"], tests["lines"]) == (1500, "2–1501")
    assert "t.csv:2–1501" in found.files["fidelity.md"].decode()


def test_assertions_may_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    config = "prompts: ['{{q}}']\ntests: [{vars: {q: x}, assert: file://checks.yaml}]\n"
    checks = "- {type: contains, value: '{{q}}'}\n- {type: nonsense}\n"
    found = imported(tmp_path, config, **{"checks.yaml": checks})
    assert rows(found)[0]["checks"] == [{"type": "contains", "value": "x"}]
    (item,) = found.lost()
    assert (item.path, item.line) == ("checks.yaml", 2)


def test_scenarios_may_stand_in_several_files(tmp_path: Path) -> None:
    config = "prompts: ['{{q}} {{w}}']\nscenarios: file://scenarios/*.yaml\n"
    one = "- config: [{vars: {q: a}}]\n  tests: [{assert: [{type: contains, value: x}]}]\n"
    two = "config: file://more.yaml\ntests: [{assert: [{type: contains, value: y}]}]\n"
    files = {"scenarios/1.yaml": one, "scenarios/2.yaml": two, "more.yaml": "- vars: {q: b}\n"}
    found = imported(tmp_path, config, **files)
    asked = [(row["variables"]["q"], row["checks"][0]["value"]) for row in rows(found)]
    assert asked == [("a", "x"), ("b", "y")]
    place = tmp_path / "promptfooconfig.yaml"
    assert rows(read_import("promptfoo", place, "s", "", tmp_path.parent)) == rows(found)
    nothing = imported(
        tmp_path, config.replace("scenarios/*", "none/*") + "tests: [{vars: {q: 1}}]"
    )
    assert lost(nothing)["file://none/*.yaml"] == "no file matches"
