"""Merged promptfoo tests as rows of a dataset, and defaults as checks of the suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evals.importers import javascript
from evals.importers.drafts import CaseDraft
from evals.importers.interpolation import UnfilledError, fill, has_template
from evals.importers.names import Keys, slug
from evals.importers.nodes import Node, as_number
from evals.importers.promptfoo.assertions import Assertions
from evals.importers.promptfoo.context import BY_HAND, Context
from evals.importers.promptfoo.graders import Graders
from evals.importers.promptfoo.tests import Test
from evals.importers.promptfoo.variables import Variables

PREFIX, SUFFIX = "prompt_prefix", "prompt_suffix"
MAX_CASES = 20_000
#: Options that change what an assertion sees: a default check then differs between tests.
_JUDGING = frozenset({"transform", "postprocess", "provider", "rubricPrompt"})
UNMAPPED_OPTIONS: Mapping[str, tuple[str, str]] = {
    "transformVars": ("it is a program, and programs are never run", BY_HAND),
    "storeOutputAs": ("a case in Assay never sees another case's answer", ""),
    "runSerially": ("cases in Assay are independent of each other", ""),
    "repeat": ("repeats are set for the whole suite", "set `repeats` of the cases"),
}
_UNDERSTOOD = frozenset(
    "prefix suffix transform postprocess provider rubricPrompt disableVarExpansion "
    "disableDefaultAsserts disableConversationVar".split()
)


class Cases:
    """Fills the suite of `context` with cases."""

    def __init__(self, context: Context, default: Test, renamed: Mapping[str, str]) -> None:
        self.context = context
        self.report = context.fidelity
        self.default = default
        self.renamed = renamed
        self.variables = Variables(context)
        self.assertions = Assertions(context, Graders(context, default))
        self.keys = Keys()
        self.suite_names = Keys()
        self.shared: tuple[Node, ...] = ()

    def add(self, tests: Sequence[Test]) -> None:
        """All tests, each on top of the default."""
        self._options(self.default)
        self._share(tests)
        self._share_threshold(tests)
        for number, test in enumerate(tests, 1):
            self._test(test, number)

    def _share(self, tests: Sequence[Test]) -> None:
        """Default assertions that are the same for every test become checks of the suite."""
        if any(_skips_defaults(test) or test.options.keys() & _JUDGING for test in tests):
            return
        shared = tuple(node for node in self.default.asserts if not _has_templates(node.value))
        for node in shared:
            mapped = self.assertions.mapped(
                node, self.default, {}, self.suite_names, is_default=True
            )
            if mapped is not None:
                self.context.suite.checks.append(mapped.check)
        self.shared = shared

    def _share_threshold(self, tests: Sequence[Test]) -> None:
        if all(test.threshold is None for test in tests):
            self.context.suite.threshold = self._threshold(self.default)

    def _test(self, test: Test, number: int) -> None:
        base = self.default
        if _skips_defaults(test):
            base = Test(base.node, vars=base.vars, options=base.options, metadata=base.metadata)
            self.report.mapped(test.node, "option", "disableDefaultAsserts")
        merged = test.over(base)
        self._options(test)
        label = merged.description or f"test {number}"
        made: list[CaseDraft] = []
        for values in self.variables.combinations(merged):
            if len(self.context.suite.cases) >= MAX_CASES:
                reason = f"a suite has at most {MAX_CASES:,} cases"
                self.report.unmapped(test.node, "test", label, reason)
                return
            has_own = test.threshold is not None
            made.append(self._case(merged, label, values, has_own_threshold=has_own))
        self._made(merged, label, made)

    def _made(self, test: Test, label: str, made: Sequence[CaseDraft]) -> None:
        """Report the test, unless nothing checks it: the assembly says so then."""
        kept = len(self.context.suite.checks)
        checked = [case for case in made if self.context.suite.decides(case)]
        if not checked:
            return
        wanted = len(test.asserts)
        lost = max(wanted - len(case.checks) - kept for case in checked)
        said = f"{lost} of its {wanted} assertions judge it no more" if lost > 0 else ""
        into = f"{len(checked)} case{'s' * (len(checked) > 1)}"
        self.report.settled(test.node, "test", label, into, (said,))

    def _case(
        self, test: Test, label: str, values: dict[str, Any], *, has_own_threshold: bool
    ) -> CaseDraft:
        case = CaseDraft(node=test.node, key=self.keys.case(label))
        names = Keys()
        for check in self.context.suite.checks:
            names.unique(str(check.get("name", "")), " ({})")
        for node in test.asserts:
            if any(node is shared for shared in self.shared):
                continue
            mapped = self.assertions.mapped(node, test, values, names, case.expected)
            if mapped is not None:
                case.checks.append(mapped.check)
                case.expected = mapped.expected if mapped.expected is not None else case.expected
        if has_own_threshold or self.context.suite.threshold is None:
            case.threshold = self._threshold(test)
        case.tags = self._tags(test)
        case.variables = {self.renamed.get(name, name): value for name, value in values.items()}
        self._around(case, test, values)
        self.context.suite.cases.append(case)
        return case

    def _around(self, case: CaseDraft, test: Test, values: Mapping[str, Any]) -> None:
        """`prefix` and `suffix` of the prompt, as variables that every prompt prints."""
        for option, name in (("prefix", PREFIX), ("suffix", SUFFIX)):
            node = test.options.get(option)
            if node is None:
                continue
            try:
                text = fill(str(node.value), values)
            except UnfilledError as error:
                self.report.unmapped(node, "option", f"{option}: {node.value}", str(error))
                continue
            case.variables[name] = text
            note = f"the text is the variable `{name}`, printed around the prompt"
            self.report.differs(node, "option", f"{option}: {node.value}", "a variable", note)

    def _threshold(self, test: Test) -> float | None:
        node = test.threshold
        if node is None:
            return None
        value = as_number(node.value)
        if value is None or not 0 <= value <= 1:
            reason = "only a share above 0 and at most 1 can be reached and missed"
            self.report.unmapped(node, "test threshold", str(node.value), reason)
            return None
        if value == 0:
            note = "0.118.17 ignored it, as the import does; newer releases pass any answer then"
            self.report.differs(node, "test threshold", "0", "nothing", note)
            return None
        self.report.mapped(node, "test threshold", f"{value:g}", "threshold")
        return value

    def _tags(self, test: Test) -> list[str]:
        tags = []
        for key, node in test.metadata.items():
            items = node.value if isinstance(node.value, list) else [node.value]
            found = [_tag(key, item) for item in items]
            if not found or "" in found or len(found) > 20:
                reason = "a tag is made of a word or a number, and this is neither"
                self.report.unmapped(node, "metadata", key, reason)
            else:
                tags += found
                self.report.differs(node, "metadata", key, "tags", f"kept as `{found[0]}`")
        return list(dict.fromkeys(tags))

    def _options(self, test: Test) -> None:
        for name, node in test.options.items():
            if name in UNMAPPED_OPTIONS:
                reason, todo = UNMAPPED_OPTIONS[name]
                self.report.unmapped(node, "option", f"{name}: {node.value}", reason, todo)
            elif name not in _UNDERSTOOD:
                reason = "Assay has no such option"
                self.report.unmapped(node, "option", f"{name}: {node.value}", reason)
            elif name == "disableConversationVar":
                reason = "Assay has no `_conversation`, so it is always so"
                self.report.differs(node, "option", name, "nothing", reason)
            elif name == "rubricPrompt":
                reason = "Assay's judges ask with a prompt of the repository"
                self.report.unmapped(node, "option", name, reason, "put it into prompts/judges/")
            elif name in {"transform", "postprocess"}:
                note = "each assertion says whether it could be taken into account"
                self.report.differs(node, "option", f"{name}: {node.value}", "checks", note)
            elif name == "disableVarExpansion":
                self.report.mapped(node, "option", name)


def _skips_defaults(test: Test) -> bool:
    node = test.options.get("disableDefaultAsserts")
    return node is not None and javascript.is_truthy(node.value)


def _has_templates(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_templates(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_templates(item) for item in value)
    return isinstance(value, str) and has_template(value)


def _tag(key: str, value: Any) -> str:
    if isinstance(value, dict | list) or value is None:
        return ""
    name = slug(javascript.text_of(value), "")
    word = slug(key, "")
    return f"{word}.{name}" if name and word else ""
