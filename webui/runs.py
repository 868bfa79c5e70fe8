"""Evaluation runs: the list, one run with its verdict and evidence, and what to do with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from core.errors import InvalidError
from evals import queries, runs
from evals.domain.case_change import Change
from evals.models import CaseResult, EvalRun
from evals.report.cases import answers_of, case_lines, having
from evals.report.tables import report_of
from evals.report.values import CaseLine, RunReport
from registry import queries as registry_queries
from registry.domain.actor import Scope
from registry.domain.policy import GatePolicy
from registry.listeners import stream_origin
from webui.charts import Bar, Chart, differences, shares
from webui.differing import side_by_side
from webui.people import actor_of, page
from webui.times import time_plots

_RUNS_A_PAGE = 30
_CASES_A_PAGE = 25
_VERDICTS = ("PASS", "FAIL", "INCONCLUSIVE", "ERROR")
#: Checks whose scores are shown: they are judgements.
_JUDGING = ("judge", "pairwise")
#: What a reader wants to see first.
_CHANGED = (Change.REGRESSED, Change.FIXED, Change.FLAKY, Change.ERROR)


@page()
def listed(request: HttpRequest) -> HttpResponse:
    """Runs, newest first, of a prompt or with a verdict."""
    prompt, verdict = request.GET.get("prompt", "").strip(), request.GET.get("verdict", "")
    found = queries.visible_runs(actor_of(request), prompt=prompt or None)
    if verdict in _VERDICTS:
        found = found.filter(verdict=verdict)
    kept = request.GET.copy()
    kept.pop("page", None)
    context = {
        "page": Paginator(found, _RUNS_A_PAGE).get_page(request.GET.get("page")),
        "prompt_name": prompt,
        "verdict": verdict,
        "verdicts": _VERDICTS,
        "query": kept.urlencode(),
    }
    return render(request, "webui/runs.html", context)


@page()
def run(request: HttpRequest, run: UUID) -> HttpResponse:
    """One run: the verdict in sentences, and everything it rests on."""
    actor = actor_of(request)
    found = queries.run_for(actor, run)
    if request.headers.get("HX-Request") == "true":
        return _progress(request, found)
    all_cases = case_lines(found)
    report = report_of(found, all_cases, with_variances=False)
    chosen = _chosen(request)
    lines = Paginator(having(all_cases, chosen), _CASES_A_PAGE)
    cases = lines.get_page(request.GET.get("page"))
    name = found.prompt_name
    context = {
        "run": found,
        "report": report,
        "is_live": found.status in EvalRun.LIVE,
        "events": _events(request, found),
        "policy": GatePolicy.from_json(found.policy_spec),
        "rates": _rates(found, report),
        "differences": _changes(found),
        "times": time_plots((line.arm, line.arm, line) for line in report.times),
        "judging": _JUDGING,
        "page": cases,
        "cases": _with_answers(found, list(cases)),
        "changes": [(change.value, report.cases.get(change.value, 0)) for change in Change],
        "chosen": {change.value for change in chosen},
        "query": _query(request),
        "may_evaluate": actor.may(Scope.EVALUATE, name),
        "may_promote": actor.may(Scope.PROMOTE, name),
    }
    return render(request, "webui/run.html", context)


@page("POST", scope=Scope.EVALUATE)
def start(request: HttpRequest, name: str) -> HttpResponse:
    """Start a run of a version; GET says what it would take."""
    actor = actor_of(request)
    actor.require(Scope.EVALUATE, name)
    given = request.POST if request.method == "POST" else request.GET
    text = given.get("version", "").removeprefix("v")
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise InvalidError(f"version={text[:40]!r} is not a version number")
    if request.method != "POST":
        row = registry_queries.prompt(name)
        context = {
            "prompt": row,
            "version": registry_queries.version(row, int(text)),
            "model": given.get("model") or row.default_model,
            "models": registry_queries.models(),
        }
        return render(request, "webui/start_run.html", context)
    begun = runs.start_run(
        prompt=name,
        version=int(text),
        model=given.get("model") or None,
        tag=given.get("tag") or "stable",
        actor=actor,
        now=timezone.now(),
        use_cache=not given.get("fresh"),
    )
    return redirect("page-run", run=begun.pk)


@page("POST", scope=Scope.EVALUATE)
def act(request: HttpRequest, run: UUID, action: str) -> HttpResponse:
    """Cancel or resume a run."""
    actor = actor_of(request)
    queries.run_for(actor, run)
    if request.method == "POST":
        if action == "cancel":
            runs.cancel_run(run_id=run, actor=actor, now=timezone.now())
            messages.success(request, "The run stops; what was answered stays.")
        else:
            runs.resume_run(run_id=run, actor=actor, now=timezone.now())
            messages.success(request, "The run goes on where it stopped.")
    return redirect("page-run", run=run)


def _progress(request: HttpRequest, found: EvalRun) -> HttpResponse:
    """The bar alone, and the whole page anew once the run is over."""
    context = {"run": found, "events": _events(request, found)}
    response = render(request, "webui/progress.html", context)
    if found.status not in EvalRun.LIVE:
        response["HX-Refresh"] = "true"
    return response


def _events(request: HttpRequest, found: EvalRun) -> str:
    """Where the stream listener tells how far the run is: docs/reference/stream.md."""
    return f"{stream_origin(request)}/api/v1/stream/runs/{found.pk}"


def _chosen(request: HttpRequest) -> tuple[Change, ...]:
    """The changes whose cases are shown: those asked for, else those worth a look."""
    asked = request.GET.getlist("change")
    if not asked:
        return _CHANGED
    return tuple(change for change in Change if change.value in asked)


def _query(request: HttpRequest) -> str:
    kept = request.GET.copy()
    kept.pop("page", None)
    return kept.urlencode()


def _rates(found: EvalRun, report: RunReport) -> Chart | None:
    """The candidate's suites and checks with their intervals, the live version's rates, and the
    floor of the policy.
    """
    bars = [
        Bar(f"{line.name}: all checks", "whole", line.pass_rate, *line.interval)
        for line in report.suites
        if line.pass_rate is not None and line.interval is not None
    ]
    bars += [
        Bar(
            f"{line.suite}: {line.name}",
            "candidate",
            line.pass_rate,
            *line.interval,
            beside=line.baseline_rate,
        )
        for line in report.checks
    ]
    floor = GatePolicy.from_json(found.policy_spec).min_pass_rate
    return shares(bars, [(floor, f"floor {100 * floor:.0f} %")])


def _changes(found: EvalRun) -> Chart | None:
    """Candidate minus live, suite by suite, and the margin of the policy."""
    bars = [
        Bar(suite["name"], "candidate", beside["difference"], *_bounds(beside["interval"]))
        for suite in found.summary.get("suites", ())
        if (beside := suite.get("comparison"))
    ]
    margin = GatePolicy.from_json(found.policy_spec).margin
    return differences(
        bars, [] if margin is None else [(-margin, f"margin {-100 * margin:g} points")]
    )


def _bounds(interval: Any) -> tuple[float, float]:
    return interval["low"], interval["high"]


def _with_answers(found: EvalRun, lines: Sequence[CaseLine]) -> list[dict[str, Any]]:
    """Each case with its answers, the two arms compared word by word."""
    answers: dict[tuple[str, str], list[CaseResult]] = defaultdict(list)
    for result in answers_of(found, lines):
        answers[result.item.suite.name, result.case].append(result)
    return [
        {
            "line": line,
            "answers": [
                {
                    "result": result,
                    "baseline": _baseline(result),
                    "diff": side_by_side(_text(_baseline(result)), result.text),
                }
                for result in answers[line.place.suite, line.place.case]
            ],
        }
        for line in lines
    ]


def _baseline(result: CaseResult) -> Any:
    return getattr(result, "baseline", None)


def _text(answer: Any) -> str:
    return answer.text if answer is not None else ""
