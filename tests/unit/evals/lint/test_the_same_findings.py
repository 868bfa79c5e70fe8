"""However files are read, the findings are those that were found one file after the other.

`flawed_repository.json` was written by the code before it learned to use several cores.
"""

from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path

import pytest

from assay import cores
from assay.folder import Folder
from evals.domain.lint import Linted, lint_repository
from evals.domain.lint.catalogue import READING
from registry.domain import spreading
from registry.domain.lint import describe
from tests.unit.evals.lint import flawed_repository

EXPECTED = json.loads(Path(__file__).with_name("flawed_repository.json").read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(flawed_repository.write(tmp_path))


def told(linted: Linted) -> dict[str, object]:
    return {"ignored": linted.ignored, "findings": [list(astuple(f)) for f in linted.findings]}


def test_in_one_process(folder: Folder) -> None:
    assert told(lint_repository(folder, folder.findings)) == EXPECTED


def test_over_several_cores(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreading, "PART", 7)
    monkeypatch.setattr(cores, "_available", lambda: 2)
    with cores.spread_over_cores(1_000_000) as spread:
        assert spread is not spreading.in_order
        assert told(lint_repository(folder, folder.findings, spread=spread)) == EXPECTED


def test_nearly_every_kind_of_finding_is_among_them() -> None:
    known = {code for codes in READING.values() for code in codes}
    known |= {rule.id for rule in describe()}
    found = {code for _, _, _, _, code, _, _ in EXPECTED["findings"]}
    assert found <= known
    assert len(known - found) < 40, "what is left speaks of Git, of sizes, and of judges' labels"
