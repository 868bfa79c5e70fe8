"""Whatever a file holds: an import makes files that load, or says in one error why not."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.errors import AssayError
from evals.importers.errors import UnreadableError
from evals.importers.expansion import Expander
from evals.importers.interpolation import UnfilledError, fill
from evals.importers.javascript import translate_pattern
from evals.importers.loading import json_lines
from evals.importers.nodes import Node
from evals.importers.nunjucks import convert
from evals.importers.promptfoo.csv_rows import cell_assertion, split_list
from evals.importers.promptfoo.types import BASE_TYPES
from evals.importers.run import read_import, write_import
from evals.importers.sources import SourceFolder, inside

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        [
            "", "x", "{{q}}", "{{ env.X }}", "{% if", "file://a.csv", "file://../../etc/passwd",
            "file://*", "/etc/passwd", "a\x00b", "\ud800", "é", "a" * 300, "../x", "x.py", "---",
            "#/tests", "{{ item.x }}", "{{ sample.output_text }}", "[", "{\"a\": 1}", "0.5",
        ]
    ),
    st.text(max_size=8),
)  # fmt: skip
PROMPTFOO_WORDS = (
    "prompts providers tests scenarios config defaultTest vars assert type value threshold weight "
    "metric options prefix transform provider metadata description $ref << id label raw "
    "assertionTemplates evaluateOptions repeat path rubricPrompt disableVarExpansion"
).split()
EVALS_WORDS = (
    "id class args samples_jsonl metrics num_few_shot few_shot_jsonl modelgraded_spec input ideal "
    "role content name prompt choice_strings choice_scores"
).split()
API_WORDS = (
    "has_more datasource_item eval_id "
    "eval evals run runs data id name testing_criteria data_source source content item sample type "
    "input reference operation evaluation_metric pass_threshold graders calculate_output labels "
    "passing_labels model range input_messages template role sampling_params item_reference"
).split()
TYPES = [*sorted(BASE_TYPES), "assert-set", "not-equals", "not-llm-rubric", "nonsense"]


def documents(words: list[str]) -> st.SearchStrategy[Any]:
    leaf = st.one_of(SCALARS, st.sampled_from(TYPES), st.sampled_from(words))
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(st.sampled_from(words), inner, max_size=6),
        ),
        max_leaves=25,
    )


def assertions() -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"type": st.sampled_from(TYPES)},
        optional={
            "value": documents(PROMPTFOO_WORDS),
            "threshold": SCALARS,
            "weight": st.one_of(SCALARS, st.sampled_from([0, 0.5, 2])),
            "metricOnly": st.booleans(),
            "metric": SCALARS,
            "transform": st.sampled_from(["output.trim()", "JSON.parse(output).a", "x", 3]),
            "assert": st.lists(st.fixed_dictionaries({"type": st.sampled_from(TYPES)}), max_size=2),
        },
    )


def configurations() -> st.SearchStrategy[Any]:
    tests = st.fixed_dictionaries(
        {},
        optional={
            "vars": st.dictionaries(st.sampled_from(["q", "a b", "_x", "if"]), documents(["k"])),
            "assert": st.lists(assertions(), max_size=4),
            "options": st.dictionaries(st.sampled_from(PROMPTFOO_WORDS), SCALARS, max_size=3),
            "threshold": SCALARS,
            "metadata": documents(["m"]),
            "description": SCALARS,
        },
    )
    shaped = st.fixed_dictionaries(
        {"prompts": st.lists(documents(["role", "content"]), max_size=3)},
        optional={
            "tests": st.lists(st.one_of(tests, SCALARS), max_size=3),
            "defaultTest": tests,
            "scenarios": documents(PROMPTFOO_WORDS),
            "providers": documents(
                ["id", "config", "temperature", "apiBaseUrl", "label", "transform"]
            ),
        },
    )
    return st.one_of(shaped, documents(PROMPTFOO_WORDS))


def check_import(tool: str, files: dict[str, bytes], source: str, judge: str = "") -> None:
    """The import ends in files inside its folder or in a typed error, never in anything else."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        inner = root / "in"
        for path, data in files.items():
            (inner / path).parent.mkdir(parents=True, exist_ok=True)
            (inner / path).write_bytes(data)
        out = root / "out"
        refusal = refused(tool, inner / source, out, judge)
        if refusal is not None:
            assert refusal.message
            assert "would not load" not in refusal.message
            assert [path.name for path in root.iterdir()] == ["in"]
            return
        assert sorted(path.name for path in root.iterdir()) == ["in", "out"]
        assert any(path.name == "fidelity.json" for path in out.iterdir())


def refused(tool: str, source: Path, out: Path, judge: str) -> AssayError | None:
    """Import and write; the typed error, or None after all files were written."""
    try:
        imported = read_import(tool, source, "fuzzed", judge)
        write_import(imported, out)
    except AssayError as error:
        return error
    found = (path for path in out.rglob("*") if path.is_file())
    assert {path.relative_to(out).as_posix() for path in found} == imported.files.keys()
    return None


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@settings(max_examples=250, deadline=None)
@given(configurations(), st.sampled_from(["", "gpt-4.1"]))
@example({"prompts": [], "tests": [{"metadata": {"m": []}}]}, "")
def test_any_promptfoo_configuration(config: Any, judge: str) -> None:
    files = {"promptfooconfig.json": dumped(config), "a.csv": b"q,__expected\nx,contains:y\n"}
    check_import("promptfoo", files, "promptfooconfig.json", judge)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_as_a_configuration(text: str) -> None:
    data = ("prompts: [x]\ntests:\n  " + text).encode("utf-8", "surrogatepass")
    check_import("promptfoo", {"promptfooconfig.yaml": data}, "")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["csv", "jsonl", "yaml", "json", "txt"]))
