"""From drafts to the files of a prompt repository. Only what loads without errors comes out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from evals.domain.checks import CheckSpec
from evals.domain.suite import lint_suites
from evals.domain.suite.entries import MAX_CHECKS, read_case, read_checks
from evals.importers.drafts import CaseDraft, Draft, PromptDraft, SuiteDraft
from evals.importers.errors import ImportRefusedError
from evals.importers.fidelity import Fidelity, shown
from evals.importers.judges import judge_files
from evals.importers.yaml_text import yaml_text
from registry.domain.fields import Fields
from registry.domain.files import MemoryFiles
from registry.domain.parsing import parse_version
from registry.domain.positions import Document
from registry.domain.repository import parse_repository
from registry.domain.source import Source

MAX_SHOWN = 100
#: What each tool calls a case.
_KINDS = {"promptfoo": "test", "openai-evals": "sample", "openai-api": "item"}
_NO_CHECK = "nothing that could be mapped checks this case; the source passes it or used code"
_ADD_CHECK = "give the row in {} checks and move it to the dataset"


@dataclass
class Assembled:
    """Files by path, and what they hold. `unchecked` counts rows kept outside the datasets."""

    files: dict[str, bytes] = field(default_factory=dict)
    suites: list[str] = field(default_factory=list)
    cases: int = 0
    unchecked: int = 0


def assemble(draft: Draft, fidelity: Fidelity) -> Assembled:
    """The files of an import. Raises ImportRefusedError if they would not load (our mistake)."""
    made = Assembled()
    for suite in draft.suites:
        _suite(suite, draft, made, fidelity)
    if draft.models and (made.suites or made.files):
        made.files["models.yaml"] = yaml_text({"models": dict(draft.models)}).encode()
    for name, text in draft.rubrics.items():
        made.files[f"rubrics/{name}.md"] = text.encode()
    if draft.rubrics:
        made.files.update(judge_files())
    _verify(made)
    return made


def _suite(suite: SuiteDraft, draft: Draft, made: Assembled, fidelity: Fidelity) -> None:
    shared = read_checks(Fields(Source("suite"), (), {"checks": suite.checks}, None))
    kind = _KINDS[draft.format]
    usable = [case for case in suite.cases if _is_usable(case, shared, kind, fidelity)]
    checked = [case for case in usable if suite.decides(case)]
    unchecked = [case for case in usable if not suite.decides(case)]
    versions = _versions(suite, usable, fidelity)
    made.files.update(versions)
    if checked:
        made.files[f"datasets/{suite.name}.jsonl"] = _rows(checked)
        made.files[f"suites/{suite.name}.yaml"] = yaml_text(_suite_body(suite)).encode()
        made.suites.append(suite.name)
    if unchecked:
        path = f"datasets/{suite.name}-unchecked.jsonl"
        made.files[path] = _rows(unchecked)
        for case in unchecked:
            todo = _ADD_CHECK.format(path)
            fidelity.unmapped(case.node, kind, case.key, _NO_CHECK, todo)
    if versions:
        body = _prompt_body(suite, draft, is_checked=bool(checked))
        made.files[f"prompts/{suite.name}/prompt.yaml"] = yaml_text(body).encode()
    made.cases += len(checked)
    made.unchecked += len(unchecked)


def _is_usable(
    case: CaseDraft, shared: tuple[CheckSpec, ...], kind: str, fidelity: Fidelity
) -> bool:
    """Whether a dataset can hold the row; what is wrong with it is reported."""
    row = case.row()
    source = Source("row")
    source.document = Document(row)
    read_case(source, (), row, shared)
    errors = [finding for finding in source.findings if finding.severity == "error"]
    if len(shared) + len(case.checks) > MAX_CHECKS:
        fidelity.unmapped(case.node, kind, case.key, f"it has more than {MAX_CHECKS} checks")
        return False
    if errors:
        fidelity.unmapped(case.node, kind, case.key, shown(errors[0].message.rstrip(".")))
    return not errors


def _rows(cases: Sequence[CaseDraft]) -> bytes:
    lines = (json.dumps(case.row(), ensure_ascii=False) for case in cases)
    return "".join(f"{line}\n" for line in lines).encode()


def _suite_body(suite: SuiteDraft) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "description": suite.description,
        "dataset": f"datasets/{suite.name}.jsonl",
        "repeats": suite.repeats if suite.repeats != 1 else None,
        "threshold": suite.threshold,
        "judges": suite.judges,
        "checks": suite.checks,
    }
    return {key: value for key, value in parts.items() if value not in (None, "", {}, [])}


def _prompt_body(suite: SuiteDraft, draft: Draft, *, is_checked: bool) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "description": f"Imported from {shown(draft.source)} ({draft.format}).",
        "suites": [suite.name] if is_checked else [],
        "model": suite.model if suite.model in draft.models else "",
    }
    return {key: value for key, value in parts.items() if value}


def _versions(
    suite: SuiteDraft, cases: Sequence[CaseDraft], fidelity: Fidelity
) -> dict[str, bytes]:
    """The prompts that Assay accepts as v1, v2, … by path; the others are reported."""
    files: dict[str, bytes] = {}
    for prompt in suite.prompts:
        path = f"prompts/{suite.name}/v{len(files) + 1}.jinja2"
        data = _version(prompt, suite, cases).encode()
        content, findings = parse_version(suite.name, len(files) + 1, path, data, {})
        if content is None:
            errors = [finding for finding in findings if finding.severity == "error"]
            todo = "rewrite the template by hand"
            reason = shown(errors[0].message.rstrip("."))
            fidelity.unmapped(prompt.node, "prompt", prompt.label, reason, todo)
            continue
        files[path] = data
        fidelity.settled(prompt.node, "prompt", prompt.label, path, prompt.differences)
    return files


def _version(prompt: PromptDraft, suite: SuiteDraft, cases: Sequence[CaseDraft]) -> str:
    front: dict[str, Any] = {"description": shown(prompt.label)[:MAX_SHOWN]}
    if prompt.is_chat:
        front["type"] = "chat"
    if variables := _variables(prompt, cases):
        front["variables"] = variables
    if suite.parameters:
        front["parameters"] = suite.parameters
    return f"---\n{yaml_text(front)}---\n{prompt.body}"


def _variables(prompt: PromptDraft, cases: Sequence[CaseDraft]) -> dict[str, Any]:
    """A schema for every variable that the prompt uses or a case gives."""
    names = dict.fromkeys(name for case in cases for name in case.variables)
    names |= dict.fromkeys(sorted(prompt.names))
    return {name: _schema(name, cases) for name in names}


def _schema(name: str, cases: Sequence[CaseDraft]) -> dict[str, Any]:
    given = [case.variables[name] for case in cases if name in case.variables]
    kinds = {_kind(value) for value in given} or {"string"}
    schema: dict[str, Any] = {"type": kinds.pop()} if len(kinds) == 1 else {}
    if len(given) < len(cases) or not cases:
        # A variable without a value prints nothing in the source.
        schema = {**(schema if schema.get("type") == "string" else {}), "default": ""}
    return schema


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "null"


def _verify(made: Assembled) -> None:
    files = MemoryFiles(made.files)
    parsed = parse_repository(files)
    findings = (*parsed.findings, *lint_suites(files, parsed))
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise ImportRefusedError(f"the import would not load: {errors[0]}")
