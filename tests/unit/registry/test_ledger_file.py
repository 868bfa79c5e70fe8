"""The ledger as it stands in the repository: what is written is read again, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.files import MemoryFiles
from registry.domain.ledger_file import LEDGER, appended, ledger_paths, moves_in, read_ledger
from registry.domain.names import is_prompt_name
from registry.domain.told_move import ToldMove

FIRST = f"{LEDGER}000001.jsonl"
MOVE = ToldMove(
    revision=1,
    at="2026-11-26T04:00:10.123456+00:00",
    prompt="team/reply",
    tag="stable",
    sequence=1,
    kind="overridden",
    version=3,
    version_digest="a" * 64,
    model="tiny",
    model_digest="b" * 64,
    weight=None,
    actor="user:ada",
    role="admin",
    reason="it had to be",
    certificate=None,
    restores=None,
    release=None,
    commit="",
)


def chain(length: int, start: int = 1, reason: str = MOVE.reason) -> list[ToldMove]:
    numbers = range(start, start + length)
    return [replace(MOVE, revision=n, sequence=n, reason=reason) for n in numbers]


def written(moves: list[ToldMove], before: dict[str, bytes] | None = None) -> dict[str, bytes]:
    files = MemoryFiles(before or {})
    return {**files.contents, **appended(files, list(files.paths()), moves)}


def read(contents: dict[str, bytes]) -> list[ToldMove]:
    return list(read_ledger(MemoryFiles(contents)).moves)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80)


@given(st.lists(st.lists(texts, max_size=4), max_size=6))
def test_moves_come_back_as_they_were_appended(batches: list[list[str]]) -> None:
    contents: dict[str, bytes] = {}
    moves: list[ToldMove] = []
    for batch in batches:
        fresh = [
            replace(MOVE, revision=n, sequence=n, reason=f"because {reason}")
            for n, reason in enumerate(batch, start=len(moves) + 1)
        ]
        contents = written(fresh, contents)
        moves += fresh
    told = read_ledger(MemoryFiles(contents))
    assert (list(told.moves), told.findings, told.is_whole) == (moves, (), bool(moves))


def test_a_full_file_is_followed_by_the_next_and_never_written_again() -> None:
    contents = written(chain(700))
    assert len(contents) > 2
    assert max(map(len, contents.values())) <= 65_536
    more = appended(MemoryFiles(contents), contents, chain(1, start=701))
    assert list(more) == [max(contents)]
    assert more[max(contents)].startswith(contents[max(contents)])
    assert read(contents | more) == chain(701)


def test_a_reason_of_any_length_fits_a_file() -> None:
    [move] = read(written([replace(MOVE, reason="\u00e9" * 100_000)]))
    assert move.reason == "\u00e9" * 10_000


def test_the_files_are_in_no_prompts_way() -> None:
    assert not is_prompt_name(FIRST.removeprefix("certificates/"))
    names = [FIRST, f"{LEDGER}1.jsonl", f"{LEDGER}000002.json", "certificates/a/@moves.json"]
    assert ledger_paths([*names, f"x/{FIRST}"]) == [FIRST]


def test_a_line_that_cannot_be_read_costs_only_itself() -> None:
    contents = written(chain(3))
    lines = contents[FIRST].splitlines(keepends=True)
    told = read_ledger(MemoryFiles({FIRST: lines[0] + b"<<<<<<< HEAD\n{}\n" + lines[1] + lines[2]}))
    assert list(told.moves) == chain(3)
    [finding] = told.findings
    assert (finding.path, finding.line, finding.code) == (FIRST, 2, "ledger_not_whole")
    assert "(and 1 more)" in finding.message
    assert not told.is_whole


def test_a_line_that_was_cut_off_does_not_swallow_the_next() -> None:
    [cut] = written(chain(2)).values()
    contents = written(chain(1, start=3), {FIRST: cut[:-20]})
    told = read_ledger(MemoryFiles(contents))
    assert [move.revision for move in told.moves] == [1, 3]
    assert [f.line for f in told.findings if f.path == FIRST] == [2]


def test_a_move_that_is_missing_is_noticed() -> None:
    told = read_ledger(MemoryFiles(written([chain(3)[0], chain(3)[2]])))
    [finding] = told.findings
    assert "a move of team/reply:stable before revision 3 is missing" in finding.message


def test_what_a_restored_backup_overtook_counts_no_more() -> None:
    """Five moves; then the database of the second one is put back and goes on."""
    later = chain(2, start=3, reason="after the backup")
    told = read_ledger(MemoryFiles(written(later, written(chain(5)))))
    assert list(told.moves) == chain(2) + later
    assert "3 moves before revision 3 were overtaken" in told.findings[0].message


WRONG = {
    "no registry": {"revision": 2**60},
    "no tag has": {"sequence": 2**31},
    "later than": {"restores": 9},
    "a time": {"at": "2026-11-26T04:00:10"},
    "is longer": {"actor": "x" * 201},
    "no prompt": {"prompt": "Team/Reply"},
    "no tag can": {"tag": "latest"},
    "not a digest": {"version_digest": "a"},
    "no commit": {"commit": "main"},
    "unless it clears": {"version": None, "version_digest": None},
    "stable is never": {"kind": "cleared", "version": None, "version_digest": None},
    "such a number": {"version": 10**6},
    "no model can": {"model": "../tiny"},
    "a model has its digest": {"model_digest": None},
    "a version has its digest": {"version_digest": None},
    "0 to 100": {"tag": "canary", "weight": 101},
    "only a canary": {"weight": 10},
    "of no kind": {"kind": "blessed"},
    "does not say what it rests on": {"role": "promoter"},
    "a text is expected": {"reason": "half \ud800"},
    "whole number": {"version": True},
}


@pytest.mark.parametrize(("why", "changed"), WRONG.items())
def test_a_line_that_the_database_would_refuse_is_none(why: str, changed: dict[str, Any]) -> None:
    line = json.dumps(json.loads(MOVE.to_line()) | changed).encode()
    moves, [(at, told)] = moves_in(line)
    assert (moves, at) == ([], 1)
    assert why in told


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "promoted"},
        {"kind": "rolled_back"},
        {"kind": "rolled_back", "restores": 1},
        {"kind": "adopted"},
        {"reason": ""},
    ],
)
def test_every_kind_rests_on_something(changed: dict[str, Any]) -> None:
    assert moves_in(replace(MOVE, **changed).to_line())[0] == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_the_file_holds_nothing_is_raised(data: bytes) -> None:
    assert read({FIRST: data}) == []


@given(st.sampled_from(list(json.loads(MOVE.to_line()))), JSON)
def test_whatever_a_field_holds_nothing_is_raised(name: str, value: object) -> None:
    line = json.dumps(json.loads(MOVE.to_line()) | {name: value}).encode()
    moves, mistakes = moves_in(line)
    assert len(moves) + len(mistakes) == 1
