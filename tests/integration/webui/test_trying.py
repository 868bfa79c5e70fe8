"""A version is tried on a model from its page: whole without a script, streamed to one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from evals.models import CaseResult, KeptAnswer
from registry.models import User
from tests.integration.evals.conftest import Repository
from tests.integration.evals.model_server import Fail, ModelServer, Say, Truncate
from tests.integration.webui.conftest import BACKEND, PASSWORD, assert_nothing_inline, text_of

PATH = "/try/1/oracle"
FORM = {"var:question": "case 7 is <b>bold</b>", "model": "tiny", "max_tokens": "64"}
STREAM = {"X-Assay-Stream": "true"}


@pytest.fixture(autouse=True)
def _published(repository: Repository) -> None:
    repository.publish()


def lines(answer: Any) -> list[dict[str, str]]:
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def test_without_a_script_the_page_comes_with_the_answer(
    server: ModelServer, browser: Client
) -> None:
    server.reply = lambda asked, _: Say(f"You said: {asked}")
    answer = browser.post(PATH, FORM)
    assert_nothing_inline(answer)
    page = text_of(answer)
    assert "Answer You said: case 7 is <b>bold</b> 10 tokens read, 2 written in" in page
    assert b"<b>bold" not in answer.content
    assert "About 6 tokens, 0 of them (0.0 %) before the first variable" in page
    assert not CaseResult.objects.exists()
    assert not KeptAnswer.objects.exists()


def test_to_a_script_it_comes_in_lines(server: ModelServer, browser: Client) -> None:
    answer = browser.post(PATH, FORM, headers=STREAM)
    assert answer["Content-Type"] == "application/x-ndjson"
    assert answer["X-Accel-Buffering"] == "no"
    first, last = lines(answer)
    assert first == {"text": "yes"}
    assert last["note"].startswith("10 tokens read, 2 written in ")
    assert last["note"].endswith("It ended by itself.")


def test_the_first_words_come_before_the_last(server: ModelServer, browser: Client) -> None:
    rest = threading.Event()
    server.reply = lambda *_: Say("yes", rest=rest)
    answer: Any = browser.post(PATH, FORM, headers=STREAM)
    pieces = iter(answer.streaming_content)
    assert json.loads(next(pieces)) == {"text": "yes"}
    rest.set()
    assert "note" in json.loads(next(pieces))


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Fail(400), "400"),
        (Truncate(), "closed the connection"),
        (Say("cut", finish_reason="length"), "It ended by length."),
    ],
)
def test_what_goes_wrong_is_told_after_what_had_come(
    reply: Any, said: str, server: ModelServer, browser: Client
) -> None:
    server.reply = lambda *_: reply
    assert said in json.dumps(lines(browser.post(PATH, FORM, headers=STREAM)))
    assert said in text_of(browser.post(PATH, FORM))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"max_tokens": "513"}, "between 1 and 512"),
        ({"max_tokens": "0"}, "between 1 and 512"),
        ({"max_tokens": "many"}, "not a whole number"),
        ({"model": "nobody"}, "models.yaml has no 'nobody'"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_is_asked(
    changes: dict[str, str], told: str, server: ModelServer, browser: Client
) -> None:
    server.calls.clear()
    assert told in text_of(browser.post(PATH, FORM | changes))
    [line] = lines(browser.post(PATH, FORM | changes, headers=STREAM))
    assert told in line["error"]
    assert not server.calls


def test_who_may_not_evaluate_may_not_try(as_role: Callable[[str], Client]) -> None:
    viewer = as_role("viewer")
    assert "Ask the model" not in text_of(viewer.get("/versions/1/oracle"))
    assert viewer.post(PATH, FORM).status_code == 403
    assert viewer.post(PATH, FORM, headers=STREAM).status_code == 403
    assert "Ask the model" in text_of(as_role("editor").get("/versions/1/oracle"))


def test_nobody_elses_page_can_send_it(ada: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada, backend=BACKEND)
    assert strict.post(PATH, FORM).status_code == 403
    assert strict.post(PATH, FORM, headers=STREAM).status_code == 403


def test_an_address_that_is_only_opened_leads_to_the_form(browser: Client) -> None:
    assert browser.get(PATH)["Location"] == "/versions/1/oracle"
    assert browser.post("/try/7/oracle", FORM).status_code == 404


def test_it_asks_the_database_a_dozen_times_at_most(
    browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(14):  # two of them hold and free the person's place
        browser.post(PATH, FORM)
    with django_assert_max_num_queries(12):
        browser.get("/versions/1/oracle")


@pytest.fixture
def elsewhere() -> Iterator[Callable[..., list[dict[str, str]]]]:
    """Another request at the same time, on a thread and a connection of its own."""
    with ThreadPoolExecutor(1) as threads:

        def ask(name: str) -> list[dict[str, str]]:
            try:
                client = Client()
                client.force_login(User.objects.get(username=name), backend=BACKEND)
                return lines(client.post(PATH, FORM, headers=STREAM))
            finally:
                connection.close()

        yield lambda name: threads.submit(ask, name).result(30)


@pytest.mark.django_db(transaction=True)
def test_one_at_a_time(
    server: ModelServer, browser: Client, elsewhere: Callable[..., list[dict[str, str]]]
) -> None:
    User.objects.create_user("bob", password=PASSWORD, role="editor")
    rest = threading.Event()
    server.reply = lambda *_: Say("yes", rest=rest)
    answer: Any = browser.post(PATH, FORM, headers=STREAM)
    pieces = iter(answer.streaming_content)
    next(pieces)
    assert "a model answers you already" in elsewhere("ada")[0]["error"]
    assert "at work on 1 answer of a model already" in elsewhere("bob")[0]["error"]
    rest.set()
    list(pieces)
    assert elsewhere("ada")[0] == {"text": "yes"}


@pytest.mark.django_db(transaction=True)
def test_who_leaves_stops_the_model_and_frees_the_place(
    server: ModelServer, browser: Client, elsewhere: Callable[..., list[dict[str, str]]]
) -> None:
    rest = threading.Event()
    server.reply = lambda *_: Say("yes", rest=rest)
    answer: Any = browser.post(PATH, FORM, headers=STREAM)
    next(iter(answer.streaming_content))
    answer.close()
    rest.set()
    assert elsewhere("ada")[0] == {"text": "yes"}
