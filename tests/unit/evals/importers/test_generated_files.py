"""What is imported is a prompt repository that Assay reads, renders and runs checks of."""

from __future__ import annotations

import pytest

from evals.domain.suite import lint_suites, load_suite
from registry.domain.files import MemoryFiles
from registry.domain.repository import parse_repository
from registry.domain.template.render import render
from tests.unit.evals.importers.sample_suites import Sample, all_samples


@pytest.mark.parametrize("sample", all_samples(), ids=str)
def test_the_files_load_without_an_error(sample: Sample) -> None:
    imported = sample.imported()
    files = MemoryFiles(imported.files)
    parsed = parse_repository(files)
    findings = (*parsed.findings, *lint_suites(files, parsed))
    assert [str(finding) for finding in findings if finding.severity == "error"] == []
    for name in imported.outcome.suites:
        suite = load_suite(name, files).spec
        assert suite is not None
        assert suite.cases
        assert all(suite.checks_of(case) for case in suite.cases)


@pytest.mark.parametrize("sample", all_samples(), ids=str)
def test_every_case_can_be_asked_with_every_version(sample: Sample) -> None:
    imported = sample.imported()
    files = MemoryFiles(imported.files)
    parsed = parse_repository(files)
    for name in imported.outcome.suites:
        suite = load_suite(name, files).spec
        assert suite is not None
        prompt = parsed.prompts.get(name)
        for version in prompt.versions if prompt else ():
            for case in suite.cases:
                assert render(version, case.variables, case.placeholders).messages
