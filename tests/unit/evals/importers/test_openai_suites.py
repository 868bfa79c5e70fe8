"""openai/evals and the Evals API: what their graders mean, and what cannot be had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evals.importers.errors import ImportRefusedError
from evals.importers.openai_api.formula import read_formula
from evals.importers.run import Imported, read_import

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12345\n"


def registry(folder: Path, class_name: str, samples: str, **args: Any) -> Imported:
    (folder / "evals").mkdir(parents=True)
    (folder / "data").mkdir()
    body = {
        "x": {"id": "x.v0"},
        "x.v0": {"class": class_name, "args": {"samples_jsonl": "s.jsonl", **args}},
    }
    (folder / "evals/x.yaml").write_text(json.dumps(body))
    (folder / "data/s.jsonl").write_text(samples)
    return read_import("openai-evals", folder / "evals/x.yaml")


def rows(found: Imported, name: str = "x") -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in found.files[f"datasets/{name}.jsonl"].decode().splitlines()
    ]


def sample(ideal: Any, text: str = "q") -> str:
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": text}]
    return json.dumps({"input": messages, "ideal": ideal}) + "\n"


@pytest.mark.parametrize(
    ("class_name", "ideal", "check"),
    [
        ("basic.match:Match", "a", {"type": "starts_with", "value": "a"}),
        ("basic.includes:Includes", "a", {"type": "contains", "value": "a"}),
        (
            "basic.fuzzy_match:FuzzyMatch",
            "a",
            {"type": "contains", "value": "a", "ignore_case": True},
        ),
        ("basic.json_match:JsonMatch", '{"a": 1}', {"type": "json", "schema": {"const": {"a": 1}}}),
    ],
)
def test_each_matcher_is_its_own_check(
    tmp_path: Path, class_name: str, ideal: str, check: dict[str, Any]
) -> None:
    found = registry(tmp_path, f"evals.elsuite.{class_name}", sample(ideal))
    assert rows(found)[0]["checks"] == [check]


def test_any_of_several_ideals_will_do(tmp_path: Path) -> None:
    found = registry(tmp_path, "evals.elsuite.basic.match:Match", sample(["a", "b", "a"]))
    (check,) = rows(found)[0]["checks"]
    assert check["type"] == "any"
    assert [inner["value"] for inner in check["checks"]] == ["a", "b"]


def test_what_all_samples_begin_with_is_the_prompt(tmp_path: Path) -> None:
    samples = sample("a", "one") + sample("b", "two")
    found = registry(tmp_path, "evals.elsuite.basic.match:Match", samples)
    body = found.files["prompts/x/v1.jinja2"].decode()
    assert '{% chat role="system" %}\nS\n' in body
    assert [row["variables"] for row in rows(found)] == [{"input": "one"}, {"input": "two"}]


def test_a_class_of_the_same_name_elsewhere_is_code(tmp_path: Path) -> None:
    found = registry(tmp_path, "my.module:Match", sample("a"))
    assert found.outcome.suites == ()
    assert any("Python code" in item.detail for item in found.lost())


def test_a_pointer_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ImportRefusedError, match=r"Git LFS pointer to 12,345 bytes"):
        registry(tmp_path, "evals.elsuite.basic.match:Match", POINTER)


def test_a_registry_of_pointers_says_so_first_and_not_what_is_first_in_it(tmp_path: Path) -> None:
    for folder in ("evals", "data", "completion_fns"):
        (tmp_path / folder).mkdir()
    for number in range(4):
        how = {f"solver-{number}": {"class": "solvers.solver:Solver"}}
        (tmp_path / f"completion_fns/{number}.yaml").write_text(json.dumps(how))
    for number in range(9):
        args = {"samples_jsonl": f"{number}.jsonl"}
        one = {"class": "evals.elsuite.basic.match:Match", "args": args}
        (tmp_path / f"evals/{number}.yaml").write_text(json.dumps({f"e{number}": one}))
        (tmp_path / f"data/{number}.jsonl").write_text(POINTER)
    with pytest.raises(ImportRefusedError) as refused:
        read_import("openai-evals", tmp_path)
    first, *_, last = refused.value.message.partition(": ")[2].split("; ")
    assert "Git LFS pointer" in first
    assert last == "and 10 more"


def test_a_pointer_in_place_of_an_export_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "eval.json").write_text(POINTER)
    with pytest.raises(Exception, match="Git LFS pointer"):
        read_import("openai-api", tmp_path / "eval.json")


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("a", {"a": 1}),
        ("0.5 * a + 0.5 * b", {"a": 0.5, "b": 0.5}),
        ("(a + b) / 2", {"a": 0.5, "b": 0.5}),
        ("a*3 + b/4", {"a": 3, "b": 0.25}),
        ("min(a, b)", {"a": 1, "b": 1}),
    ],
)
def test_sums_and_extremes_are_understood(text: str, weights: dict[str, float]) -> None:
    formula = read_formula(text, {"a", "b"})
    assert formula is not None
    assert formula.weights == weights


@pytest.mark.parametrize("text", ["", "a - b", "a * b", "c", "a + a", "a / 0", "__import__('os')"])
def test_other_formulas_are_not_guessed(text: str) -> None:
    assert read_formula(text, {"a", "b"}) is None


def test_an_eval_without_a_run_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "eval.json").write_text('{"id": "e", "testing_criteria": []}')
    with pytest.raises(ImportRefusedError, match="holds no run"):
        read_import("openai-api", tmp_path / "eval.json")
