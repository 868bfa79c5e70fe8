"""A change survives being stored, and its page bears everything that a repository may hold."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from core.findings import Finding
from evals.domain.proposal import ChangeReport, PromptChange, blocks, fitting, headline
from registry.domain.contract import ContractChange

TEXT = st.text(max_size=40)
FINDINGS = st.builds(
    Finding, TEXT, st.integers(0, 9), st.integers(0, 9), st.sampled_from(["error", "warning"]),
    TEXT, TEXT, TEXT,
)  # fmt: skip
PROMPTS = st.builds(
    PromptChange,
    TEXT,
    st.none() | st.integers(1, 9),
    st.none() | st.integers(1, 9),
    TEXT,
    st.lists(st.builds(ContractChange, TEXT, TEXT, st.booleans(), TEXT), max_size=2).map(tuple),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(0, 1),
    TEXT,
    st.none() | st.integers(1, 9),
)
REPORTS = st.builds(
    ChangeReport,
    base=TEXT,
    head=TEXT,
    prompts=st.lists(PROMPTS, max_size=3).map(tuple),
    elsewhere=st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple),
    reached=st.lists(
        st.tuples(TEXT, st.lists(TEXT, max_size=2).map(tuple)), max_size=2
    ).map(tuple),
    findings=st.lists(FINDINGS, max_size=3).map(tuple),
    ignored=st.integers(0, 9),
)  # fmt: skip


@given(REPORTS)
def test_what_is_stored_is_what_is_read(report: ChangeReport) -> None:
    assert ChangeReport.from_json(json.loads(json.dumps(report.to_json()))) == report


@given(REPORTS)
def test_nothing_of_a_repository_is_active_on_its_page(report: ChangeReport) -> None:
    page = fitting(blocks(report, ["**measured**\n"]), "_rest_")
    tokens = MarkdownIt("commonmark", {"linkify": False}).parse(page)
    inline = [child for token in tokens for child in token.children or ()]
    assert not {token.type for token in inline} & {"link_open", "image", "html_inline"}
    html = [token.content for token in tokens if token.type == "html_block"]
    assert all(one.startswith(("<details><summary>", "</details>")) for one in html)


def test_a_page_is_cut_where_it_does_not_fit_and_says_so() -> None:
    page = fitting(["a" * 40_000, "b" * 30_000, "c"], "_rest_")
    assert page == "a" * 40_000 + "\n_rest_"


def test_a_change_is_counted_in_a_sentence() -> None:
    prompt = PromptChange("a", 1, 2)
    error = Finding("x", 1, 1, "error", "code", "No.")
    reached = (("a", ("it includes b",)), ("c", ("the suite s changed",)))
    report = ChangeReport("b", "h", (prompt,), (), reached, (error,), 0)
    assert headline(report) == "1 prompt changed, 1 more reached; lint: 1 error, 0 warnings"
