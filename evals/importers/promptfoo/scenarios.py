"""promptfoo's scenarios: every configuration with every test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from evals.importers.nodes import Node
from evals.importers.promptfoo.context import Context, followed_all
from evals.importers.promptfoo.tests import Test, TestReader

_KEYS = frozenset({"description", "config", "tests"})
_DROPPED = "promptfoo drops `options` of a scenario's config without a word; so does the import"


def scenario_tests(node: Node, context: Context) -> Iterator[Test]:
    """The tests of all scenarios, in promptfoo's order."""
    reader = TestReader(context)
    for item in followed_all(node, context, "scenarios"):
        for part in followed_all(item, context, "scenario"):
            yield from _one(part, context, reader)


def _one(node: Node, context: Context, reader: TestReader) -> Iterator[Test]:
    if not isinstance(node.value, dict):
        context.fidelity.unmapped(node, "scenario", str(node.value), "this is not a scenario")
        return
    for key, child in node.entries():
        if key not in _KEYS:
            context.fidelity.unmapped(child, "scenario key", key, "promptfoo has no such key")
    configs = _configs(node.get("config"), context, reader)
    given = node.get("tests")
    tests = list(reader.tests(given)) if given is not None else [Test(node)]
    label = node.text("description")
    if configs:
        made = f"{len(configs)} configurations, {len(tests)} tests"
        context.fidelity.mapped(node, "scenario", label or "scenario", made)
    else:
        reason = "it has no `config`, so promptfoo makes no test of it"
        context.fidelity.unmapped(node, "scenario", label or "scenario", reason)
    for config in configs:
        for test in tests:
            merged = test.over(replace(config, options={}))
            yield replace(merged, description=merged.description or label)


def _configs(node: Node | None, context: Context, reader: TestReader) -> list[Test]:
    found = followed_all(node, context, "scenario config") if node is not None else []
    configs = [config for part in found for config in reader.tests(part)]
    for config in configs:
        for name, option in config.options.items():
            context.fidelity.unmapped(option, "scenario config option", name, _DROPPED)
    return configs
