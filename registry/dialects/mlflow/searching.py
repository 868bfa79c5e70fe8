"""`search_prompts`: MLflow's filter language, as far as it is about names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.errors import InvalidError
from registry.domain.dots import dotted

#: MLflow's own limits.
_DEFAULT_RESULTS, _MOST_RESULTS = 100, 1000
_CLAUSE = re.compile(
    r"""\s*(?:
        tags?\.[`"]?mlflow\.prompt\.is_prompt[`"]?\s*=\s*'(?P<is_prompt>[^']*)'
      | name\s*(?P<how>=|I?LIKE\b)\s*'(?P<name>[^']*)'
    )\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_AND = re.compile(r"AND\b", re.IGNORECASE)
_ORDER = re.compile(r"\s*name(?:\s+(ASC|DESC))?\s*", re.IGNORECASE)


class SearchInvalidError(InvalidError):
    """The search cannot be done here."""

    code = "search_invalid"
    hint = "name = 'x', name LIKE 'x%' and name ILIKE 'x%', joined by AND; order by name"


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: `patterns` are regular expressions for whole dotted names.

    `after`: the last prompt of the page before. `nothing`: models, of which there are none.
    """

    patterns: tuple[re.Pattern[str], ...]
    descending: bool
    after: str
    limit: int
    nothing: bool

    def page(self, names: Iterable[str]) -> list[str]:
        """Of prompts' names, those of this page, and one more if there is a next one."""
        found = [(dotted(name), name) for name in names if self._wants(dotted(name))]
        if self.after:
            last = (dotted(self.after), self.after)
            found = [one for one in found if (one < last if self.descending else one > last)]
        return [name for _, name in sorted(found, reverse=self.descending)][: self.limit + 1]

    def _wants(self, name: str) -> bool:
        return not self.nothing and all(one.fullmatch(name) for one in self.patterns)


def search(query: Mapping[str, str], orders: list[str]) -> Search:
    """Read the query. Raises SearchInvalidError."""
    patterns: list[re.Pattern[str]] = []
    wants_models = False
    for clause in _clauses(query.get("filter", "")):
        if clause["is_prompt"] is not None:
            wants_models = wants_models or clause["is_prompt"].lower() != "true"
        else:
            patterns.append(_pattern(clause["how"].upper(), clause["name"]))
    return Search(
        tuple(patterns),
        _descending(orders),
        query.get("page_token", ""),
        _limit(query.get("max_results", "")),
        wants_models,
    )


def _clauses(text: str) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    at = 0
    while text.strip():
        clause = _CLAUSE.match(text, at)
        if clause is None:
            raise SearchInvalidError(f"the filter cannot be read from {text[at : at + 60]!r} on")
        found.append(clause)
        if clause.end() == len(text):
            break
        joined = _AND.match(text, clause.end())
        if joined is None:
            raise SearchInvalidError(f"AND is expected at {text[clause.end() :][:60]!r}")
        at = joined.end()
    return found


def _pattern(how: str, text: str) -> re.Pattern[str]:
    if how == "=":
        return re.compile(re.escape(text))
    parts = ["[^\n]*" if c == "%" else "[^\n]" if c == "_" else re.escape(c) for c in text]
    return re.compile("".join(parts), re.IGNORECASE if how == "ILIKE" else 0)


def _descending(orders: list[str]) -> bool:
    if not orders:
        return False
    found = _ORDER.fullmatch(orders[0])
    if len(orders) > 1 or found is None:
        raise SearchInvalidError(f"cannot order by {', '.join(orders)[:80]!r}")
    return (found[1] or "").upper() == "DESC"


def _limit(text: str) -> int:
    if not text:
        return _DEFAULT_RESULTS
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= _MOST_RESULTS):
        raise SearchInvalidError(f"max_results is a number from 1 to {_MOST_RESULTS}")
    return int(text)
