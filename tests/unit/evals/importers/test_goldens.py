"""Every sample's fidelity report is exactly the one that was reviewed.

`ASSAY_WRITE_GOLDENS=1 pytest …/test_goldens.py` writes them anew; read the difference.
"""

from __future__ import annotations

import json
import os

import pytest

from tests.unit.evals.importers.sample_suites import Sample, all_samples

REPORTS = ("fidelity.md", "fidelity.json")


@pytest.mark.parametrize("sample", all_samples(), ids=str)
def test_the_report_says_what_became_of_every_item(sample: Sample) -> None:
    imported = sample.imported()
    if os.environ.get("ASSAY_WRITE_GOLDENS"):
        sample.golden.mkdir(parents=True, exist_ok=True)
        for report in REPORTS:
            (sample.golden / report).write_bytes(imported.files[report])
    for report in REPORTS:
        assert imported.files[report].decode() == (sample.golden / report).read_text("utf-8")


def test_there_are_enough_samples_of_every_tool() -> None:
    tools = [sample.tool for sample in all_samples()]
    assert tools.count("promptfoo") >= 12
    assert tools.count("openai-evals") >= 6
    assert tools.count("openai-api") >= 4


@pytest.mark.parametrize("sample", all_samples(), ids=str)
def test_every_item_has_a_place_a_fate_and_a_reason(sample: Sample) -> None:
    report = json.loads(sample.imported().files["fidelity.json"])
    assert report["items"]
    for item in report["items"]:
        assert item["path"], item
        assert item["line"] >= 1
        assert item["fate"] in {"mapped", "mapped_with_difference", "not_mapped"}
        assert bool(item["detail"]) == (item["fate"] != "mapped"), item
    assert sum(report["summary"].values()) == len(report["items"])


@pytest.mark.parametrize("sample", all_samples(), ids=str)
def test_an_import_does_not_depend_on_chance(sample: Sample) -> None:
    assert sample.imported().files == sample.imported().files
