"""What changes for the callers of a prompt between two versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from registry.domain.template.analysis import placeholder_names
from registry.domain.version import Schema, VersionContent

_ANNOTATIONS = frozenset({"title", "description", "examples", "$comment", "format", "default"})
#: Keywords whose greater value accepts more, and those whose greater value accepts less.
_UPPER = frozenset({"maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties"})
_LOWER = frozenset({"minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties"})
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class ContractChange:
    """One difference. Breaking: a call that worked with the old version may now be refused."""

    kind: str
    variable: str
    breaking: bool
    message: str


def diff_contract(old: VersionContent, new: VersionContent) -> tuple[ContractChange, ...]:
    """Changes callers notice, breaking ones first; the wording of the prompt is not among them."""
    changes = [*_whole(old, new), *_placeholders(old, new)]
    for name in sorted({*old.variables, *new.variables}):
        before, after = old.variables.get(name), new.variables.get(name)
        if before is None:
            assert after is not None
            changes.append(_added(name, after))
        elif after is None:
            message = f"`{name}` is gone; calls that pass it are refused."
            changes.append(ContractChange("variable_removed", name, True, message))
        else:
            changes.extend(_changed(name, before, after))
    return tuple(sorted(changes, key=lambda change: (not change.breaking, change.variable)))


def _whole(old: VersionContent, new: VersionContent) -> Iterator[ContractChange]:
    if old.type != new.type:
        message = f"The prompt was {old.type} and is now {new.type}."
        yield ContractChange("type_changed", "", True, message)
    before, after = (v.parameters.get("response_format") for v in (old, new))
    if before != after:
        message = "The answer's format (`response_format`) is another one."
        yield ContractChange("response_format_changed", "", True, message)


def _placeholders(old: VersionContent, new: VersionContent) -> Iterator[ContractChange]:
    before, after = set(placeholder_names(old)), set(placeholder_names(new))
    for name in sorted(before - after):
        message = f"The placeholder `{name}` is gone; calls that fill it are refused."
        yield ContractChange("placeholder_removed", name, True, message)
    for name in sorted(after - before):
        message = f"The placeholder `{name}` is new; calls may leave it empty."
        yield ContractChange("placeholder_added", name, False, message)


def _added(name: str, schema: Schema) -> ContractChange:
    if "default" in schema:
        message = f"`{name}` is new and has a default."
        return ContractChange("optional_variable_added", name, False, message)
    message = f"`{name}` is new and required."
    return ContractChange("required_variable_added", name, True, message)


def _changed(name: str, before: Schema, after: Schema) -> Iterator[ContractChange]:
    yield from _default_changed(name, before, after)
    for keyword in sorted({*before, *after} - _ANNOTATIONS):
        one, other = before.get(keyword, _ABSENT), after.get(keyword, _ABSENT)
        if _same(one, other):
            continue
        breaking = not _accepts_more(keyword, one, other)
        kind = "variable_narrowed" if breaking else "variable_widened"
        message = f"`{name}`: `{keyword}` was {_shown(one)} and is now {_shown(other)}."
        yield ContractChange(kind, name, breaking, message)


def _default_changed(name: str, before: Schema, after: Schema) -> Iterator[ContractChange]:
    one, other = before.get("default", _ABSENT), after.get("default", _ABSENT)
    if _same(one, other):
        return
    if other is _ABSENT:
        message = f"`{name}` has lost its default and is now required."
        yield ContractChange("became_required", name, True, message)
    elif one is _ABSENT:
        yield ContractChange("became_optional", name, False, f"`{name}` now has a default.")
    else:
        message = f"`{name}`: the default was {_shown(one)} and is now {_shown(other)}."
        yield ContractChange("default_changed", name, False, message)


def _accepts_more(keyword: str, before: Any, after: Any) -> bool:
    """Whether every value the old keyword accepted is accepted by the new one."""
    if after is _ABSENT or before is _ABSENT:
        return after is _ABSENT
    if keyword == "type":
        return _types(before) <= _types(after)
    if keyword == "enum" and isinstance(before, list) and isinstance(after, list):
        return all(any(_same(value, kept) for kept in after) for value in before)
    if keyword in _UPPER:
        return bool(before <= after)
    if keyword in _LOWER:
        return bool(before >= after)
    return False


def _types(value: Any) -> set[str]:
    kinds = set(value) if isinstance(value, list) else {value}
    return kinds | {"integer"} if "number" in kinds else kinds


def _same(one: Any, other: Any) -> bool:
    """Equality as JSON has it: true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _shown(value: Any) -> str:
    return "absent" if value is _ABSENT else repr(value)[:80]
