"""Runs beside each other, and every case over time."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from evals.models import CaseResult, EvalRun
from evals.quarantine import quarantine_case
from registry.domain.actor import Actor, Scope
from tests.integration.evals.conftest import Repository, started
from tests.integration.evals.model_server import Fail, ModelServer, Reply, Say
from tests.integration.evals.test_beside_the_live_version import evaluated, live, number
from tests.integration.webui.conftest import assert_nothing_inline, text_of


def reply(asked: str, _: int) -> Reply:
    """v1 fails case 7; v2 fails every sixth and mends 7; nobody answers v2's case 50."""
    if asked.endswith("two"):
        if number(asked) == 50:
            return Fail(400)
        return Say("no" if number(asked) % 6 == 0 else "yes")
    return Say("no" if number(asked) == 7 else "yes")


@pytest.fixture
def runs(repository: Repository, server: ModelServer, editor: Actor) -> list[EvalRun]:
    """One of v1, one of v2, oldest first."""
    server.reply = reply
    live(repository, editor)
    evaluated(editor)
    return list(EvalRun.objects.order_by("created_at"))


def compare(browser: Client, *runs: EvalRun, more: str = "") -> Any:
    query = "&".join(f"run={run.pk}" for run in runs)
    return browser.get(f"/compare/?{query}{more}")


def states(answer: Any) -> dict[str, list[str]]:
    """Case -> what its cells say."""
    rows = re.findall(r"<tr>(.*?)</tr>", answer.content.decode(), re.DOTALL)
    found = {}
    for row in rows:
        if cells := re.findall(r'<i class="state .*?" role="img" aria-label="(.*?)"', row):
            found[re.findall(r'<th scope="row">\s*(\S+)', row)[0]] = cells
    return found


def test_two_runs_case_by_case(runs: list[EvalRun], browser: Client) -> None:
    answer = compare(browser, *runs)
    assert_nothing_inline(answer)
    page = text_of(answer)
    assert "A oracle@v1 tiny PASS" in page
    assert "B oracle@v2 tiny" in page
    # Ten went from right to wrong and one from wrong to right; one has no answer now.
    assert "12 of 60 cases differ" in page
    found = states(answer)
    assert found["c7"] == ["failed", "passed"]
    assert found["c6"] == ["passed", "failed"]
    assert found["c50"] == ["passed", "error"]
    assert len(found) == 12
    assert "B oracle@v2 -15.3 %" in page  # (1 - 10) / 59: case 50 was not judged in both


def test_the_figures_are_those_of_the_runs_own_pages(runs: list[EvalRun], browser: Client) -> None:
    whole = text_of(compare(browser, *runs))
    for run in runs:
        own = text_of(browser.get(f"/runs/{run.pk}"))
        rates = re.findall(r"oracle: exact ([\d.]+ %) ([\d.]+ % – [\d.]+ %)", own)
        assert len(rates) == 1
        assert f"{rates[0][0]} {rates[0][1]}" in whole
        passed = CaseResult.objects.filter(run=run, outcome="pass").count()
        judged = CaseResult.objects.filter(run=run).exclude(outcome="error").count()
        assert f"{100 * passed / judged:.1f} %" in whole


def test_gates_that_asked_for_another_confidence_are_named(
    runs: list[EvalRun], browser: Client
) -> None:
    assert "Intervals are those of 95.0 %." in text_of(compare(browser, *runs))
    second = runs[1]
    second.policy_spec = {**second.policy_spec, "confidence": 0.9}
    second.save(update_fields=["policy_spec"])
    page = text_of(compare(browser, *runs))
    assert "those of 95.0 %; those of all checks of B are of 90.0 %, as its own gate" in page


def test_all_cases_come_in_pages(runs: list[EvalRun], browser: Client) -> None:
    first = compare(browser, *runs, more="&cases=all")
    assert "All 60 cases" in text_of(first)
    assert "Page 1 of 2" in text_of(first)
    second = compare(browser, *runs, more="&cases=all&page=2")
    assert len(states(first)) == 50
    assert len(states(second)) == 10


def test_a_run_that_has_just_begun_has_asked_nothing(
    runs: list[EvalRun], editor: Actor, browser: Client
) -> None:
    waiting = started(editor, version=2)
    page = text_of(compare(browser, runs[0], waiting))
    assert "no case was judged in both" in page
    assert "0 of 60 cases differ" in page


def test_what_is_no_comparison_says_how_to_make_one(runs: list[EvalRun], browser: Client) -> None:
    assert "Tick two to 5 runs" in text_of(browser.get("/compare/"))
    answer = compare(browser, runs[0])
    assert answer.status_code == 422
    assert "tick two to 5 runs in the list of runs" in text_of(answer)
    assert browser.get("/compare/?run=x&run=y").status_code == 422
    unknown = "6a2f0a52-0000-4000-8000-000000000000"
    assert browser.get(f"/compare/?run={unknown}&run={runs[0].pk}").status_code == 404


def test_the_list_of_runs_is_where_they_are_ticked(runs: list[EvalRun], browser: Client) -> None:
    page = browser.get("/runs/").content.decode()
    assert 'action="/compare/"' in page
    for run in runs:
        assert re.search(rf'name="run"\s+value="{run.pk}"', page)


def test_every_case_over_time(
    runs: list[EvalRun], editor: Actor, server: ModelServer, browser: Client
) -> None:
    answer = browser.get("/cases/oracle")
    assert_nothing_inline(answer)
    page = text_of(answer)
    assert "The newest 2 runs, the oldest on the left" in page
    assert page.index("v1") < page.index("v2")
    assert "Page 1 of 2" in page
    regressed = browser.get("/cases/oracle?class=regressed")
    found = states(regressed)
    assert found["c6"] == ["passed", "failed"]
    assert len(found) == 10
    assert "c6 regressed with v2 oracle" in text_of(regressed)
    assert states(browser.get("/cases/oracle?case=c50")) == {"c50": ["passed", "error"]}
    # The same again and another answer: nothing changed, and yet it did.
    server.reply = lambda asked, nth: Say("yes")
    evaluated(editor, use_cache=False)
    assert states(browser.get("/cases/oracle?case=c6")) == {"c6": ["passed", "failed", "passed"]}
    assert "c6 flaky" in text_of(browser.get("/cases/oracle?class=flaky"))


def test_a_case_that_was_not_asked_then_is_blank(
    repository: Repository, editor: Actor, browser: Client
) -> None:
    repository.publish()
    evaluated(editor, version=1)
    repository.with_(cases=13).publish()
    evaluated(editor, version=1)
    assert states(browser.get("/cases/oracle?case=c12")) == {"c12": ["not asked", "passed"]}


def test_quarantine_is_named(runs: list[EvalRun], browser: Client) -> None:
    now = timezone.now()
    quarantine_case(
        prompt="oracle",
        suite="oracle",
        case="c7",
        owner="ada",
        reason="comes and goes",
        expires_at=now + timedelta(days=3),
        actor=Actor("user:petra", frozenset(Scope)),
        now=now,
    )
    assert "c7 fixed with v2 in quarantine until" in text_of(browser.get("/cases/oracle?case=c7"))


def test_nothing_measured_says_what_to_run(
    repository: Repository, browser: Client, editor: Actor
) -> None:
    repository.publish()
    assert "assay eval oracle v1 --wait" in text_of(browser.get("/cases/oracle"))
    assert browser.get("/cases/oracle?class=odd").status_code == 422
    assert browser.get("/cases/nobody").status_code == 404
    assert "No case is like that." in text_of(browser.get("/cases/oracle?case=nothing"))
