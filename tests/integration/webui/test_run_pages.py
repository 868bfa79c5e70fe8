"""Runs on pages: started, watched, read case by case, stopped and gone on with."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from evals import engine
from evals.models import EvalRun, ProposedVersion
from registry.domain.actor import Actor
from tests.integration.evals.conftest import QUICK, Repository, again, started
from tests.integration.evals.model_server import Fail, ModelServer, Reply, Say
from tests.integration.evals.test_beside_the_live_version import evaluated, live, number
from tests.integration.webui.conftest import assert_nothing_inline, charts_of, text_of


def worse(asked: str, _: int) -> Reply:
    """Version 2 fails every sixth case, answers nothing to one, and mends one."""
    if asked.endswith("two"):
        if number(asked) == 50:
            return Fail(400)
        return Say("<b>no</b>" if number(asked) % 6 == 0 else "yes")
    return Say("no" if number(asked) == 7 else "yes")


@pytest.fixture
def compared(repository: Repository, server: ModelServer, editor: Actor) -> EvalRun:
    """A run of v2 beside the live v1, with ten cases that got worse."""
    server.reply = worse
    live(repository, editor)
    return evaluated(editor, use_cache=False)


def test_the_verdict_and_what_it_rests_on(compared: EvalRun, browser: Client) -> None:
    answer = browser.get(f"/runs/{compared.pk}")
    assert_nothing_inline(answer)
    page = text_of(answer)
    assert f"oracle@v2 on tiny {compared.verdict}" in page
    assert compared.reasons[0] in page
    assert "beside the live v1" in page
    assert "regressed (10)" in page
    assert "passing (48)" in page
    assert "oracle: exact" in page
    assert "Whole answer: the share of the answers that were here after so many ms" in page
    curves = next(drawn for drawn in charts_of(answer) if "curves" in drawn)
    assert [curve["label"] for curve in curves["curves"]] == ["candidate", "live"]
    rates = next(drawn for drawn in charts_of(answer) if "bars" in drawn)
    [exact] = [bar for bar in rates["bars"] if "exact" in bar["label"]]
    assert exact["beside"] is not None
    # The candidate's answer beside the live one, as text.
    assert "<b>no</b>" in page
    assert b"<b>no" not in answer.content


def test_cases_are_shown_by_what_became_of_them(compared: EvalRun, browser: Client) -> None:
    fixed = text_of(browser.get(f"/runs/{compared.pk}?change=fixed"))
    assert fixed.count("Repeat ") == 1
    passing = text_of(browser.get(f"/runs/{compared.pk}?change=passing"))
    assert "Page 1 of 2" in passing
    assert browser.get(f"/runs/{compared.pk}?change=nonsense").status_code == 200


def test_the_list_is_filtered(compared: EvalRun, browser: Client) -> None:
    assert "oracle@v2" in text_of(browser.get("/runs/"))
    assert "oracle@v2" in text_of(browser.get(f"/runs/?prompt=oracle&verdict={compared.verdict}"))
    other = "PASS" if compared.verdict != "PASS" else "FAIL"
    assert "oracle@v2" not in text_of(browser.get(f"/runs/?verdict={other}"))
    assert "No run is like that." in text_of(browser.get("/runs/?prompt=nobody"))


def test_a_run_is_started_stopped_and_gone_on_with(
    repository: Repository, as_role: Callable[[str], Client]
) -> None:
    repository.publish()
    browser = as_role("editor")
    assert "Evaluate oracle@v1" in text_of(browser.get("/evaluate/oracle?version=1"))
    begun = browser.post("/evaluate/oracle", {"version": 1, "tag": "stable"})
    page = text_of(browser.get(begun["Location"]))
    assert "It goes on 0 of 12 answers" in page
    browser.post(begun["Location"] + "/cancel")
    assert "It was cancelled" in text_of(browser.get(begun["Location"]))
    browser.post(begun["Location"] + "/resume")
    run = EvalRun.objects.get()
    engine.work(run.pk, limits=QUICK)
    page = text_of(browser.get(begun["Location"]))
    assert "oracle@v1 on tiny PASS" in page
    assert "Evaluate again…" in page
    assert "Move stable to v1…" not in page  # an editor may not


def test_progress_is_asked_for_alone_and_ends_with_the_page(
    repository: Repository, editor: Actor, browser: Client
) -> None:
    repository.publish()
    run = started(editor)
    asked = {"HX-Request": "true"}
    going = browser.get(f"/runs/{run.pk}", headers=asked)
    assert "0 of 12 answers" in text_of(going)
    assert "Why" not in text_of(going)
    assert "HX-Refresh" not in going.headers
    engine.work(run.pk, limits=QUICK)
    assert browser.get(f"/runs/{run.pk}", headers=asked)["HX-Refresh"] == "true"
    assert again(run).verdict == "PASS"


@pytest.mark.parametrize("port", [0, 8001])
def test_the_page_may_listen_to_the_stream_and_to_nothing_else(
    repository: Repository, editor: Actor, browser: Client, settings: Settings, port: int
) -> None:
    settings.STREAM_PORT = port
    repository.publish()
    run = started(editor)
    origin = f"http://testserver:{port}" if port else ""
    for headers in ({}, {"HX-Request": "true"}):
        answer = browser.get(f"/runs/{run.pk}", headers=headers)
        address = f"{origin}/api/v1/stream/runs/{run.pk}"
        assert f'data-events="{address}"' in answer.content.decode()
        [allowed] = re.findall("connect-src ([^;]*);", answer["Content-Security-Policy"])
        assert allowed.split() == ["'self'", *([origin] if origin else [])]
    # Answers that are no pages listen to nobody.
    other = browser.get("/healthz")["Content-Security-Policy"]
    assert "connect-src 'self';" in other
    EvalRun.objects.filter(pk=run.pk).update(status="cancelled")
    assert b"data-events" not in browser.get(f"/runs/{run.pk}").content


def test_who_only_looks_starts_nothing(
    repository: Repository, editor: Actor, as_role: Callable[[str], Client]
) -> None:
    repository.publish()
    run = started(editor)
    viewer = as_role("viewer")
    assert viewer.get(f"/runs/{run.pk}").status_code == 200
    assert viewer.post("/evaluate/oracle", {"version": 1}).status_code == 403
    assert viewer.post(f"/runs/{run.pk}/cancel").status_code == 403
    assert again(run).status == "queued"


def test_nonsense_is_told(repository: Repository, browser: Client) -> None:
    repository.publish()
    assert browser.get("/runs/6a2f0a52-0000-4000-8000-000000000000").status_code == 404
    assert browser.post("/evaluate/oracle", {"version": "x"}).status_code == 422
    assert browser.post("/evaluate/oracle", {"version": 7}).status_code == 404
    assert browser.post("/evaluate/nobody", {"version": 1}).status_code == 404


def test_a_run_of_a_proposed_version_has_the_same_pages(compared: EvalRun, browser: Client) -> None:
    published = compared.version
    assert published is not None
    proposed = ProposedVersion.objects.create(
        prompt_name="oracle",
        number=9,
        digest="d" * 64,
        commit="c" * 40,
        path="prompts/oracle/v9.jinja2",
        content=published.content,
    )
    EvalRun.objects.filter(pk=compared.pk).update(
        kind="check", version=None, proposed=proposed, certificate=None
    )
    answer = browser.get(f"/runs/{compared.pk}")
    assert_nothing_inline(answer)
    assert "oracle@v9 (proposed) on tiny" in text_of(answer)
    assert "Move stable" not in text_of(answer)
    assert "oracle@v9" in text_of(browser.get("/runs/?prompt=oracle"))
    gate = EvalRun.objects.exclude(pk=compared.pk).get()
    assert "oracle@v9" in text_of(browser.get(f"/compare/?run={compared.pk}&run={gate.pk}"))
    for page in ("/prompts/oracle", "/"):
        assert browser.get(page, follow=True).status_code == 200
    for part in ("", "/report", "/cases", "/results"):
        told = browser.get(f"/api/v1/runs/{compared.pk}{part}")
        assert told.status_code == 200, told.content
    assert browser.get(f"/api/v1/runs/{compared.pk}").json()["version"] == 9
