"""What is mapped means the same: scripted answers get the verdicts that the source tools document.

Nothing of those tools runs here; the verdicts in the tables are what their sources say.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evals.importers.run import Imported, read_import
from tests.unit.evals.importers.verdicts import verdict

Answers = tuple[list[str], list[str]]


def promptfoo(folder: Path, assertions: str, test: str = "") -> Imported:
    config = f"""
prompts: ["{{{{q}}}}"]
tests:
  - vars: {{q: hi, name: Ada, o: {{k: [1, 2]}}}}
    {test}
    assert: {assertions}
"""
    (folder / "promptfooconfig.yaml").write_text(config)
    return read_import("promptfoo", folder, "s")


#: (assertions, what passes, what fails).
PROMPTFOO: list[tuple[str, Answers]] = [
    ("[{type: equals, value: yes}]", (["yes"], ["Yes", "yes ", "yes."])),
    ("[{type: equals, value: 1.0}]", (["1"], ["1.0"])),
    (
        "[{type: equals, value: {a: [1, 2]}}]",
        (['{"a":[1,2]}', '{ "a": [1, 2.0] }'], ['{"a":[2,1]}', "x"]),
    ),
    ("[{type: not-equals, value: a}]", (["b", "A"], ["a"])),
    ("[{type: contains, value: 'Hello {{name}}'}]", (["Oh, Hello Ada!"], ["hello Ada"])),
    ("[{type: contains, value: '{{ o.k[1] }}'}]", (["2"], ["1"])),
    ("[{type: icontains, value: ADA}]", (["ada"], ["ad"])),
    ("[{type: not-icontains, value: ADA}]", (["ad"], ["Ada"])),
    ("[{type: contains-any, value: [a, 1]}]", (["xa", "1"], ["b"])),
    ("[{type: contains-any, value: '\"a, b\", c'}]", (["a, b", "c"], ["a", "b"])),
    ("[{type: contains-all, value: 'a, b'}]", (["b a"], ["a"])),
    ("[{type: not-contains-all, value: [a, b]}]", (["a", ""], ["ab"])),
    ("[{type: not-contains-any, value: [a, b]}]", (["c"], ["a"])),
    ("[{type: icontains-all, value: [A, B]}]", (["ab"], ["a"])),
    ("[{type: starts-with, value: Dear}]", (["Dear Ada"], [" Dear", "dear"])),
    (r"[{type: regex, value: '^\d{2}$'}]", (["12"], ["123", "12\n"])),
    ("[{type: regex, value: 'b.d'}]", (["xbxdx"], ["b\nd"])),
    ("[{type: is-json}]", (["1", '{"a":1}', " [] "], ["{a:1}", '```json\n{"a":1}\n```'])),
    ("[{type: not-is-json}]", (["x"], ["{}"])),
    (
        "[{type: is-json, value: {required: [a], properties: {a: {type: integer}}}}]",
        (['{"a": 1}', "3"], ['{"a": "1"}', "{}"]),
    ),
    ('[{type: is-json, value: \'{"type": "array"}\'}]', (["[]"], ["{}"])),
    ("[{type: levenshtein, value: kitten, threshold: 3}]", (["sitting"], ["sittings!"])),
    ("[{type: levenshtein, value: abc}]", (["abcdefgh"], ["abcdefghi"])),
    ("[{type: word-count, value: 3}]", (["a b c", " a  b\nc "], ["a b", "a b c d"])),
    ("[{type: word-count, value: {min: 2, max: 3}}]", (["a b"], ["a", "a b c d"])),
    ("[{type: not-word-count, value: {max: 2}}]", (["a b c"], ["a b"])),
    ("[{type: equals, value: a, transform: output.trim()}]", ([" a\n"], ["A"])),
    ("[{type: contains, value: a, transform: output.toLowerCase()}]", (["A"], ["b"])),
    (
        "[{type: equals, value: 5, transform: JSON.parse(output).n}]",
        (['{"n": 5}'], ['{"n": 6}', "5"]),
    ),
    ("[{type: contains, value: a, weight: 0}, {type: contains, value: b}]", (["b"], ["a"])),
    ("[{type: contains, value: a, metricOnly: true}, {type: contains, value: b}]", (["b"], ["a"])),
    (
        (
            "[{type: assert-set, threshold: 0.5, assert: [{type: contains, value: a},"
            " {type: contains, value: b}]}]"
        ),
        (["a", "b", "ab"], ["c"]),
    ),
    (
        "[{type: assert-set, assert: [{type: contains, value: a}, {type: contains, value: b}]}]",
        (["ab"], ["a", "b"]),
    ),
    (
        (
            "[{type: assert-set, threshold: 0.6, assert: [{type: contains, value: a, weight: 2},"
            " {type: contains, value: b}]}]"
        ),
        (["a"], ["b"]),
    ),
]


@pytest.mark.parametrize(("assertions", "answers"), PROMPTFOO)
def test_an_assertion_of_promptfoo(tmp_path: Path, assertions: str, answers: Answers) -> None:
    imported = promptfoo(tmp_path, assertions)
    assert [text for text in answers[0] if not verdict(imported, text)] == []
    assert [text for text in answers[1] if verdict(imported, text)] == []


def test_a_tests_threshold_overrules_its_assertions(tmp_path: Path) -> None:
    assertions = "[{type: contains, value: a, weight: 3}, {type: contains, value: b}]"
    imported = promptfoo(tmp_path, assertions, "threshold: 0.75")
    assert verdict(imported, "a")
    assert not verdict(imported, "b")
    strict = promptfoo(tmp_path, assertions)
    assert not verdict(strict, "a")
    assert verdict(strict, "ab")


def test_time_is_judged_by_its_threshold(tmp_path: Path) -> None:
    imported = promptfoo(tmp_path, "[{type: latency, threshold: 100}]")
    assert verdict(imported, "x", took_ms=100)
    assert not verdict(imported, "x", took_ms=101)


@pytest.mark.parametrize(
    ("class_name", "ideal", "answers"),
    [
        ("basic.match:Match", "Paris", (["Paris", "Paris, France"], ["paris", "In Paris"])),
        ("basic.match:Match", ["4", "four"], (["4.", "four"], ["= 4"])),
        ("basic.includes:Includes", ["a b", "c"], (["x a b", "c"], ["A B", "ab"])),
        ("basic.json_match:JsonMatch", '{"a": 1}', (['{"a":1}'], ['{"a":2}', "x"])),
        ("basic.json_match:JsonMatch", ["[1]", "null"], (["[1]", "null"], ["[2]", "0"])),
        ("basic.json_validator:JsonValidator", None, (["1", "{}"], ["{", ""])),
    ],
)
def test_a_class_of_openai_evals(
    tmp_path: Path, class_name: str, ideal: Any, answers: Answers
) -> None:
    body = {"x": {"class": f"evals.elsuite.{class_name}", "args": {"samples_jsonl": "s.jsonl"}}}
    row = {"input": [{"role": "user", "content": "q"}], "ideal": ideal}
    (tmp_path / "evals").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "evals/x.yaml").write_text(json.dumps(body))
    (tmp_path / "data/s.jsonl").write_text(json.dumps(row))
    imported = read_import("openai-evals", tmp_path, "s")
    assert [text for text in answers[0] if not verdict(imported, text)] == []
    assert [text for text in answers[1] if verdict(imported, text)] == []


def check(
    operation: str, reference: str, given: str = "{{ sample.output_text }}"
) -> dict[str, Any]:
    return {
        "type": "string_check", "name": "c", "operation": operation,
        "input": given, "reference": reference,
    }  # fmt: skip


def multi(output: str, threshold: float | None, graders: Any = None) -> dict[str, Any]:
    both = {"a": check("like", "one"), "b": check("ilike", "TWO")}
    limit = {} if threshold is None else {"pass_threshold": threshold}
    return {
        "type": "multi",
        "name": "m",
        "graders": graders or both,
        "calculate_output": output,
    } | limit


FIELD = "{{ sample.output_json.items[0].n }}"
ONE = [{**check("like", "one"), "name": "only"}]

#: (criterion, what passes, what fails); the item is {label: Work, n: 2, yes: true, o: {k: v}}.
EVALS_API: list[tuple[dict[str, Any], Answers]] = [
    (check("eq", "{{ item.label }}"), (["Work"], ["work", "Work "])),
    (check("ne", "{{ item.label }}"), (["work"], ["Work"])),
    (check("like", "{{item.label}}"), (["at Work"], ["at work"])),
    (check("ilike", "{{item.label}}"), (["at work"], ["wor"])),
    (check("eq", "{{sample.output_text}}", "{{item.o.k}}"), (["v"], ["w"])),
    (
        check("eq", "{{item.n}}", FIELD),
        (['{"items":[{"n":2}]}', '{"items":[{"n":"2"}]}'], ['{"items":[]}', "2"]),
    ),
    (
        check("eq", "{{item.yes}}", "{{sample.output_json.a.b}}"),
        (['{"a":{"b":true}}'], ['{"a":{"b":false}}', '{"a":1}']),
    ),
    (multi("0.7 * a + 0.3 * b", 0.6), (["one"], ["two"])),
    (multi("(a + b) / 2", 1), (["one two"], ["one", "two"])),
    (multi("min(a, b)", None), (["one two"], ["one"])),
    (multi("min(a, b)", 0.5), (["one two"], ["one", "two"])),
    (multi("max(a, b)", 0.5), (["one", "two"], ["three"])),
    (multi("only", 1, ONE), (["one"], ["two"])),
    (multi("only", 1, ONE[0]), (["one"], ["two"])),
]


@pytest.mark.parametrize(("criterion", "answers"), EVALS_API)
def test_a_grader_of_the_evals_api(
    tmp_path: Path, criterion: dict[str, Any], answers: Answers
) -> None:
    item = {"label": "Work", "n": 2, "yes": True, "o": {"k": "v"}}
    source = {"type": "file_content", "content": [{"item": item}]}
    messages = {"type": "template", "template": [{"role": "user", "content": "{{item.n}}"}]}
    run = {
        "id": "r",
        "data_source": {"type": "completions", "source": source, "input_messages": messages},
    }
    body = {"id": "e", "name": "e", "testing_criteria": [criterion], "runs": [run]}
    (tmp_path / "e.json").write_text(json.dumps(body))
    imported = read_import("openai-api", tmp_path / "e.json", "s")
    assert [text for text in answers[0] if not verdict(imported, text)] == []
    assert [text for text in answers[1] if verdict(imported, text)] == []
