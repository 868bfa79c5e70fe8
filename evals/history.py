"""The history of cases: how each went in the newest runs of a prompt on a model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q
from django.db.models.functions import Coalesce

from evals.domain.case_history import CaseClass, CaseRun, CaseStanding, standing
from evals.models import CaseResult, EvalRun, WorkItem

#: Runs that are looked at. A question about a prompt costs the same after a thousand of them.
NEWEST_RUNS = 20

_Outcome = CaseResult.Outcome
#: Only these need their runs looked at one by one; of the others the counts tell the class.
_NEEDS_BOTH = {CaseClass.FLAKY, CaseClass.REGRESSED, CaseClass.FIXED}


@dataclass(frozen=True, slots=True, order=True)
class CaseName:
    """A case among those of a prompt: suites may use the same key for different cases."""

    suite: str
    case: str


@dataclass(frozen=True, slots=True)
class CaseHistory:
    """A case, its class, and its runs, newest first."""

    name: CaseName
    standing: CaseStanding
    runs: tuple[CaseRun, ...]


@dataclass(frozen=True, slots=True)
class _Counts:
    passes: int
    failures: int

    def may_be(self, kind: CaseClass) -> bool:
        """Whether a case that came out so often can be of the class."""
        if kind in _NEEDS_BOTH:
            return self.passes > 0 and self.failures > 0
        if kind == CaseClass.UNJUDGED:
            return not self.passes and not self.failures
        return bool(self.passes) != bool(self.failures)


class Window:
    """The newest finished runs of a prompt on a model (its name: a new revision is still the same
    model to people), without the text of anything.
    """

    def __init__(self, *, prompt: str, model: str) -> None:
        found = EvalRun.objects.filter(
            version__prompt__name=prompt, model__name=model, status=EvalRun.Status.FINISHED
        ).order_by("-created_at", "-id")
        ended = Coalesce("finished_at", "created_at")
        rows = found.values_list("id", "version__number", ended, "fingerprint")
        self.runs = {row[0]: row[1:] for row in rows[:NEWEST_RUNS]}

    def names(
        self,
        *,
        suite: str | None = None,
        case: str | None = None,
        kind: CaseClass | None = None,
    ) -> list[CaseName]:
        """The cases that were measured, in the order of their names; only those asked for."""
        counts = self._counts(suite, case)
        if kind is None:
            return sorted(counts)
        names = sorted(name for name, count in counts.items() if count.may_be(kind))
        if kind not in _NEEDS_BOTH:
            return names
        return [found.name for found in self.histories(names) if found.standing.kind == kind]

    def _counts(self, suite: str | None, case: str | None) -> dict[CaseName, _Counts]:
        runs = list(self.runs)
        # The items' run says nothing new; it lets PostgreSQL find them without reading all items.
        results = CaseResult.objects.filter(run__in=runs, item__run__in=runs)
        if suite is not None:
            results = results.filter(item__suite__name=suite)
        if case is not None:
            results = results.filter(case=case)
        rows = (
            results.values("item__suite__name", "case")
            .annotate(
                passes=Count("pk", filter=Q(outcome=_Outcome.PASS)),
                failures=Count("pk", filter=Q(outcome=_Outcome.FAIL)),
            )
            .order_by()
            .values_list("item__suite__name", "case", "passes", "failures")
        )
        return {CaseName(row[0], row[1]): _Counts(row[2], row[3]) for row in rows}

    def histories(self, names: Sequence[CaseName]) -> list[CaseHistory]:
        """What happened to these cases, in this order."""
        outcomes = self._outcomes(frozenset(names))
        return [self._history(name, outcomes.get(name, {})) for name in names]

    def _outcomes(
        self, names: Collection[CaseName]
    ) -> dict[CaseName, dict[tuple[object, str], list[str]]]:
        """Outcomes in the order of repeats, by case, run and digest of the suite."""
        # Work items are found by run, suite and case without a look at the others of the run.
        rows = (
            WorkItem.objects.filter(
                run__in=list(self.runs),
                suite__name__in={name.suite for name in names},
                case__in={name.case for name in names},
                result__isnull=False,
            )
            .order_by("repeat")
            .values_list("suite__name", "case", "run_id", "suite__digest", "result__outcome")
        )
        found: dict[CaseName, dict[tuple[object, str], list[str]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for suite, case, run, digest, outcome in rows:
            if (name := CaseName(suite, case)) in names:
                found[name][run, digest].append(outcome)
        return found

    def _history(
        self, name: CaseName, outcomes: dict[tuple[object, str], list[str]]
    ) -> CaseHistory:
        by_run = {run: (digest, found) for (run, digest), found in outcomes.items()}
        runs = []
        for run, (version, at, fingerprint) in self.runs.items():
            if run in by_run:
                digest, found = by_run[run]
                runs.append(CaseRun(run, version, at, fingerprint, digest, tuple(found)))
        return CaseHistory(name, standing(runs), tuple(runs))


def case_history(
    *, prompt: str, model: str, case: str, suite: str | None = None
) -> tuple[CaseHistory, ...]:
    """The history of the cases with this key: one, unless several suites have it."""
    window = Window(prompt=prompt, model=model)
    return tuple(window.histories(window.names(suite=suite, case=case)))
