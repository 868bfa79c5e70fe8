"""What reaches the terminal is harmless and greppable."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay import output


@given(st.text())
def test_no_text_can_drive_the_terminal(text: str) -> None:
    kept = set(output.safe(text))
    assert {c for c in kept if unicodedata.category(c) == "Cc"} <= {"\n", "\t"}
    assert not kept & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069")


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    assert len(output.one_line(text).splitlines()) <= 1


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert output.safe(text) == text


def test_markup_of_other_tools_is_only_text(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("[red]name[/red]", "empty"), [("[bold]x[/bold]", None), (["a", "b"], True)])
    assert capsys.readouterr().out.splitlines() == [
        "[red]name[/red]  empty",
        "[bold]x[/bold]   -",
        "a, b             yes",
    ]


def test_long_cells_stay_on_their_line_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("reason",), [("word " * 60,)])
    assert len(capsys.readouterr().out.splitlines()) == 2
