"""Several runs beside each other: what came of them, check by check and case by case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from urllib.parse import urlencode
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core.errors import InvalidError
from evals import queries
from evals.domain.latency import Percentile
from evals.report.comparing import ComparedRun, compared
from webui.charts import Bar, Chart, differences, shares
from webui.people import actor_of, page
from webui.times import METRICS, time_plots

_MOST_RUNS = 5
_CASES_A_PAGE = 50
#: More rows than that are no picture any more.
_MOST_BARS = 40
_ALL = "all checks"


class ComparisonInvalidError(InvalidError):
    """What is asked for is no comparison."""

    code = "comparison_invalid"
    hint = f"tick two to {_MOST_RUNS} runs in the list of runs"


@dataclass(frozen=True, slots=True)
class Named:
    """A compared run with its letter and the class of its colour."""

    letter: str
    kind: str
    found: ComparedRun


@dataclass(frozen=True, slots=True)
class Rate:
    """A pass rate of the run with that letter; None where it has none."""

    letter: str
    rate: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A percentile of the run with that letter; None where it has none."""

    letter: str
    found: Percentile | None


@page()
def compare(request: HttpRequest) -> HttpResponse:
    """Two to five runs; without any, how to choose them."""
    asked = list(dict.fromkeys(request.GET.getlist("run")))
    if not asked:
        return render(request, "webui/compare.html", {"most": _MOST_RUNS})
    found = compared(queries.runs_for(actor_of(request), _ids(asked)))
    runs = [
        Named(ascii_uppercase[place], f"run{place}", run) for place, run in enumerate(found.runs)
    ]
    differing = [case for case in found.cases if case.differs]
    shows_all = request.GET.get("cases") == "all"
    cases = Paginator(found.cases if shows_all else differing, _CASES_A_PAGE)
    kept = request.GET.copy()
    kept.pop("page", None)
    context = {
        "runs": runs,
        "confidence": found.confidence,
        "others": [named for named in runs if _is_judged_otherwise(named, found.confidence)],
        "has_other_suites": len({one.run.suite_digest for one in found.runs}) > 1,
        "rates": _rates(runs),
        "against": _against(runs),
        "checks": _checks(runs),
        "times": time_plots(
            (named.letter, named.kind, line) for named in runs for line in named.found.times
        ),
        "page": cases.get_page(request.GET.get("page")),
        "all_cases": len(found.cases),
        "differing": len(differing),
        "shows_all": shows_all,
        "query": kept.urlencode(),
        "runs_query": urlencode([("run", text) for text in asked]),
        "percentiles": _percentiles(runs),
    }
    return render(request, "webui/compare.html", context)


def _is_judged_otherwise(named: Named, confidence: float) -> bool:
    """Whether its suites' intervals are those of its own gate, and of another confidence."""
    is_judged = bool(named.found.run.summary.get("suites"))
    return is_judged and named.found.confidence != confidence


def _ids(asked: Sequence[str]) -> list[UUID]:
    if not 2 <= len(asked) <= _MOST_RUNS:
        raise ComparisonInvalidError(f"a comparison needs 2 to {_MOST_RUNS} runs, not {len(asked)}")
    try:
        return [UUID(text) for text in asked]
    except ValueError:
        raise ComparisonInvalidError("run= must be the id of a run") from None


def _rates(runs: Sequence[Named]) -> Chart | None:
    """Suites first, then checks, where they are not too many; all runs of one below each other."""
    rows = _checks(runs)
    if len(rows) * len(runs) > _MOST_BARS:
        rows = [row for row in rows if row[1] == _ALL]
    return shares(
        [
            Bar(f"{named.letter} · {suite}: {check}", named.kind, rate.rate, *rate.interval)
            for suite, check, rates in rows
            for named, rate in zip(runs, rates, strict=True)
            if rate.rate is not None and rate.interval is not None
        ]
    )


def _against(runs: Sequence[Named]) -> Chart | None:
    return differences(
        [
            Bar(f"{named.letter} against A", named.kind, seen.difference, *seen.interval)
            for named in runs
            if (seen := named.found.against)
        ]
    )


def _checks(runs: Sequence[Named]) -> list[tuple[str, str, list[Rate]]]:
    """Suite, check, and its rate in each run."""
    of_runs = [_rates_of(named) for named in runs]
    places = dict.fromkeys(place for rates in of_runs for place in rates)
    return [
        (
            *place,
            [
                rates.get(place, Rate(named.letter))
                for named, rates in zip(runs, of_runs, strict=True)
            ],
        )
        for place in places
    ]


def _rates_of(named: Named) -> dict[tuple[str, str], Rate]:
    rates = {
        (line.name, _ALL): Rate(named.letter, line.pass_rate, line.interval)
        for line in named.found.suites
    }
    return rates | {
        (line.suite, line.name): Rate(named.letter, line.pass_rate, line.interval)
        for line in named.found.checks
    }


def _percentiles(runs: Sequence[Named]) -> list[tuple[str, list[Cell]]]:
    """A row for each percentile of each metric."""
    of_runs = [
        {
            f"{METRICS[line.metric]}, p{100 * one.quantile:g}": one
            for line in named.found.times
            for one in line.percentiles
        }
        for named in runs
    ]
    names = dict.fromkeys(name for cells in of_runs for name in cells)
    return [
        (
            name,
            [
                Cell(named.letter, cells.get(name))
                for named, cells in zip(runs, of_runs, strict=True)
            ],
        )
        for name in names
    ]