def test_any_bytes_as_a_file_that_is_referred_to(data: bytes, extension: str) -> None:
    config = f"prompts: [file://a.{extension}, x]\ntests: [a.{extension}]\n"
    check_import("promptfoo", {"promptfooconfig.yaml": config.encode(), f"a.{extension}": data}, "")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["q", "__expected", "__expected2", "__threshold", "__metadata:k[]", "__prefix", "\n",
             ",", '"', "contains:x", "latency", "not-similar(0.5):y", "\\,", "é", "1", "__x"]
        ),
        max_size=40,
    )
)  # fmt: skip
def test_any_table(pieces: list[str]) -> None:
    config = b"prompts: ['{{q}}']\ntests: [a.csv]\n"
    table = "".join(pieces).encode()
    check_import("promptfoo", {"promptfooconfig.yaml": config, "a.csv": table}, "")


@settings(max_examples=150, deadline=None)
@given(documents(EVALS_WORDS), st.lists(documents(EVALS_WORDS), max_size=4))
def test_any_registry_of_openai_evals(args: Any, samples: list[Any]) -> None:
    classes = [
        "basic.match:Match",
        "basic.json_match:JsonMatch",
        "modelgraded.classify:ModelBasedClassify",
    ]
    body = {"free": args}
    for number, name in enumerate(classes):
        own = {"samples_jsonl": "s.jsonl", "modelgraded_spec": "m"}
        given_args = {**own, **args} if isinstance(args, dict) else own
        body[f"e{number}"] = {"class": f"evals.elsuite.{name}", "args": given_args}
    files = {
        "evals/x.yaml": dumped(body),
        "data/s.jsonl": b"\n".join(map(dumped, samples)),
        "modelgraded/m.yaml": dumped({"m": args}),
    }
    check_import("openai-evals", files, "", "gpt-4.1")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(API_WORDS), documents(API_WORDS)), max_size=3),
    documents(API_WORDS),
    st.sampled_from(
        ["string_check", "text_similarity", "label_model", "score_model", "multi", "x"]
    ),
)
def test_any_export_of_the_evals_api(criteria: list[Any], free: Any, kind: str) -> None:
    criteria = [{**criterion, "type": kind} for criterion in criteria]
    content = [{"item": {"x": "1", "y": [2]}}, {"item": free}]
    source = {"type": "file_content", "content": content}
    messages = {"template": [{"role": "user", "content": "{{item.x}}"}, free]}
    run = {"data_source": {"source": source, "input_messages": messages, "sampling_params": free}}
    body = {"id": "e", "testing_criteria": criteria, "runs": [run, free], "other": free}
    check_import("openai-api", {"e.json": dumped(body)}, "e.json")


@settings(max_examples=100, deadline=None)
@given(documents(API_WORDS))
def test_any_json_as_an_export(value: Any) -> None:
    check_import("openai-api", {"e.json": dumped(value)}, "e.json")


@given(st.text(alphabet="{}%#|.a b'\"=!&[]()-_envloadraw\n", max_size=60))
def test_any_template_is_converted_or_named(text: str) -> None:
    converted = convert(text)
    assert converted.problem or isinstance(converted.text, str)
    assert converted.printed <= converted.names


@given(st.text(alphabet="{}%|. abq'\"[]0envdump", max_size=40))
def test_any_template_is_filled_or_named(text: str) -> None:
    with suppress(UnfilledError):
        assert isinstance(fill(text, {"a": 1, "q": {"b": [True]}}), str)


@given(st.text(max_size=40))
def test_any_pattern_is_translated_or_named(pattern: str) -> None:
    translated = translate_pattern(pattern)
    assert translated.problem or translated.pattern == pattern or "\\" in pattern


@given(st.text(max_size=40))
def test_any_cell_is_an_assertion(text: str) -> None:
    assert cell_assertion(text)["type"]
    assert all(item == item.strip() for item in split_list(text, honours_quotes=True))


@given(documents(["a", "b/c", "~"]))
def test_every_value_of_a_json_text_has_its_line(value: Any) -> None:
    text = json.dumps(value, indent=1)
    lines = json_lines(text)
    assert lines[()] == 1
    assert max(lines.values()) <= text.count("\n") + 1
    copied = Expander(Node(json.loads(text), "f", (), lines))
    with suppress(AssayError):
        assert copied.expanded().line == 1


@settings(deadline=None)
@given(st.sampled_from(["", "a", "a/b"]), st.text(alphabet="./\\~ab:*", max_size=20))
def test_a_path_stays_inside_or_is_refused(base: str, reference: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = SourceFolder(Path(place))
        with pytest.raises(UnreadableError):
            folder.read(inside(base, reference))
        with suppress(UnreadableError):
            assert folder.matching(inside("", reference)) in ([], [inside("", reference)])
