"""GET prompts/{name}/cases: what became of every case, run after run."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from evals import engine
from evals.domain.case_history import CaseClass
from evals.history import NEWEST_RUNS, CaseName, Window, case_history
from evals.models import CaseResult, EvalRun, Suite, WorkItem
from registry.domain.actor import Actor
from registry.models import ModelVersion, Prompt, PromptVersion
from tests.integration.evals.conftest import QUICK, Repository, again, started
from tests.integration.evals.model_server import ModelServer, Say
from tests.integration.evals.test_runs_api import client

CASES = "/api/v1/prompts/oracle/cases"
#: The second version words the question differently, so nothing comes from the cache.
_SECOND = "---\nvariables:\n  question: {type: string}\n---\n{{ question }}, really?"
SECOND = {"prompts/oracle/v2.jinja2": _SECOND.encode()}


@pytest.fixture
def measured(repository: Repository, server: ModelServer, editor: Actor) -> list[EvalRun]:
    """Two versions, five cases, two repeats. c1 always fails, c2 regresses, c3 is fixed, c4 comes
    out now so, now so; the others are right.
    """

    def reply(question: str, nth: int) -> Say:
        second = question.endswith("really?")
        wrong = {"1": True, "2": second, "3": not second, "4": nth == 2}
        return Say("no" if wrong.get(question[5:6], False) else "yes")

    server.reply = reply
    repository.with_(cases=5, repeats=2, more=SECOND).publish()
    found = []
    for version in (1, 2):
        run = started(editor, version=version)
        engine.work(run.pk, limits=QUICK)
        found.append(again(run))
    return found


def ask(query: str = "", caller: APIClient | None = None) -> Any:
    answer = (caller or client()).get(CASES + query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_every_case_has_its_outcomes_and_its_class(measured: list[EvalRun]) -> None:
    body = ask()
    assert (body["next"], body["previous"]) == (None, None)
    assert {row["case"]: row["class"] for row in body["results"]} == {
        "c0": "stable",
        "c1": "stable",
        "c2": "regressed",
        "c3": "fixed",
        "c4": "flaky",
    }
    first, second = measured
    regressed = body["results"][2]
    assert (regressed["suite"], regressed["since"], regressed["quarantined_until"]) == (
        "oracle",
        2,
        None,
    )
    newest, oldest = regressed["runs"]
    assert (newest["run"], newest["version"]) == (str(second.pk), 2)
    assert (newest["outcomes"], oldest["outcomes"]) == (["fail", "fail"], ["pass", "pass"])
    assert (oldest["run"], oldest["version"]) == (str(first.pk), 1)
    assert newest["at"] > oldest["at"]


ASKED_FOR = {
    "?class=flaky": ["c4"],
    "?class=regressed": ["c2"],
    "?class=fixed": ["c3"],
    "?class=stable": ["c0", "c1"],
    "?class=unjudged": [],
    "?case=c3": ["c3"],
    "?case=c9": [],
    "?suite=oracle&class=fixed": ["c3"],
    "?suite=other": [],
    "?model=tiny&case=c1": ["c1"],
    "?model=other": [],
}


def test_only_what_is_asked_for(measured: list[EvalRun]) -> None:
    caller = client()
    found = {q: [row["case"] for row in ask(q, caller)["results"]] for q in ASKED_FOR}
    assert found == ASKED_FOR


def test_pages_lead_forwards_and_backwards(measured: list[EvalRun]) -> None:
    caller = client()
    pages = [ask("?page_size=2", caller)]
    while pages[-1]["next"]:
        pages.append(caller.get(pages[-1]["next"]).json())
    names = [[row["case"] for row in page["results"]] for page in pages]
    assert names == [["c0", "c1"], ["c2", "c3"], ["c4"]]
    back = caller.get(pages[-1]["previous"]).json()
    assert [row["case"] for row in back["results"]] == ["c2", "c3"]
    back = caller.get(back["previous"]).json()
    assert [row["case"] for row in back["results"]] == ["c0", "c1"]
    assert back["previous"] is None
    assert caller.get(f"{CASES}?cursor=nonsense").status_code == 404
    assert caller.get(f"{CASES}?cursor=cD1bMV0=").status_code == 404


def test_what_cannot_be_answered_is_said_so(measured: list[EvalRun]) -> None:
    caller = client()
    wrong = caller.get(f"{CASES}?class=odd")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid")
    assert "stable" in wrong.json()["detail"]
    assert caller.get("/api/v1/prompts/nobody/cases").status_code == 404
    Prompt.objects.update(default_model="")
    needed = caller.get(CASES)
    assert (needed.status_code, needed.json()["code"]) == (422, "model_needed")


def test_scopes_and_globs_are_kept(measured: list[EvalRun]) -> None:
    assert APIClient().get(CASES).status_code == 401
    assert client("lookup").get(CASES).status_code == 403
    assert client("read", prompts=("billing/*",)).get(CASES).status_code == 403


def test_a_run_that_goes_on_is_no_history_yet(measured: list[EvalRun], editor: Actor) -> None:
    started(editor, version=2)
    assert all(len(row["runs"]) == 2 for row in ask()["results"])


def test_a_strange_key_is_only_a_parameter(repository: Repository, editor: Actor) -> None:
    key = "a/b ?&#%2f \N{SNOWMAN} 'quote' \"" + "x" * 150
    row = {"id": key, "variables": {"question": "case 1"}, "expected": "yes"}
    suite = json.dumps({"checks": [{"type": "exact"}], "cases": [row]})
    repository.with_(more={"suites/oracle.yaml": suite.encode()}).publish()
    run = started(editor)
    engine.work(run.pk, limits=QUICK)
    answer = client().get(CASES, {"case": key})
    assert [found["case"] for found in answer.json()["results"]] == [key]
    [history] = case_history(prompt="oracle", model="tiny", case=key)
    assert history.standing.kind == CaseClass.STABLE
    assert history.runs[0].outcomes == ("pass",)


# --- A prompt that is evaluated every night ---


@pytest.fixture
def many(repository: Repository) -> None:
    """Thirty runs of 40 cases, as rows: one case flips in every run, another is an error."""
    repository.with_(cases=40).publish()
    version, model = PromptVersion.objects.get(), ModelVersion.objects.get()
    suite, now = Suite.objects.get(), timezone.now()
    for nth in range(30):
        at = now - timedelta(days=nth)
        run = EvalRun.objects.create(
            version=version,
            model=model,
            tag="stable",
            policy_spec={},
            fingerprint="f" * 64,
            status="finished",
            verdict="FAIL",
            created_at=at,
            finished_at=at,
        )
        items = WorkItem.objects.bulk_create(
            WorkItem(run=run, suite=suite, case=f"c{i}", repeat=1, position=i, done=True)
            for i in range(40)
        )
        CaseResult.objects.bulk_create(
            CaseResult(
                item=item,
                run=run,
                case=item.case,
                repeat=1,
                fence=1,
                outcome=_outcome(item.case, nth),
            )
            for item in items
        )


def _outcome(case: str, nth: int) -> str:
    return {"c5": "pass" if nth % 2 else "fail", "c6": "error"}.get(case, "pass")


def test_only_the_newest_runs_are_looked_at(many: None) -> None:
    window = Window(prompt="oracle", model="tiny")
    assert len(window.runs) == NEWEST_RUNS
    [history] = window.histories([CaseName("oracle", "c5")])
    assert len(history.runs) == NEWEST_RUNS
    assert [one.at for one in history.runs] == sorted((r.at for r in history.runs), reverse=True)
    assert window.names(kind=CaseClass.FLAKY) == [CaseName("oracle", "c5")]
    assert window.names(kind=CaseClass.UNJUDGED) == [CaseName("oracle", "c6")]
    assert len(window.names(kind=CaseClass.STABLE)) == 38


def test_the_number_of_queries_does_not_grow_with_cases_or_runs(many: None) -> None:
    caller = client()
    for query in ("", "?class=flaky", "?class=stable&page_size=500"):
        with CaptureQueriesContext(connection) as asked:
            ask(query, caller)
        assert len(asked) < 15, [one["sql"][:80] for one in asked]
