"""One check and one case, read from a suite file or a dataset row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from evals.domain.checks import (
    CheckError,
    CheckSpec,
    Problem,
    check_types,
    expectation_problem,
    parameter_problems,
    without_defaults,
)
from evals.domain.checks.common_keys import (
    NOT,
    THRESHOLD,
    WEIGHT,
    common_problems,
    own_parameters,
    spec_of,
)
from evals.domain.json_values import unstorable_text
from evals.domain.spec import CaseSpec
from registry.domain.fields import Fields
from registry.domain.names import is_name, is_variable_name
from registry.domain.positions import Path
from registry.domain.source import Source
from registry.domain.template.tags import ROLES

MAX_REPEATS = 20
MAX_CHECKS = 50
MAX_KEY_CHARS = 200
#: Items in any mapping or list below: what a person can have meant, not what a file can hold.
MAX_ITEMS = 200
#: Problems of one check that are told; a hostile schema can have very many.
MAX_PROBLEMS = 20
_CASE_KEYS = (
    "id",
    "variables",
    "placeholders",
    "expected",
    "critical",
    "repeats",
    "checks",
    "tags",
    "threshold",
    "cluster",
)


def read_checks(fields: Fields, taken: Sequence[CheckSpec] = ()) -> tuple[CheckSpec, ...]:
    """The checks under `checks`; what is wrong with one is reported and the check left out.

    `taken` are checks that apply to the same case: names stay unique among all of them.
    """
    raw = fields.items("checks")
    if _is_crowded(fields.source, (*fields.at, "checks"), raw, MAX_CHECKS):
        return ()
    names = {check.name for check in taken}
    found: list[CheckSpec] = []
    for index, item in enumerate(raw):
        check = _check(Fields(fields.source, (*fields.at, "checks", index), item, None), names)
        if check is not None:
            names.add(check.name)
            found.append(check)
    return tuple(found)


def _check(fields: Fields, taken: set[str]) -> CheckSpec | None:
    check_type = fields.text("type", is_required=True)
    if not check_type:
        return None
    params = own_parameters(fields.values)
    problems = list(common_problems(fields.values, (WEIGHT, THRESHOLD, NOT)))
    try:
        problems += islice(parameter_problems(check_type, params), MAX_PROBLEMS)
    except CheckError as error:
        known = ", ".join(check_types())
        fields.wrong("type", "unknown_check", f"{error.message}.", hint=f"known: {known}")
        return None
    for problem in problems:
        _report(fields, problem)
    if any(problem.is_error for problem in problems):
        return None
    fields.boolean("critical", default=False)  # reports what is not true or false
    name = _check_name(fields, check_type, taken)
    return spec_of(fields.values, name, without_defaults(check_type, params))


def _report(fields: Fields, problem: Problem) -> None:
    message = f"{problem.message[:1].upper()}{problem.message[1:]}."
    fields.source.report(
        (*fields.at, *problem.pointer),
        "check_parameter",
        message,
        severity="error" if problem.is_error else "warning",
        hint=problem.hint,
    )


def _check_name(fields: Fields, check_type: str, taken: set[str]) -> str:
    name = fields.text("name")
    if name in taken:
        fields.wrong("name", "duplicate_check", f"Another check is called {name[:60]!r}.")
    if name:
        return name
    numbered = (f"{check_type}-{number}" for number in range(2, len(taken) + 3))
    return check_type if check_type not in taken else next(n for n in numbered if n not in taken)


def read_case(
    source: Source, at: Path, raw: Any, suite_checks: tuple[CheckSpec, ...]
) -> CaseSpec | None:
    """The case at `at`, or None after findings."""
    if not isinstance(raw, dict):
        source.report(at, "wrong_type", "A case is a mapping with an `id`.")
        return None
    if _is_crowded(source, at, raw):
        return None
    before = len(source.findings)
    fields = Fields(source, at, raw, _CASE_KEYS)
    checks = read_checks(fields, suite_checks)
    case = CaseSpec(
        key=_key(fields),
        variables=_variables(fields),
        placeholders=_placeholders(fields),
        expected=fields.values.get("expected"),
        critical=fields.boolean("critical", default=False),
        repeats=fields.integer("repeats", 1, 1, MAX_REPEATS) if "repeats" in fields else None,
        checks=checks,
        tags=_tags(fields),
        threshold=read_threshold(fields),
        cluster=_cluster(fields),
    )
    if problem := unstorable_text(raw):
        source.report(at, "bad_text", f"The case cannot be stored: {problem}.")
    _check_expectations(fields, (*suite_checks, *checks), case.expected)
    return None if _has_error(source, before) else case


def read_threshold(fields: Fields) -> float | None:
    """The share of the weighted score that passes a case, above 0; None when it is not said."""
    if "threshold" not in fields:
        return None
    threshold = fields.number("threshold", 1.0, 0, 1)
    if threshold == 0:
        fields.wrong("threshold", "bad_value", "At a `threshold` of 0 every answer would pass.")
    return threshold


def _cluster(fields: Fields) -> str | None:
    if "cluster" not in fields:
        return None
    value = fields.values["cluster"]
    cluster = str(value) if type(value) in (str, int) else ""
    if not 1 <= len(cluster) <= MAX_KEY_CHARS or not cluster.isprintable():
        message = f"A `cluster` is a text of 1 to {MAX_KEY_CHARS} printable characters."
        fields.wrong("cluster", "bad_value", message)
    return cluster


def _is_crowded(source: Source, at: Path, items: Any, limit: int = MAX_ITEMS) -> bool:
    """Whether a mapping or list has more items than are looked at one by one; reported."""
    if len(items) > limit:
        source.report(at, "too_many_items", f"{len(items):,} items; at most {limit} are read.")
    return len(items) > limit


def _tags(fields: Fields) -> tuple[str, ...]:
    if _is_crowded(fields.source, (*fields.at, "tags"), fields.items("tags")):
        return ()
    return fields.names("tags", is_name)


def _has_error(source: Source, since: int) -> bool:
    return any(finding.severity == "error" for finding in source.findings[since:])


def _key(fields: Fields) -> str:
    value = fields.values.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    key = value.strip() if isinstance(value, str) else ""
    if not 1 <= len(key) <= MAX_KEY_CHARS or not key.isprintable():
        message = f"A case needs an `id` of 1 to {MAX_KEY_CHARS} printable characters."
        fields.wrong("id", "bad_value", message)
    return key


def _variables(fields: Fields) -> dict[str, Any]:
    section = fields.mapping("variables", None)
    if _is_crowded(section.source, section.at, section.values):
        return {}
    for name in section.values:
        if not is_variable_name(name):
            message = f"{name[:60]!r} cannot be the name of a variable."
            section.source.report_key((*section.at, name), "bad_name", message)
    return section.values


def _placeholders(fields: Fields) -> dict[str, Any]:
    section = fields.mapping("placeholders", None)
    if _is_crowded(section.source, section.at, section.values):
        return {}
    for name in section.values:
        messages = section.items(name)
        if _is_crowded(section.source, (*section.at, name), messages):
            continue
        for index, item in enumerate(messages):
            at = (*section.at, name, index)
            is_pair = isinstance(item, dict) and item.keys() == {"role", "content"}
            if not is_pair or item["role"] not in ROLES or not isinstance(item["content"], str):
                message = f"A message is {{role, content}} with a role of {', '.join(ROLES)}."
                section.source.report(at, "wrong_type", message)
    return section.values


def _check_expectations(fields: Fields, checks: tuple[CheckSpec, ...], expected: Any) -> None:
    for check in checks:
        if problem := expectation_problem(check, expected):
            message = f"The check {check.name!r} cannot judge this case: {problem}."
            fields.source.report(fields.at, "bad_expected", message)
