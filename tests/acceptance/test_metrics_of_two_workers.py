"""One scrape reaches one of several web processes, and tells what all of them did."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.embedded import locations
from config.serve import Tree, TreeOptions, running
from tests.acceptance.conftest import REPLACEMENTS

pytestmark = pytest.mark.slow

TOKEN = "a-token-for-prometheus"


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    """Assay with two web processes, without the model."""
    environment = {key: value for key, value in os.environ.items() if key not in REPLACEMENTS}
    environment["ASSAY_METRICS_TOKEN"] = TOKEN
    options = TreeOptions(tmp_path / "data", port=0, model=False, workers=2)
    with running(options, environment=environment) as started:
        yield started


def ask(tree: Tree, path: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"{tree.base_url}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def lookups(tree: Tree) -> float:
    status, page = ask(tree, "/metrics", Authorization=f"Bearer {TOKEN}")
    assert status == 200, page
    found = re.findall(r'(?m)^assay_lookups_total\{status="401"\} (\S+)$', page)
    return float(found[0]) if found else 0.0


def test_every_scrape_tells_the_sum_and_it_outlives_a_process(tree: Tree) -> None:
    assert ask(tree, "/metrics")[0] == 401
    counts = locations.counts_folder(tree.data)
    asked = 0
    # The kernel shares new connections out between the processes, in no particular order.
    while asked < 500 and len(list(counts.glob("*.db"))) < 2:
        assert ask(tree, "/prompt/greeting")[0] == 401
        asked += 1
    assert len(list(counts.glob("*.db"))) == 2, "one process answered everything"
    assert {lookups(tree) for _ in range(20)} == {asked}

    tree.kill("web")
    tree.wait("web")
    assert lookups(tree) == asked
    ask(tree, "/prompt/greeting")
    assert lookups(tree) == asked + 1
