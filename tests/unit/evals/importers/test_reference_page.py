"""The page of what imports map names everything there is, and says of each what it becomes."""

from __future__ import annotations

import re

import pytest

from evals.domain.checks import check_types
from evals.importers.openai_evals.classes import known_classes
from evals.importers.promptfoo.types import BASE_TYPES, JUDGED, LISTED, MAPPED
from evals.importers.reference import page


@pytest.fixture(scope="module")
def rows() -> dict[str, tuple[str, str]]:
    """(what it becomes, what is said of it) by the first cell."""
    found = re.findall(r"^\| `(.+?)` \| (.*?) \| (.*) \|$", page(), re.MULTILINE)
    return {name: (becomes, said) for name, becomes, said in found}


def test_every_type_and_class_has_a_row(rows: dict[str, tuple[str, str]]) -> None:
    assert {*BASE_TYPES, *known_classes()} - rows.keys() == set()


def test_what_is_mapped_becomes_a_check_that_exists(rows: dict[str, tuple[str, str]]) -> None:
    for name in MAPPED | JUDGED:
        assert rows[name][0].strip("`") in check_types(), name


def test_what_is_not_mapped_has_a_reason_and_a_way_out(rows: dict[str, tuple[str, str]]) -> None:
    for name in LISTED:
        becomes, said = rows[name]
        assert becomes == "*not mapped*", name
        assert len(said.split("; ")) > 1, name
