"""The fidelity report as a page for people (fidelity.md) and as data (fidelity.json)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from evals.importers.fidelity import FATES, Fate, Fidelity, Item, ranges

_TITLES: dict[Fate, str] = {
    "not_mapped": "Not mapped",
    "mapped_with_difference": "Mapped with a difference",
    "mapped": "Mapped",
}
_LEADS: dict[Fate, str] = {
    "not_mapped": "These items are not in the Assay files. Where a case lost a check, it is judged "
    "by its other checks only.",
    "mapped_with_difference": "These items were taken over, but judge or say something a little "
    "different from the source.",
    "mapped": "These items mean the same in Assay.",
}


@dataclass(frozen=True)
class Outcome:
    """What the report is about. `files` are the paths written, relative to the target folder."""

    format: str
    source: str
    suites: tuple[str, ...]
    cases: int
    unchecked: int
    files: tuple[str, ...]


def as_json(outcome: Outcome, fidelity: Fidelity) -> bytes:
    """fidelity.json: every item with file, line, fate and reason."""
    body = {
        "format": outcome.format,
        "source": outcome.source,
        "suites": list(outcome.suites),
        "cases": outcome.cases,
        "cases_without_checks": outcome.unchecked,
        "summary": fidelity.summary().to_json(),
        "files": list(outcome.files),
        "items": [item.to_json(count, lines) for item, count, lines in fidelity.told()],
    }
    return (json.dumps(body, indent=2, ensure_ascii=False) + "\n").encode()


def as_markdown(outcome: Outcome, fidelity: Fidelity) -> bytes:
    """fidelity.md: the same, with alike items on one line."""
    return ("\n".join(_page(outcome, fidelity)) + "\n").encode()


def _page(outcome: Outcome, fidelity: Fidelity) -> Iterator[str]:
    yield f"# Fidelity of the import of {_cell(outcome.source)} ({outcome.format})"
    yield ""
    suites = ", ".join(f"`{name}`" for name in outcome.suites) or "none"
    yield f"Suites: {suites}. Cases: {outcome.cases:,}."
    if outcome.unchecked:
        yield (
            f"Cases left without any check: {outcome.unchecked:,}. They are in a file of their own "
            "beside the dataset; a suite takes only cases that something checks."
        )
    yield ""
    yield "| fate | items |"
    yield "| --- | ---: |"
    counts = fidelity.summary().to_json()
    for fate in FATES:
        yield f"| {_TITLES[fate].lower()} | {counts[fate]:,} |"
    told = [(lines, item) for item, _, lines in fidelity.told()]
    for fate in reversed(FATES):
        yield from _section(fate, [pair for pair in told if pair[1].fate == fate])


def _section(fate: Fate, items: Sequence[tuple[str, Item]]) -> Iterator[str]:
    if not items:
        return
    yield ""
    yield f"## {_TITLES[fate]}"
    yield ""
    yield _LEADS[fate]
    yield ""
    column = {"mapped": "", "mapped_with_difference": " difference |", "not_mapped": " why |"}[fate]
    last = " what to do |" if fate == "not_mapped" else " became |"
    yield f"| where | item |{column}{last}"
    yield "| --- | --- |" + " --- |" * (2 if column else 1)
    for lines, item in _alike(items):
        said = f" {_cell(item.detail)} |" if column else ""
        end = item.todo if fate == "not_mapped" else "; ".join(filter(None, (item.into, item.todo)))
        yield f"| {_cell(lines)} | {_cell(f'{item.kind}: {item.what}')} |{said} {_cell(end)} |"


def _alike(items: Sequence[tuple[str, Item]]) -> Iterator[tuple[str, Item]]:
    """(file with its lines, item) of items that differ in nothing but their lines."""
    grouped: dict[Item, list[tuple[str, Item]]] = {}
    for lines, item in items:
        grouped.setdefault(replace(item, line=0), []).append((lines, item))
    for item, pairs in grouped.items():
        alone = ranges(sorted({one.line for _, one in pairs}))
        yield f"{item.path}:{pairs[0][0] if len(pairs) == 1 else alone}", item


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
