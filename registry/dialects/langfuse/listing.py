"""All prompts, page by page, with Langfuse's filters: they choose versions, then names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from core.errors import InvalidError
from registry.dialects.langfuse.body import labels_of, model_config
from registry.dialects.langfuse.conditions import Condition, Row, conditions, moment
from registry.domain.actor import Actor
from registry.lookup import catalogue

_KNOWN = frozenset("name label tag page limit fromUpdatedAt toUpdatedAt filter".split())
_USUAL_LIMIT, _MOST = 10, 100


def page(actor: Actor, query: Mapping[str, str]) -> dict[str, Any]:
    """`data` and `meta` of a list. Raises InvalidError."""
    unknown = sorted(set(query) - _KNOWN)
    if unknown:
        raise InvalidError(f"{unknown[0][:60]!r} is not one of {', '.join(sorted(_KNOWN))}")
    number = _count(query, "page", 1, 1_000_000)
    limit = _count(query, "limit", _USUAL_LIMIT, _MOST)
    wanted = _wanted(query)
    rows = [row for row in _rows(actor) if all(holds(row) for holds in wanted)]
    names = [(name, list(found)) for name, found in groupby(rows, lambda row: row["name"])]
    shown = names[(number - 1) * limit : number * limit]
    configs = catalogue.parameters([found[-1]["id"] for _, found in shown])
    return {
        "data": [_entry(name, found, configs) for name, found in shown],
        "meta": {
            "page": number,
            "limit": limit,
            "totalItems": len(names),
            "totalPages": -(-len(names) // limit),
        },
    }


def _count(query: Mapping[str, str], name: str, usual: int, most: int) -> int:
    text = query.get(name) or str(usual)
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= value <= most:
        raise InvalidError(f"{name}={text[:60]!r} is not a number from 1 to {most:,}")
    return value


def _wanted(query: Mapping[str, str]) -> tuple[Condition, ...]:
    """What a version must be. A `filter` overrides the rest, an empty one too."""
    if query.get("filter"):
        return conditions(query["filter"])
    made: list[Condition] = []
    name, label, tag = (query.get(key) for key in ("name", "label", "tag"))
    if name:
        made.append(lambda row: bool(row["name"] == name))
    if label:
        made.append(lambda row: label in row["labels"])
    if tag:
        made.append(lambda row: tag in row["tags"])
    if query.get("fromUpdatedAt"):
        first = moment(query["fromUpdatedAt"])
        made.append(lambda row: bool(row["updated_at"] >= first))
    if query.get("toUpdatedAt"):
        end = moment(query["toUpdatedAt"])
        made.append(lambda row: bool(row["updated_at"] < end))
    return tuple(made)


def _rows(actor: Actor) -> Iterable[Row]:
    """Every version the actor may see, by name and number, without its text."""
    pointed: dict[int, list[tuple[str, datetime]]] = {}
    for version, tag, moved_at in catalogue.live_tags():
        pointed.setdefault(version, []).append((tag, moved_at))
    for name, found in groupby(catalogue.published_versions(), lambda row: row.name):
        versions = list(found)
        if not actor.sees(name):
            continue
        for row in versions:
            tags = pointed.get(row.pk, [])
            moved = [moved_at for _, moved_at in tags]
            yield {
                "id": row.pk,
                "name": name,
                "version": row.number,
                "type": row.type,
                "labels": labels_of((tag for tag, _ in tags), is_newest=row is versions[-1]),
                "tags": [],
                "created_at": row.published_at,
                "updated_at": max([row.published_at, *moved]),
            }


def _entry(
    name: str, versions: list[Row], parameters: Mapping[int, Mapping[str, Any]]
) -> dict[str, Any]:
    updated = max(row["updated_at"] for row in versions).astimezone(UTC)
    return {
        "name": name,
        "type": versions[-1]["type"],
        "versions": [row["version"] for row in versions],
        "labels": sorted({label for row in versions for label in row["labels"]}),
        "tags": [],
        "lastUpdatedAt": updated.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "lastConfig": model_config(parameters[versions[-1]["id"]], None),
    }
