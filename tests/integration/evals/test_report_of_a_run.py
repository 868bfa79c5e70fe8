"""The report of a run: its tables are added up by the server, from real results."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evals import engine
from evals.domain.statistics import percentile_bounds, variances, wilson
from evals.models import BaselineResult, CaseResult, EvalRun
from evals.report.tables import report_of
from registry.domain.actor import Actor
from tests.integration.evals.conftest import QUICK, Repository, again, started
from tests.integration.evals.judged import Bench, trusted
from tests.integration.evals.judged import evaluated as judged_run
from tests.integration.evals.model_server import Fail, ModelServer, Reply, Say
from tests.integration.evals.test_a_timed_run import evaluated as timed_run
from tests.integration.evals.test_a_timed_run import published
from tests.integration.evals.test_beside_the_live_version import TWO, evaluated, live, number
from tests.integration.evals.test_runs_api import client
from tests.integration.evals.umpire import Umpire

PRICE = {"prompt": 2.0, "completion": 8.0}


def got(path: str, **query: Any) -> Any:
    answer = client().get(f"/api/v1/{path}", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def priced(repository: Repository) -> Repository:
    """The model costs money."""
    pins = json.loads(repository.files().contents["models.yaml"])
    for pin in pins["models"].values():
        pin["price"] = PRICE
    return repository.with_(more={**repository.more, "models.yaml": json.dumps(pins).encode()})


def worse(asked: str, _: int) -> Reply:
    """Version 2 fails every sixth case, answers nothing to one, and mends one."""
    if asked.endswith("two"):
        if number(asked) == 50:
            return Fail(400)
        return Say("no" if number(asked) % 6 == 0 else "yes")
    return Say("no" if number(asked) == 7 else "yes")


def test_a_run_beside_the_live_version(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    server.reply = worse
    live(repository, editor)
    run = evaluated(editor, use_cache=False)
    body = got(f"runs/{run.pk}/report")
    assert body["cases"] == {"regressed": 10, "fixed": 1, "error": 1, "passing": 48}
    [check] = body["checks"]
    assert (check["name"], check["cases"], check["pass_rate"]) == ("exact", 59, 49 / 59)
    assert check["baseline_rate"] == 59 / 60
    bounds = wilson(49, 59, body["confidence"])
    assert check["interval"] == pytest.approx([bounds.low, bounds.high])
    [suite] = body["suites"]
    assert (suite["name"], suite["verdict"]) == ("oracle", run.verdict)
    assert {(row["metric"], row["arm"]) for row in body["times"]} == {
        *(("ttft_ms", "candidate"), ("ttft_ms", "live")),
        *(("total_ms", "candidate"), ("total_ms", "live")),
    }


def test_times_have_bounds_by_order_statistics(repository: Repository, editor: Actor) -> None:
    repository.with_(cases=100).publish()
    run = started(editor)
    engine.work(run.pk, limits=QUICK)
    rows = {row["metric"]: row for row in got(f"runs/{run.pk}/report")["times"]}
    times = list(CaseResult.objects.filter(run=run).values_list("total_ms", flat=True))
    p95 = next(cell for cell in rows["total_ms"]["percentiles"] if cell["q"] == 0.95)
    expected = percentile_bounds([time for time in times if time is not None], 0.95)
    assert (p95["low"], p95["high"]) == (expected.low, expected.high)


def test_repeats_have_no_bounds_and_the_reader_is_told(
    repository: Repository, editor: Actor
) -> None:
    repository.with_(repeats=3).publish()
    run = started(editor)
    engine.work(run.pk, limits=QUICK)
    body = got(f"runs/{run.pk}/report")
    assert {
        (cell["low"], cell["high"]) for row in body["times"] for cell in row["percentiles"]
    } == ({(None, None)})
    assert "depend on each other" in body["remarks"][0]


def test_a_run_that_goes_on_has_the_rates_of_the_answers_so_far(
    repository: Repository, editor: Actor
) -> None:
    repository.publish()
    run = started(editor)
    [suite] = got(f"runs/{run.pk}/report")["suites"]
    assert (suite["verdict"], suite["cases"], suite["pass_rate"]) == (None, 0, None)
    engine.work(run.pk, limits=QUICK)
    EvalRun.objects.filter(pk=run.pk).update(
        status="running", verdict="", certificate=None, summary={}
    )
    [suite] = got(f"runs/{run.pk}/report")["suites"]
    expected = wilson(12, 12)
    assert (suite["verdict"], suite["cases"], suite["pass_rate"]) == (None, 12, 1.0)
    assert suite["interval"] == [expected.low, expected.high]


def test_the_report_reads_no_answer_and_asks_as_often_for_many_cases_as_for_few(
    repository: Repository, editor: Actor
) -> None:
    counts = []
    for cases in (12, 80):
        repository.with_(cases=cases).publish()
        run = started(editor, use_cache=False)
        engine.work(run.pk, limits=QUICK)
        with CaptureQueriesContext(connection) as asked:
            report_of(again(run))
        counts.append(len(asked))
        assert not [query["sql"] for query in asked if '"text"' in query["sql"]]
    assert counts[0] == counts[1]


def test_the_cost_of_a_run_is_that_of_what_it_asked(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    live(repository, editor, more={**priced(repository).more, **TWO})
    run = evaluated(editor, use_cache=False)
    asked = [
        row
        for rows in (
            CaseResult.objects.filter(run=run),
            BaselineResult.objects.filter(result__run=run),
        )
        for row in rows.values_list("prompt_tokens", "completion_tokens")
    ]
    assert len(asked) == 120
    spent = sum(read * 2.0 + wrote * 8.0 for read, wrote in asked) / 1_000_000
    cost = got(f"runs/{run.pk}/report")["usage"]["cost"]
    assert cost == {
        "model_usd": pytest.approx(spent),
        "latency_usd": 0.0,
        "judges_usd": 0.0,
        "total_usd": pytest.approx(spent),
    }
    again_free = evaluated(editor)
    assert got(f"runs/{again_free.pk}/report")["usage"]["cost"]["model_usd"] == 0.0


def test_a_model_without_a_price_has_no_cost(repository: Repository, editor: Actor) -> None:
    repository.publish()
    run = started(editor)
    engine.work(run.pk, limits=QUICK)
    cost = got(f"runs/{run.pk}/report")["usage"]["cost"]
    assert (cost["model_usd"], cost["total_usd"]) == (None, None)


def test_latency_phases_cost_too(repository: Repository, editor: Actor) -> None:
    published(repository, editor, margin=0.2, guardrails={"latency_p50": {"max_increase": 5.0}})
    run = timed_run(editor)
    run.model.pin["price_prompt"], run.model.pin["price_completion"] = 2.0, 8.0
    run.model.save()
    cost = got(f"runs/{run.pk}/report")["usage"]["cost"]
    assert cost["latency_usd"] > 0
    assert cost["total_usd"] == pytest.approx(cost["latency_usd"] + cost["model_usd"])


def test_the_prefix_cache_is_counted_where_the_server_speaks_of_it(
    repository: Repository, editor: Actor
) -> None:
    repository.publish()
    run = started(editor)
    engine.work(run.pk, limits=QUICK)
    CaseResult.objects.filter(run=run).update(cached_tokens=None)
    assert got(f"runs/{run.pk}/report")["usage"]["prefix_cache"] is None
    first = CaseResult.objects.filter(run=run).first()
    assert first is not None
    CaseResult.objects.filter(pk=first.pk).update(prompt_tokens=100, cached_tokens=25)
    assert got(f"runs/{run.pk}/report")["usage"]["prefix_cache"] == {
        "prompt_tokens": 100,
        "cached_tokens": 25,
        "rate": 0.25,
        "prefill_saved": None,
        "prefill_unknown": "1 cases have times, and 10 are needed",
    }


def test_a_report_says_how_much_prefill_the_cache_saved(
    repository: Repository, editor: Actor
) -> None:
    repository.publish()
    run = started(editor)
    engine.work(run.pk, limits=QUICK)
    for place, row in enumerate(CaseResult.objects.filter(run=run)):
        row.prompt_tokens, row.cached_tokens = 400, 0 if place % 3 == 0 else 300
        row.ttft_ms = 20 + 0.5 * (400 - row.cached_tokens) + place % 2
        row.save()
    cache = got(f"runs/{run.pk}/report")["usage"]["prefix_cache"]
    saved = cache["prefill_saved"]
    assert cache["prefill_unknown"] == ""
    assert saved["ms_per_token"] == pytest.approx(0.5, abs=0.01)
    assert saved["seconds"] == pytest.approx(8 * 300 * 0.5 / 1000, rel=0.02)
    assert saved["interval"][0] < saved["seconds"] < saved["interval"][1]


def test_variances_say_what_must_be_repeated_to_be_seen(
    repository: Repository, editor: Actor
) -> None:
    repository.publish()
    run = started(editor)
    engine.work(run.pk, limits=QUICK)
    [line] = got(f"runs/{run.pk}/report")["variances"]
    assert (line["of"], line["generation"], line["judge"]) == ("score", None, None)
    [missing] = line["missing"]
    assert "repeats: 3" in missing


def test_the_three_variances_of_a_judged_run(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    bench = Bench(labels=60, judge={"samples": 3, "temperature": 0.5}, suite={"repeats": 2})
    trusted(repository, umpire, editor, bench)
    calls = iter(range(10_000))
    umpire.judge = lambda _texts: 5 - next(calls) % 2  # of two minds
    run = judged_run(editor)
    rows = {row["of"]: row for row in got(f"runs/{run.pk}/report")["variances"]}
    assert set(rows) == {"score", "helpful"}
    line = rows["helpful"]
    scores: dict[str, list[list[float]]] = {}
    for result in CaseResult.objects.filter(run=run).order_by("case", "repeat"):
        scores.setdefault(result.case, []).append(result.checks[0]["samples"])
    assert {len(samples) for case in scores.values() for samples in case} == {3}
    expected = variances(list(scores.values()))
    assert line["judge"] == pytest.approx(expected.judge)
    assert line["generation"] == pytest.approx(expected.generation)
    assert line["judge"] > 0
    assert line["missing"] == []


def test_cases_come_with_their_answers_regressions_first(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    server.reply = worse
    live(repository, editor)
    run = evaluated(editor, use_cache=False)
    path = f"runs/{run.pk}/cases"
    everything = got(path, page_size=500)["results"]
    changes = [case["change"] for case in everything]
    assert changes == ["regressed"] * 10 + ["fixed"] + ["error"] + ["passing"] * 48
    first = everything[0]
    assert (first["case"], first["pass_rate"], first["baseline_rate"]) == ("c0", 0.0, 1.0)
    assert (first["answers"][0]["text"], first["answers"][0]["baseline"]["text"]) == ("no", "yes")
    paged: list[Any] = []
    page = got(path, page_size=7, change=["regressed", "fixed"])
    while True:
        paged += page["results"]
        if page["next"] is None:
            break
        page = client().get(page["next"]).json()
    assert [case["case"] for case in paged] == [case["case"] for case in everything[:11]]


def test_a_flip_that_was_flaky_before_is_marked(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    live(repository, editor)
    evaluated(editor, use_cache=False)
    server.reply = lambda asked, _: Say("no" if asked == "case 3 two" else "yes")
    run = evaluated(editor, use_cache=False)
    [case] = got(f"runs/{run.pk}/cases", change="regressed")["results"]
    # The same version, model and suite: it passed a moment ago.
    assert (case["case"], case["history"]) == ("c3", "flaky")


def test_what_is_no_change_is_refused(repository: Repository, editor: Actor) -> None:
    repository.publish()
    run = started(editor)
    answer = client().get(f"/api/v1/runs/{run.pk}/cases?change=better")
    assert (answer.status_code, "regressed, fixed" in answer.json()["detail"]) == (422, True)
    assert client().get(f"/api/v1/runs/{run.pk}/cases?cursor=bm9uZQ==").status_code in {200, 404}


@pytest.mark.parametrize(
    "position", ['[1e999, "a", "b"]', "[" * 2_000, '{"a": 1}', "null", '["x", "a", "b"]']
)
def test_a_made_up_cursor_is_unknown(repository: Repository, editor: Actor, position: str) -> None:
    repository.publish()
    run = started(editor)
    cursor = b64encode(urlencode({"p": position}).encode()).decode()
    for pages in (f"runs/{run.pk}/cases", "prompts/oracle/cases"):
        answer = client().get(f"/api/v1/{pages}", {"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), answer.content
