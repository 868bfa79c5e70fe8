"""Where the variance of a run's scores comes from: cases, generations, judgements."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from django.db import connection

from evals.domain.statistics import variances
from evals.models import CaseResult, EvalRun, Suite
from evals.report.values import VarianceLine

_SCORE = "score"
_ASK_AGAIN = "no case was asked twice: `repeats: 3` in the suite shows what generation adds"
_JUDGE_AGAIN = "no answer was judged twice: `samples: 3` of its judge shows what judging adds"
#: What judges said about each answer, sample by sample, or the one figure there is.
_JUDGED = """
SELECT suite.name, said.name, result.case,
       CASE WHEN jsonb_array_length(coalesce(said.samples, '[]')) > 0 THEN said.samples
            ELSE jsonb_build_array(said.score) END
FROM evals_caseresult result
JOIN evals_workitem item ON item.id = result.item_id
JOIN evals_suite suite ON suite.id = item.suite_id
CROSS JOIN jsonb_to_recordset(result.checks) AS said(
    name text, type text, score float8, samples jsonb
)
WHERE result.run_id = %s AND said.type IN ('judge', 'pairwise') AND said.score IS NOT NULL
ORDER BY suite.name, said.name, result.case, result.repeat
"""
#: Case -> answer -> judgements.
_Scores = dict[str, list[Sequence[float]]]


def variance_lines(run: EvalRun, suites: Sequence[Suite]) -> tuple[VarianceLine, ...]:
    """Of each suite its score, then each check that asks a judge."""
    scores, judged = _scores(run), _judged(run, suites)
    found = []
    for suite in suites:
        if scores[suite.name]:
            found.append(_line(suite.name, _SCORE, scores[suite.name]))
        found += [
            _line(suite.name, check, said) for check, said in judged.get(suite.name, {}).items()
        ]
    return tuple(found)


def _scores(run: EvalRun) -> Mapping[str, _Scores]:
    rows = (
        CaseResult.objects.filter(run=run, score__isnull=False)
        .order_by("case", "repeat")
        .values_list("item__suite__name", "case", "score")
    )
    found: dict[str, _Scores] = defaultdict(lambda: defaultdict(list))
    for suite, case, score in rows:
        if score is not None:
            found[suite][case].append((score,))
    return found


def _judged(run: EvalRun, suites: Sequence[Suite]) -> Mapping[str, Mapping[str, _Scores]]:
    if not any(suite.spec.get("judges") for suite in suites):
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_JUDGED, [run.pk])
        rows = cursor.fetchall()
    found: dict[str, dict[str, _Scores]] = defaultdict(dict)
    for suite, check, case, samples in rows:
        said = found[suite].setdefault(check, {})
        said.setdefault(case, []).append(json.loads(samples))
    return found


def _line(suite: str, of: str, scores: _Scores) -> VarianceLine:
    found = variances(list(scores.values()))
    return VarianceLine(
        suite=suite,
        of=of,
        cases=len(scores),
        case=found.case,
        generation=found.generation,
        judge=found.judge,
        case_share=found.case_share,
        generation_share=found.generation_share,
        judge_share=found.judge_share,
        missing=tuple(_missing(of, found.generation, found.judge)),
    )


def _missing(of: str, generation: float | None, judge: float | None) -> Iterator[str]:
    if generation is None:
        yield _ASK_AGAIN
    if judge is None and of != _SCORE:
        yield _JUDGE_AGAIN
