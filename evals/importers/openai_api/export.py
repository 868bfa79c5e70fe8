"""Eval and run objects of the Evals API, from JSON files, as drafts of suites."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from evals.importers.drafts import CaseDraft, Draft, PromptDraft, SuiteDraft
from evals.importers.errors import ImportRefusedError, UnreadableError
from evals.importers.fidelity import Fidelity
from evals.importers.loading import read_jsonl
from evals.importers.model_entries import UNPINNED, entry, entry_problem, usable_parameters
from evals.importers.names import Keys, slug
from evals.importers.nodes import Node
from evals.importers.openai_api.collecting import Objects, collected
from evals.importers.openai_api.graders import GraderSet
from evals.importers.openai_api.prompts import ItemVariables, prompt_of
from evals.importers.sources import SourceFolder, inside

_EVAL_KEYS = frozenset("object id name created_at data_source_config testing_criteria".split())
_RUN_KEYS = frozenset(
    "object id eval_id name model created_at data_source status report_url result_counts error "
    "per_model_usage per_testing_criteria_results metadata".split()
)
_RESULTS = (
    "report_url",
    "result_counts",
    "per_model_usage",
    "per_testing_criteria_results",
    "error",
)
_MOST_TOKENS = frozenset({"max_tokens", "max_completion_tokens", "max_completions_tokens"})
_FIELD = re.compile(r"item\.([A-Za-z_]\w*)")
_HELD = "these data are held by OpenAI and are not in the export"
_OUTPUTS = "the items of the output items"
_DOWNLOAD = (
    "download them as JSONL of {item: …} rows, or export the run's output items, and put the file "
    "beside the export"
)


def import_openai_api(
    folder: SourceFolder, path: str, name: str, report: Fidelity, judge: str = ""
) -> Draft:
    """The evals of an export: a JSON file, or a folder of them. Raises ImportRefusedError."""
    del judge  # graders of the Evals API name their model
    objects = collected(folder, path, report)
    if not objects.evals:
        raise ImportRefusedError(f"{path or 'the folder'} holds no eval of the Evals API")
    draft = Draft("openai-api", path or ".")
    names = Keys()
    for node in objects.evals:
        only = len(objects.evals) == 1
        chosen = name if only else slug(node.text("name") or node.text("id"), name)
        suite = SuiteDraft(names.unique(chosen), description=node.text("name")[:2000])
        draft.suites.append(suite)
        _Eval(folder, node, objects, suite, draft, report).fill()
    return draft


class _Eval:
    def __init__(
        self,
        folder: SourceFolder,
        node: Node,
        objects: Objects,
        suite: SuiteDraft,
        draft: Draft,
        report: Fidelity,
    ) -> None:
        self.folder = folder
        self.node = node
        self.runs = objects.runs_of(node)
        self.outputs = objects.outputs_of(node)
        self.suite = suite
        self.draft = draft
        self.report = report
        self.variables = ItemVariables(report)

    def fill(self) -> None:
        """Prompts and cases from the runs, checks from the criteria."""
        self._settings()
        items = self._all_items()
        if not self.runs and not self.outputs:
            reason = "the export holds no run of it, so there are no items and no prompt"
            todo = "export a run with its data source too"
            self.report.unmapped(self.node, "eval", self.suite.name, reason, todo)
        graders = GraderSet(self.draft, self.suite, self.report, self.variables)
        criteria = self.node.get("testing_criteria")
        for criterion in criteria.elements() if criteria is not None else ():
            graders.add(criterion)
        self._unused(items.values())
        keys = Keys()
        for number, node in enumerate(items.values(), 1):
            case = CaseDraft(node=node, key=keys.case(f"item {number}"))
            graders.judge(case, node.value)
            case.variables = self.variables.values(node, self.suite.prompts)
            case.placeholders = self.variables.placeholders(node)
            if self.variables.chat_field and not case.placeholders:
                continue  # reported: there is nothing to ask
            self.suite.cases.append(case)
            if case.checks:
                self.report.mapped(node, "item", case.key, "case")

    def _unused(self, items: Iterable[Node]) -> None:
        """Fields of items that neither a prompt nor a grader uses are not in the dataset."""
        judged = set(_FIELD.findall(json.dumps(self.node.value.get("testing_criteria"))))
        printed = {name for prompt in self.suite.prompts for name in prompt.names}
        seen: set[str] = set()
        for node in items:
            for field_name, child in node.entries():
                used = field_name in judged or self.variables.name(field_name) in printed
                is_new = field_name not in seen and field_name != self.variables.chat_field
                seen.add(field_name)
                if is_new and not used and self.suite.prompts:
                    reason = "neither the prompt nor a grader uses it"
                    self.report.unmapped(child, "item field", field_name, reason)

    def _all_items(self) -> dict[str, Node]:
        """Every item once, by its JSON."""
        items: dict[str, Node] = {}
        for run in self.runs:
            self._run(run)
            for node in self._items(run):
                known = items.setdefault(json.dumps(node.value, sort_keys=True), node)
                if known is not node:
                    note = f"the same item as on line {known.line}; it is one case"
                    self.report.differs(node, "item", "repeated item", "case", note)
        for output in self.outputs:
            for item in self._recorded(output):
                items.setdefault(json.dumps(item.value, sort_keys=True), item)
        return items

    def _recorded(self, output: Node) -> Iterator[Node]:
        """The item that an output item was made for: where OpenAI holds the data, all there is."""
        item = output.get("datasource_item")
        if item is not None:
            label = output.text("id") or "output item"
            reason = "its item is a case; the recorded answer and its results are not taken over"
            self.report.differs(output, "output item", label, "case", reason)
            yield item

    def _settings(self) -> None:
        for key, child in self.node.entries():
            if key not in _EVAL_KEYS | {"run", "runs"} and child.value not in (None, {}):
                reason = "suites have no such key"
                self.report.unmapped(child, "eval", f"{key}: {child.value}", reason)
        source = self.node.get("data_source_config")
        if source is None:
            return
        kind = source.text("type")
        if kind in {"logs", "stored_completions"} and not self.outputs:
            self.report.unmapped(source, "data_source_config", kind, _HELD, _DOWNLOAD)
        else:
            self.report.mapped(source, "data_source_config", kind or "custom", "variables")

    def _run(self, run: Node) -> None:
        for key, child in run.entries():
            if key in _RESULTS and child.value not in (None, {}, []):
                reason = "old results prove nothing about a version in Assay"
                self.report.unmapped(child, "run", key, reason, "run the suite")
            elif key not in _RUN_KEYS:
                self.report.unmapped(child, "run", key, "suites have no such key")
        source = run.get("data_source") or run
        for key, child in source.entries():
            if key == "sampling_params":
                self._parameters(child)
            elif key == "model" and isinstance(child.value, str):
                self._model(child)
            elif key == "input_messages":
                self._prompt(child, run)
            elif key not in {"type", "source"}:
                self.report.unmapped(child, "data source", key, "Assay has no such setting")

    def _parameters(self, node: Node) -> None:
        for key, child in node.entries():
            if child.value in (None, [], {}):
                continue
            name = "max_tokens" if key in _MOST_TOKENS else key
            good, bad = usable_parameters({name: child.value})
            if bad:
                self.report.unmapped(child, "sampling parameter", key, bad[name])
            elif self.suite.parameters.get(name, good[name]) != good[name]:
                reason = "the runs do not agree, and parameters belong to the prompt in Assay"
                self.report.unmapped(child, "sampling parameter", key, reason)
            else:
                self.suite.parameters |= good
                self.report.mapped(child, "sampling parameter", key, "parameters of the prompt")

    def _model(self, node: Node) -> None:
        name, body = entry(str(node.value))
        if problem := entry_problem(name, body):
            self.report.unmapped(node, "model", str(node.value), problem)
            return
        self.draft.models.setdefault(name, body)
        self.suite.model = self.suite.model or name
        self.report.differs(node, "model", str(node.value), f"models.yaml {name}", UNPINNED)

    def _prompt(self, node: Node, run: Node) -> None:
        label = run.text("name") or self.suite.name
        prompt = prompt_of(node, label, self.variables, self.report)
        if prompt is not None and not _is_known(prompt, self.suite.prompts):
            self.suite.prompts.append(prompt)

    def _items(self, run: Node) -> Iterator[Node]:
        data = run.get("data_source")
        source = data.get("source") if data is not None else None
        if source is None:
            self.report.unmapped(run, "run", run.text("id") or "run", "it has no source of items")
            return
        kind = source.text("type")
        if kind == "file_content":
            content = source.get("content")
            for row in content.elements() if content is not None else ():
                yield from self._item(row)
        elif kind == "file_id":
            yield from self._file(source)
        elif self.outputs:
            self.report.mapped(source, "source", kind or "(none)", _OUTPUTS)
        else:
            self.report.unmapped(source, "source", kind or "(none)", _HELD, _DOWNLOAD)

    def _file(self, source: Node) -> Iterator[Node]:
        identity = source.text("id")
        try:
            path = inside("", f"{identity}.jsonl")
            if not self.folder.exists(path):
                if self.outputs:
                    self.report.mapped(source, "source", f"file {identity}", _OUTPUTS)
                    return
                todo = f"download it as {identity}.jsonl and put it beside the export"
                self.report.unmapped(source, "source", f"file {identity}", _HELD, todo)
                return
            for row in read_jsonl(path, self.folder.read(path)):
                if row.problem:
                    self.report.unmapped(row.node, "item", path, row.problem)
                else:
                    yield from self._item(row.node)
        except (UnreadableError, ImportRefusedError) as error:
            reason = error.reason if isinstance(error, UnreadableError) else error.message
            todo = error.todo if isinstance(error, UnreadableError) else ""
            self.report.unmapped(source, "source", f"file {identity}", reason, todo)

    def _item(self, row: Node) -> Iterator[Node]:
        item = row.get("item")
        if item is None or not isinstance(item.value, dict):
            self.report.unmapped(row, "item", str(row.value), "the row has no object `item`")
            return
        if row.get("sample") is not None:
            reason = "Assay judges fresh answers, not recorded ones"
            self.report.differs(row, "item", "sample", "nothing", reason)
        yield item


def _is_known(prompt: PromptDraft, prompts: list[PromptDraft]) -> bool:
    return any((known.body, known.is_chat) == (prompt.body, prompt.is_chat) for known in prompts)
