"""What PostgreSQL says of the answers of runs, read once for all tables; nobody's text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal
from uuid import UUID

from django.db.models import Max, Min, Q, Sum
from django.db.models.functions import Coalesce

from evals.models import CaseResult, EvalRun

Arm = Literal["candidate", "live"]
ARMS: tuple[Arm, ...] = ("candidate", "live")
#: Where the columns of an arm are, from a candidate's result.
_AT = {"candidate": "", "live": "baseline__"}
_ROWS = 5_000
_FRESH = ("ttft_ms", "total_ms", "prompt_tokens", "cached_tokens")


@dataclass(frozen=True, slots=True)
class FreshAnswer:
    """One answer that was asked for just now. Milliseconds, tokens; None: nobody said."""

    case: str
    ttft_ms: float | None
    total_ms: float | None
    prompt_tokens: int
    cached_tokens: int | None


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over the answers of one suite in one run, both arms together.

    Tokens are of what was asked for just now; `told` of the prompt tokens are those for which the
    server says what it had, and `had` what it had.
    """

    first_repeat: int
    last_repeat: int
    read: int
    written: int
    told: int
    had: int
    judges_read: int
    judges_wrote: int


#: Run -> arm -> answers.
FreshAnswers = Mapping[UUID, Mapping[Arm, list[FreshAnswer]]]
#: Run -> suite's key -> sums.
Tallies = Mapping[UUID, Mapping[int, Tally]]


def fresh_answers(runs: Collection[EvalRun]) -> FreshAnswers:
    """The answers of both arms that were asked for just now, in no order."""
    rows = CaseResult.objects.filter(run__in=[run.pk for run in runs]).order_by()
    columns = [f"{_AT[arm]}{name}" for arm in ARMS for name in ("from_cache", *_FRESH)]
    found: dict[UUID, dict[Arm, list[FreshAnswer]]] = {
        run.pk: {arm: [] for arm in ARMS} for run in runs
    }
    width = 1 + len(_FRESH)
    listed = rows.values_list("run", "item__suite", "case", *columns)
    for run, suite, case, *told in listed.iterator(chunk_size=_ROWS):  # never all of them twice
        for at, arm in enumerate(ARMS):
            from_cache, *figures = told[at * width : (at + 1) * width]
            if from_cache is False:  # None: there is no such answer
                found[run][arm].append(FreshAnswer(f"{suite} {case}", *figures))
    return found


def tallies(runs: Collection[EvalRun]) -> Tallies:
    """The sums of each suite of each run that has an answer."""
    rows = (
        CaseResult.objects.filter(run__in=[run.pk for run in runs])
        .order_by()
        .values("run", "item__suite")
        .annotate(
            first_repeat=Min("repeat"),
            last_repeat=Max("repeat"),
            read=_sum("prompt_tokens"),
            written=_sum("completion_tokens"),
            told=_sum("prompt_tokens", is_told=True),
            had=_sum("cached_tokens", is_told=True),
            judges_read=Coalesce(Sum("judge_prompt_tokens"), 0),
            judges_wrote=Coalesce(Sum("judge_completion_tokens"), 0),
        )
        .values_list("run", "item__suite", *(field.name for field in fields(Tally)))
    )
    found: dict[UUID, dict[int, Tally]] = defaultdict(dict)
    for run, suite, *sums in rows:
        found[run][suite] = Tally(*sums)
    return found


def _sum(column: str, *, is_told: bool = False) -> Any:
    """Over both arms, without what an earlier run was answered."""
    of_arms = []
    for at in _AT.values():
        wanted = Q(**{f"{at}from_cache": False})
        if is_told:
            wanted &= Q(**{f"{at}cached_tokens__isnull": False})
        of_arms.append(Coalesce(Sum(f"{at}{column}", filter=wanted), 0))
    return of_arms[0] + of_arms[1]
