"""Whatever was generated: each part of the source is in the report, at its own line."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import AssayError
from evals.importers.promptfoo.types import BASE_TYPES
from evals.importers.run import Imported, read_import

TYPES = st.sampled_from(
    [*sorted(BASE_TYPES), "not-equals", "not-contains-json", "promptfoo:redteam:x", "no-type"]
)
VALUES = st.sampled_from(["x", "{{q}}", "{{gone}}", "", 3, None, ["a", "b"], {"type": "object"}])
WEIGHTS = st.sampled_from([0, 0.5, 2, -1])
GRADERS = st.sampled_from(
    ["{{ sample.output_text }}", "{{item.x}}", "{{sample.output_json.a[0].b}}", "x", ""]
)
KINDS = st.sampled_from(
    ["string_check", "text_similarity", "label_model", "score_model", "multi", "python", "x"]
)


def single_assertions() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"type": TYPES},
        optional={
            "value": VALUES,
            "weight": WEIGHTS,
            "metricOnly": st.booleans(),
            "threshold": st.sampled_from([0, 0.5, 3, "x"]),
            "transform": st.sampled_from(["output.trim()", "output + 1"]),
        },
    )


def assertions() -> st.SearchStrategy[dict[str, Any]]:
    inner = st.lists(single_assertions(), max_size=3)
    sets = st.fixed_dictionaries(
        {"type": st.just("assert-set"), "assert": inner},
        optional={"weight": WEIGHTS, "threshold": st.sampled_from([0, 0.5, 2])},
    )
    return st.one_of(single_assertions(), sets)


def imported(tool: str, files: dict[str, str], judge: str) -> Imported | None:
    with tempfile.TemporaryDirectory() as place:
        for path, text in files.items():
            (Path(place) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(place) / path).write_text(text)
        try:
            return read_import(tool, Path(place), "s", judge)
        except AssayError as error:
            refusal = error.message
    assert "would not load" not in refusal
    return None  # refused as a whole: nothing was mapped, and the error says why


def told(found: Imported, *kinds: str) -> set[int]:
    """The lines of all items of these kinds."""
    return {item.line for item, _ in found.fidelity.items() if item.kind in kinds}


def line_of(text: str, mark: str) -> int:
    return text[: text.index(mark)].count("\n") + 1


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.lists(assertions(), max_size=4), min_size=1, max_size=3),
    st.sampled_from(["", "gpt-4.1"]),
    st.sampled_from([None, "output.trim()", "output + 1"]),
)
def test_every_assertion(tests: list[list[dict[str, Any]]], judge: str, transform: Any) -> None:
    marks = []
    for number, asserts in enumerate(tests):
        for place, assertion in enumerate(asserts):
            # The key is unknown to promptfoo and marks the line in the text.
            marks.append(f"mark-{number}-{place}-")
            assertion["description"] = marks[-1]
    provider = {"id": "openai:gpt-4o"} | ({"transform": transform} if transform else {})
    cases = [{"vars": {"q": "x"}, "assert": asserts} for asserts in tests]
    config = {"prompts": ["{{q}}"], "providers": [provider], "tests": cases}
    text = json.dumps(config, indent=1)
    found = imported("promptfoo", {"promptfooconfig.json": text}, judge)
    if found is None:
        return
    lines = told(found, "assertion")
    assert [mark for mark in marks if not _is_told(text, mark, lines)] == []


def _is_told(text: str, mark: str, lines: set[int]) -> bool:
    """Whether the object that holds the mark begins on one of the lines."""
    before = text[: text.index(mark)].splitlines()
    depth = len(before[-1]) - len(before[-1].lstrip())
    opening = next(
        number
        for number in range(len(before), 0, -1)
        if before[number - 1] == " " * (depth - 1) + "{"
    )
    return opening in lines


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "input": st.sampled_from(["q", [], [{"role": "user", "content": "q"}], 3]),
                "ideal": st.sampled_from(["a", "", ["a", "b"], [], 3, "{}"]),
                "extra": st.just(1),
                "choice": st.just("A"),
            },
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(
        ["basic.match:Match", "basic.json_match:JsonMatch", "basic.json_validator:JsonValidator",
         "modelgraded.classify:ModelBasedClassify", "other:Other"]
    ),
    st.sampled_from(["", "gpt-4.1"]),
)  # fmt: skip
def test_every_sample(samples: list[Any], class_name: str, judge: str) -> None:
    args = {"samples_jsonl": "s.jsonl", "modelgraded_spec": "m"}
    spec = {"prompt": "{completion}", "choice_strings": "12", "choice_scores": "from_strings"}
    files = {
        "evals/x.yaml": json.dumps({"x": {"class": f"evals.elsuite.{class_name}", "args": args}}),
        "data/s.jsonl": "".join(json.dumps(sample) + "\n" for sample in samples),
        "modelgraded/m.yaml": json.dumps({"m": spec}),
        "eval_sets/s.yaml": "{}",
    }
    found = imported("openai-evals", files, judge)
    if found is None:
        return
    items = [item for item, _ in found.fidelity.items()]
    rows = {item.line for item in items if item.path == "data/s.jsonl" and item.kind == "sample"}
    assert rows == set(range(1, len(samples) + 1))
    assert any(item.path == "eval_sets/s.yaml" for item in items)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"type": KINDS},
            optional={
                "input": GRADERS,
                "reference": GRADERS,
                "operation": st.sampled_from(["eq", "ne", "like", "ilike", "x"]),
                "evaluation_metric": st.sampled_from(["bleu", "cosine", "rouge_3", "x"]),
                "pass_threshold": st.sampled_from([0, 0.5, 1, 9]),
                "model": st.just("gpt-4o"),
                "labels": st.just(["a", "b"]),
                "passing_labels": st.just(["a"]),
                "calculate_output": st.sampled_from(["g", "min(g)", "g + g", ""]),
                "graders": st.sampled_from([[], {}, {"type": "python", "name": "g"}]),
            },
        ),
        max_size=4,
    ),
    st.lists(st.sampled_from(["e", "other", ""]), max_size=3),
    st.integers(0, 2),
)
def test_every_criterion_run_and_item(
    criteria: list[dict[str, Any]], owners: list[str], outputs: int
) -> None:
    content = [{"item": {"x": "1", "mark": "mark-item-"}}]
    messages = {"template": [{"role": "user", "content": "{{item.x}}"}]}
    source = {"type": "file_content", "content": content}
    runs = [
        {"id": f"mark-run-{number}-", "eval_id": owner,
         "data_source": {"source": source, "input_messages": messages}}
        for number, owner in enumerate(owners)
    ]  # fmt: skip
    items = [
        {"id": f"mark-out-{number}-", "eval_id": "e", "datasource_item": {"x": str(number)}}
        for number in range(outputs)
    ]
    named = [{**one, "name": f"mark-criterion-{n}-"} for n, one in enumerate(criteria)]
    body = {"id": "e", "testing_criteria": named}
    text = json.dumps(
        [body, {"object": "list", "has_more": True, "data": [*runs, *items]}], indent=1
    )
    found = imported("openai-api", {"e.json": text}, "")
    if found is None:
        return
    lines = told(found, "grader")
    for number in range(len(named)):
        assert _is_told(text, f"mark-criterion-{number}-", lines)
    for number, owner in enumerate(owners):
        if owner == "other":
            assert _is_told(text, f"mark-run-{number}-", told(found, "run"))
    for number in range(outputs):
        assert _is_told(text, f"mark-out-{number}-", told(found, "output item"))
    assert line_of(text, '"has_more"') in told(found, "page")
