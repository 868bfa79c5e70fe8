"""Every case of a prompt over its newest runs on a model: a map of what passed and what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from core.errors import InvalidError
from evals import quarantine
from evals.domain.case_history import CaseClass
from evals.domain.case_state import CaseState
from evals.history import CaseHistory, CaseName, Window
from registry import queries
from registry.domain.actor import Scope
from webui.people import actor_of, page

#: Each is as many marks as there are runs, and a page shall not weigh more than 150 kB.
_CASES_A_PAGE = 30


@dataclass(frozen=True, slots=True)
class Column:
    """One run: the oldest comes first."""

    run: UUID
    version: int
    at: Any


@dataclass(frozen=True, slots=True)
class Row:
    """One case, with its state in each column; `held_until` is the end of its quarantine."""

    history: CaseHistory
    states: tuple[CaseState, ...]
    held_until: Any


@page()
def cases(request: HttpRequest, name: str) -> HttpResponse:
    """The map, of all cases or those of a class or with a key."""
    actor_of(request).require(Scope.READ, name)
    prompt = queries.prompt(name)
    models = [row.name for row in queries.models()]
    model = request.GET.get("model") or prompt.default_model or (models[0] if models else "")
    kind, case = request.GET.get("class", ""), request.GET.get("case", "").strip()[:200]
    window = Window(prompt=name, model=model)
    names = window.names(case=case or None, kind=_class(kind))
    shown = Paginator(names, _CASES_A_PAGE).get_page(request.GET.get("page"))
    columns = [Column(run, told[0], told[1]) for run, told in reversed(window.runs.items())]
    held = {
        CaseName(row.suite, row.case): row.expires_at
        for row in quarantine.in_force(prompt, timezone.now())
    }
    kept = request.GET.copy()
    kept.pop("page", None)
    context = {
        "prompt": prompt,
        "models": sorted({*models, model} - {""}),
        "model": model,
        "classes": [one.value for one in CaseClass],
        "kind": kind,
        "case": case,
        "is_filtered": bool(kind or case),
        "columns": columns,
        "rows": _rows(window.histories(list(shown)), columns, held),
        "states": list(CaseState),
        "page": shown,
        "query": kept.urlencode(),
    }
    return render(request, "webui/cases.html", context)


def _class(text: str) -> CaseClass | None:
    if not text:
        return None
    try:
        return CaseClass(text)
    except ValueError:
        known = ", ".join(CaseClass)
        raise InvalidError(f"class={text[:40]!r} is not one of {known}") from None


def _rows(
    histories: Sequence[CaseHistory], columns: Sequence[Column], held: Mapping[CaseName, Any]
) -> list[Row]:
    found = []
    for history in histories:
        states = {one.run: one.state for one in history.runs}
        of_columns = tuple(states.get(column.run, CaseState.NOT_ASKED) for column in columns)
        found.append(Row(history, of_columns, held.get(history.name)))
    return found
