"""Rules about a prompt repository: one module each, with its documentation.

What cannot be read is reported by the parsers (`catalogue.py` lists their codes); the rules look at
what could be read.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from functools import partial

from core.findings import Finding
from registry.domain.files import Files
from registry.domain.lint import (
    breaking_contract,
    context_budget,
    prefix_cache,
    secret,
    unreachable_partial,
    variable_without_type,
    version_deleted,
    version_edited,
    yaml_boolean,
)
from registry.domain.lint.ignoring import Ignore, Ignored, apply_ignores, read_ignores
from registry.domain.lint.rule import Edit, Rule, RuleDoc, TextRule
from registry.domain.lint.subject import State, Subject, text_of
from registry.domain.spreading import Spread, in_order, parts_of

__all__ = [
    "RULES",
    "TEXT_RULES",
    "Edit",
    "Ignore",
    "Ignored",
    "Rule",
    "RuleDoc",
    "State",
    "Subject",
    "TextRule",
    "apply_ignores",
    "check_files",
    "check_rules",
    "describe",
    "fix_for",
    "ignorable_errors",
]

RULES: tuple[Rule, ...] = (
    version_edited.RULE,
    version_deleted.RULE,
    breaking_contract.RULE,
    variable_without_type.RULE,
    unreachable_partial.RULE,
    context_budget.RULE,
    prefix_cache.RULE,
)
TEXT_RULES: tuple[TextRule, ...] = (secret.RULE, yaml_boolean.RULE)
_EVERY: tuple[Rule | TextRule, ...] = (*RULES, *TEXT_RULES)


def check_rules(subject: Subject) -> Iterator[Finding]:
    """What the rules about the whole repository find."""
    for rule in RULES:
        yield from rule.check(subject)


def check_files(
    files: Files, paths: Sequence[str], spread: Spread = in_order
) -> tuple[list[Finding], list[Ignore]]:
    """What the rules about single files find in these, and the ignores written there.

    Files that are no text are passed over. `spread` says where they are read.
    """
    parts = list(spread(partial(_check_part, files), parts_of(paths)))
    return [one for part, _ in parts for one in part], [one for _, part in parts for one in part]


def _check_part(files: Files, paths: Sequence[str]) -> tuple[list[Finding], list[Ignore]]:
    findings: list[Finding] = []
    ignores: list[Ignore] = []
    for path in paths:
        text = text_of(files, path)
        if text is None:
            continue
        ignores.extend(read_ignores(path, text))
        for rule in TEXT_RULES:
            findings.extend(rule.check(path, text))
    return findings, ignores


def fix_for(text: str, finding: Finding) -> Edit | None:
    """The edit that settles `finding` in the file that reads `text`, when there is a safe one."""
    for rule in TEXT_RULES:
        if rule.id == finding.code and rule.fix is not None:
            return rule.fix(text, finding)
    return None


def ignorable_errors() -> frozenset[str]:
    """The rules whose errors an ignore may take back."""
    return frozenset(rule.id for rule in _EVERY if rule.can_be_ignored)


def describe() -> tuple[RuleDoc, ...]:
    """Every rule, for the reference page."""
    return tuple(_described(rule) for rule in _EVERY)


def _described(rule: Rule | TextRule) -> RuleDoc:
    has_fix = isinstance(rule, TextRule) and rule.fix is not None
    return RuleDoc(rule.id, rule.severity, inspect.cleandoc(rule.documentation), has_fix)
