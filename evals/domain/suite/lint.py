"""What is wrong with the suites of a repository, alone and together with its prompts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from core.findings import Finding
from evals.domain.forecast import decidability
from evals.domain.spec import CaseSpec, SuiteSpec
from evals.domain.suite.margin import check_margin
from evals.domain.suite.parse import EXTENSION, FOLDER, LoadedSuite, load_suite
from registry.domain.files import Files
from registry.domain.policy import GatePolicy
from registry.domain.positions import Mark
from registry.domain.repository import ParsedPrompt, ParsedRepository
from registry.domain.schemas import complete_values
from registry.domain.source import Source
from registry.domain.template.analysis import placeholder_names
from registry.domain.version import VersionContent

#: Cases of one suite named as not fitting one prompt; the rest is usually the same mistake.
MAX_MISFITS = 20
#: The tag whose gate a prompt without `gate` of its own is measured by.
STABLE = "stable"


def lint_suites(
    files: Files, parsed: ParsedRepository, only: Collection[str] | None = None
) -> tuple[Finding, ...]:
    """Findings of every suite and dataset, and of every prompt that uses them; sorted, no repeats.

    Also: a prompt names a missing suite, a case does not fit the variables of the prompt's newest
    version, a suite is too small for its gate or its margin (warning). With `only`, just these
    suites are read, and those that the prompts of `parsed` name.
    """
    named = {name for prompt in parsed.prompts.values() for name in prompt.suites}
    suites = {
        name: load_suite(name, files)
        for name in suite_names(files)
        if only is None or name in only or name in named
    }
    findings = {finding for suite in suites.values() for finding in suite.findings}
    findings.update(_strays(files))
    for prompt in parsed.prompts.values():
        findings.update(_lint_prompt(prompt, suites, parsed, files))
    return tuple(sorted(findings))


def suite_names(files: Files) -> list[str]:
    """The suites that the repository has files of, whether a prompt names them or not."""
    paths = [path for path in files.paths() if path.startswith(FOLDER) and path.endswith(EXTENSION)]
    return [path.removeprefix(FOLDER).removesuffix(EXTENSION) for path in paths]


def _strays(files: Files) -> Iterator[Finding]:
    for path in files.paths():
        if path.startswith(FOLDER) and path.endswith(".yml"):
            message = "Suites end in .yaml; this file is not read."
            yield Finding(path, 0, 0, "warning", "suite_not_read", message)


def _lint_prompt(
    prompt: ParsedPrompt,
    suites: Mapping[str, LoadedSuite],
    parsed: ParsedRepository,
    files: Files,
) -> Iterator[Finding]:
    policy = _policy(prompt, parsed)
    for name in prompt.suites:
        suite = suites.get(name)
        if suite is None:
            yield _missing(prompt, name, files)
        elif suite.spec is not None:
            yield from _size(suite, suite.spec, policy)
            yield from check_margin(suite.path, suite.spec, policy)
            if prompt.versions:
                newest = max(prompt.versions, key=lambda version: version.number)
                yield from _misfits(newest, suite, suite.spec)


def _policy(prompt: ParsedPrompt, parsed: ParsedRepository) -> GatePolicy:
    name = prompt.gate or parsed.tag_policies.get(STABLE, "")
    return parsed.policies.get(name) or GatePolicy(name="default")


def _missing(prompt: ParsedPrompt, name: str, files: Files) -> Finding:
    # Only prompt.yaml names suites, and it was readable: it gave this prompt its list.
    source = Source(f"prompts/{prompt.name}/prompt.yaml")
    source.load(source.decode(files.read(source.path)) or "")
    index = source.document.value["suites"].index(name)
    mark = source.document.mark(("suites", index))
    message = f"There is no suite {name!r}: {FOLDER}{name}{EXTENSION} is missing."
    return Finding(source.path, mark.line, mark.column, "error", "unknown_suite", message)


def _size(suite: LoadedSuite, spec: SuiteSpec, policy: GatePolicy) -> Iterator[Finding]:
    is_decidable, sentence = decidability(spec, policy)
    if not is_decidable:
        message = f"Under the gate {policy.name!r}, {sentence}."
        yield Finding(suite.path, 0, 0, "warning", "suite_too_small", message)


def _misfits(version: VersionContent, suite: LoadedSuite, spec: SuiteSpec) -> Iterator[Finding]:
    count = 0
    placeholders = frozenset(placeholder_names(version))
    for case in spec.cases:
        problems = _unfit(case, version, placeholders)
        if not problems:
            continue
        count += 1
        if count <= MAX_MISFITS:
            path, mark = suite.places[case.key]
            said = "; ".join(problems[:3])
            message = f"{version.name} v{version.number} cannot be asked {case.key!r}: {said}."
            yield _misfit(path, mark, message)
    if count > MAX_MISFITS:
        message = (
            f"{version.name} v{version.number} cannot be asked {count:,} of the cases; "
            f"{MAX_MISFITS} are listed."
        )
        yield _misfit(suite.path, Mark(0, 0), message)


def _unfit(case: CaseSpec, version: VersionContent, placeholders: frozenset[str]) -> list[str]:
    """What keeps `version` from being rendered for `case`."""
    _, problems = complete_values(version.variables, case.variables)
    strange = sorted(case.placeholders.keys() - placeholders)
    return [
        *(f"{problem.pointer} {problem.message}" for problem in problems),
        *(f"{name!r} is not a placeholder of this prompt" for name in strange),
    ]


def _misfit(path: str, mark: Mark, message: str) -> Finding:
    hint = "cells of a CSV are texts; other types need .jsonl" if path.endswith(".csv") else ""
    return Finding(path, mark.line, mark.column, "error", "case_misfit", message, hint)
