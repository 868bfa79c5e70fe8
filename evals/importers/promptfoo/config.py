"""A promptfoo configuration as drafts of Assay's files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from evals.importers import javascript
from evals.importers.drafts import Draft, PromptDraft, SuiteDraft
from evals.importers.errors import ImportRefusedError, SourceMissingError, UnreadableError
from evals.importers.fidelity import Fidelity
from evals.importers.loading import read_document
from evals.importers.model_entries import usable_parameters
from evals.importers.names import Keys, variable
from evals.importers.nodes import Node, as_number
from evals.importers.promptfoo.cases import PREFIX, SUFFIX, Cases
from evals.importers.promptfoo.context import Context, followed
from evals.importers.promptfoo.prompts import PromptReader
from evals.importers.promptfoo.providers import Provider, read_provider, settings_left
from evals.importers.promptfoo.scenarios import scenario_tests
from evals.importers.promptfoo.settings import report_settings
from evals.importers.promptfoo.tests import Test, TestReader, read_default
from evals.importers.sources import SourceFolder

NAMES = ("promptfooconfig.yaml", "promptfooconfig.yml", "promptfooconfig.json")
_PROGRAMS = (
    "promptfooconfig.js",
    "promptfooconfig.ts",
    "promptfooconfig.mjs",
    "promptfooconfig.cjs",
)
_PARTS = frozenset({"prompts", "providers", "targets", "tests", "scenarios", "defaultTest"})
#: Configurations in other places, or under longer names.
_LIKE = re.compile(r"(?:^|/)[^/]*promptfoo[^/]*\.(?:ya?ml|json)$", re.IGNORECASE)
MAX_NAMED = 3
MAX_REPEATS = 20


def import_promptfoo(
    folder: SourceFolder, path: str, name: str, report: Fidelity, judge: str = ""
) -> Draft:
    """The configuration at `path` ("" means that of the folder). Raises ImportRefusedError.

    `judge` is the model, by the name it is served under, that judges where the source names none.
    """
    path = path or _found(folder)
    if path.endswith((".js", ".ts", ".mjs", ".cjs", ".mts", ".cts", ".py")):
        hint = "export it first: `promptfoo eval --output results.json` holds the configuration"
        raise ImportRefusedError(f"{path} is a program, and programs are never run", hint=hint)
    try:
        node = read_document(path, folder.read(path))
    except UnreadableError as error:
        raise SourceMissingError(error.reason, hint=error.todo) from error
    node = _of_results(node, report)
    if not isinstance(node.value, dict) or not node.value.keys() & (_PARTS - {"defaultTest"}):
        raise ImportRefusedError(f"{path} is not a promptfoo configuration")
    suite = SuiteDraft(name, description=node.text("description")[:2000])
    draft = Draft("promptfoo", path, [suite])
    context = Context(folder, posixpath.dirname(path), report, draft, suite, judge)
    _Importer(context, node).run()
    return draft


def _found(folder: SourceFolder) -> str:
    for name in NAMES:
        if folder.exists(name):
            return name
    for name in _PROGRAMS:
        if folder.exists(name):
            return name
    others = [path for path in folder.paths() if _LIKE.search(path)][:MAX_NAMED]
    hint = f"name the file: {', '.join(others)}" if others else "name the configuration file"
    raise SourceMissingError(f"the folder has no {NAMES[0]}", hint=hint)


def _of_results(node: Node, report: Fidelity) -> Node:
    """A result file holds the configuration it was made with."""
    config = node.get("config")
    results = node.get("results")
    if config is None or results is None or not isinstance(config.value, dict):
        return node
    reason = "old results prove nothing about a version in Assay"
    report.unmapped(results, "results", "stored results", reason, "run the suite")
    for key, child in node.entries():
        if key not in {"config", "results"}:
            report.unmapped(child, "results", key, reason)
    return config


class _Importer:
    def __init__(self, context: Context, node: Node) -> None:
        self.context = context
        self.node = node
        self.report = context.fidelity

    def run(self) -> None:
        """Everything, in an order in which each part knows what it needs."""
        report_settings(self.node, self.context)
        self._repeat()
        self._providers()
        default = read_default(self.node.get("defaultTest"), self.context)
        tests = self._tests(default)
        renamed = self._renamed([default, *tests])
        cases = Cases(self.context, default, renamed)
        cases.add(tests)
        prompts = self._prompts(renamed)
        self.context.suite.prompts = [self._surrounded(prompt) for prompt in prompts]
        self._print_like_javascript()

    def _tests(self, default: Test) -> list[Test]:
        tests: list[Test] = []
        if (given := self.node.get("tests")) is not None:
            tests += TestReader(self.context).tests(given)
        if (scenarios := self.node.get("scenarios")) is not None:
            tests += scenario_tests(scenarios, self.context)
        if not tests and self.node.get("scenarios") is None and self.node.get("tests") is None:
            tests = [
                Test(default.node if default.node.file else self.node)
            ]  # promptfoo's single test
        return tests

    def _renamed(self, tests: Iterable[Test]) -> dict[str, str]:
        """Variables whose names Assay does not take, with the names they get."""
        places: dict[str, Node] = {}
        for test in tests:
            for name, node in test.vars.items():
                places.setdefault(name, node)
        keys = Keys()
        renamed: dict[str, str] = {}
        for name in sorted(places, key=lambda name: variable(name) != name):
            taken = keys.unique(variable(name), "_{}")
            if taken != name:
                renamed[name] = taken
                note = f"the variable is called `{taken}` in Assay"
                self.report.differs(places[name], "var", name, "a variable", note)
        return renamed

    def _prompts(self, renamed: Mapping[str, str]) -> list[PromptDraft]:
        given = self.node.get("prompts")
        target = given
        if target is None:
            self.report.unmapped(self.node, "prompts", "prompts", "the configuration has none")
            return []
        prompts = list(PromptReader(self.context, renamed).prompts(target))
        if len(prompts) > 1:
            note = "prompts that are compared become versions of one prompt, in their order"
            prompts = [replace(p, differences=(*p.differences, note)) for p in prompts]
        return prompts

    def _surrounded(self, prompt: PromptDraft) -> PromptDraft:
        """The prompt with the variables of `prefix` and `suffix` where any test has them."""
        used = {name for case in self.context.suite.cases for name in case.variables}
        around = [name for name in (PREFIX, SUFFIX) if name in used]
        if not around:
            return prompt
        if prompt.is_chat:
            note = "prefix and suffix of tests are not printed: promptfoo puts them around the JSON"
            return replace(prompt, differences=(*prompt.differences, note))
        body = prompt.body
        body = f"{{{{ {PREFIX} }}}}{body}" if PREFIX in around else body
        body = f"{body}{{{{ {SUFFIX} }}}}" if SUFFIX in around else body
        return replace(
            prompt,
            body=body,
            names=prompt.names | set(around),
            printed=prompt.printed | set(around),
        )

    def _print_like_javascript(self) -> None:
        """Values that are only printed become the text that JavaScript prints for them."""
        suite = self.context.suite
        kept = {name for p in suite.prompts for name in p.names - p.printed}
        for case in suite.cases:
            for name, value in case.variables.items():
                if name not in kept and not isinstance(value, str):
                    case.variables[name] = self._printed(case.node, name, value)

    def _printed(self, node: Node, name: str, value: Any) -> str:
        if value is None:
            return ""
        try:
            return javascript.text_of(value)
        except javascript.NoTextError:
            note = (
                "an object that is only printed becomes its JSON; Nunjucks prints [object Object]"
            )
            self.report.differs(node, "var", name, "a text", note)
            return javascript.json_of(value)

    def _repeat(self) -> None:
        options = self.node.get("evaluateOptions")
        given = options.get("repeat") if options is not None else None
        if given is None:
            return
        number = as_number(given.value)
        if number is not None and 1 <= number <= MAX_REPEATS and int(number) == number:
            self.context.suite.repeats = int(number)
            self.report.mapped(given, "evaluateOptions", f"repeat: {number:g}", "repeats")
        else:
            reason = f"a suite repeats 1 to {MAX_REPEATS} times"
            self.report.unmapped(given, "evaluateOptions", f"repeat: {given.value}", reason)

    def _providers(self) -> None:
        given = self.node.get("providers") or self.node.get("targets")
        if given is None:
            return
        found: list[Provider] = []
        nodes = [given] if isinstance(given.value, str) else list(given.elements())
        if isinstance(given.value, dict):
            nodes = [given]
        for node in nodes:
            target = followed(node, self.context, "provider")
            inner = [target] if target is not None and not isinstance(target.value, list) else []
            if target is not None and isinstance(target.value, list):
                inner = list(target.elements())
            found += [provider for item in inner if (provider := self._provider(item))]
        self._parameters(found)
        self._transforms(found)

    def _transforms(self, providers: list[Provider]) -> None:
        """What all providers do to their outputs; where they differ, no check can say it."""
        values = [p.transform.value if p.transform is not None else None for p in providers]
        if any(value is not None for value in values):
            agreed = all(value == values[0] for value in values)
            self.context.transforms["provider transform"] = values[0] if agreed else values
        for provider in providers:
            if provider.transform is not None:
                what = f"{provider.label}: transform: {provider.transform.value}"
                note = "each assertion says whether it could be taken into account"
                self.report.differs(provider.transform, "provider setting", what, "checks", note)

    def _provider(self, node: Node) -> Provider | None:
        provider = read_provider(node)
        if provider.problem:
            todo = "add the model to models.yaml if it has an OpenAI-compatible endpoint"
            self.report.unmapped(node, "provider", provider.label, provider.problem, todo)
            return None
        draft = self.context.draft
        known = draft.models.setdefault(provider.name, provider.entry)
        notes = [*provider.differences]
        if known != provider.entry:
            notes.append("a model of the same name is there already; only its first entry is kept")
        into = f"models.yaml {provider.name}"
        self.report.settled(node, "provider", provider.label, into, notes)
        for place, key, reason in settings_left(node):
            self.report.unmapped(place, "provider setting", f"{provider.label}: {key}", reason)
        if not self.context.suite.model:
            self.context.suite.model = provider.name
        return provider

    def _parameters(self, providers: list[Provider]) -> None:
        """Sampling parameters belong to a prompt, so all providers must agree on them."""
        for key in dict.fromkeys(key for provider in providers for key in provider.parameters):
            values = [provider.parameters.get(key) for provider in providers]
            place = next(provider.node for provider in providers if key in provider.parameters)
            if any(value != values[0] for value in values):
                reason = "the providers do not agree, and parameters belong to the prompt in Assay"
                self.report.unmapped(place, "provider setting", key, reason)
                continue
            good, bad = usable_parameters({key: values[0]})
            if bad:
                self.report.unmapped(place, "provider setting", key, bad[key])
            else:
                self.context.suite.parameters |= good
                self.report.mapped(place, "provider setting", key, "parameters of the prompt")
