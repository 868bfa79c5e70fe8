"""A prompt's own page, its versions, and what changed between two."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from registry import promotion
from registry.domain.actor import SYSTEM, Actor
from registry.domain.version import VersionContent
from registry.models import Prompt, PromptVersion
from tests.integration.evals.conftest import Repository
from tests.integration.evals.test_beside_the_live_version import live
from tests.integration.registry.conftest import Shelf, make_shelf, stable
from tests.integration.webui.conftest import assert_nothing_inline, text_of

CHAT = (
    '{% chat role="system" %}You help {{ company }}.{% endchat %}\n'
    '{% chat role="user" %}{{ question }}{% endchat %}'
)
EVIL = "<script>alert(1)</script>"


def publish(number: int, source: str, **content: Any) -> PromptVersion:
    prompt, _ = Prompt.objects.get_or_create(name="a/folder/chat")
    whole = VersionContent(
        prompt.name, number, f"prompts/{prompt.name}/v{number}.jinja2", source=source, **content
    )
    return PromptVersion.objects.create(
        prompt=prompt,
        number=number,
        digest=whole.digest,
        commit="c" * 40,
        blob="b" * 40,
        path=whole.path,
        content=whole.to_json(),
        template=source,
    )


@pytest.fixture
def chat(db: None) -> PromptVersion:
    variables = {
        "company": {"type": "string", "default": "ACME"},
        "question": {"type": "string", "description": "What the customer asks."},
    }
    return publish(1, CHAT, type="chat", variables=variables, parameters={"temperature": 0.2})


def test_it_answers_what_is_live_and_proven(shelf: Shelf, browser: Client) -> None:
    shelf.certify(1)
    promotion.promote(target=stable(1), actor=SYSTEM, reason="first")
    answer = browser.get("/prompts/greeting")
    assert_nothing_inline(answer)
    page = text_of(answer)
    assert "stable v1 on tiny certified" in page
    assert "canary —" in page
    assert "v1 stable" in page
    assert "not evaluated certified" in page
    assert "/api/v1/prompts/greeting?tag=stable" in page


def test_a_prompt_in_a_folder_has_its_page(chat: PromptVersion, browser: Client) -> None:
    assert "a/folder/chat" in text_of(browser.get("/prompts/a/folder/chat"))
    assert "You help" in text_of(browser.get("/versions/1/a/folder/chat"))


def test_what_is_not_there_is_a_page_with_a_way_on(browser: Client) -> None:
    answer = browser.get("/prompts/nobody")
    assert answer.status_code == 404
    assert "there is no prompt 'nobody'" in text_of(answer)
    assert "To the overview" in text_of(answer)


def test_nobody_looks_without_signing_in(shelf: Shelf) -> None:
    for path in ("/prompts/greeting", "/versions/1/greeting", "/runs/", "/ledger/", "/plan/"):
        answer = Client().get(path)
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/login/")


def test_a_version_is_rendered_with_what_is_typed_in(chat: PromptVersion, browser: Client) -> None:
    page = text_of(browser.get("/versions/1/a/folder/chat"))
    assert "What the customer asks." in page
    answer = browser.post(
        "/versions/1/a/folder/chat", {"var:company": "Initech", "var:question": EVIL}
    )
    assert_nothing_inline(answer)
    assert f"system You help Initech. user {EVIL}" in text_of(answer)


def test_what_does_not_fit_the_contract_is_named(chat: PromptVersion, browser: Client) -> None:
    prompt = chat.prompt
    publish(2, "{{ n }}", variables={"n": {"type": "integer", "minimum": 3}})
    answer = browser.post(f"/versions/2/{prompt.name}", {"var:n": "1"})
    assert "/n" in text_of(answer)
    assert "must satisfy minimum: 3" in text_of(answer)
    assert "this is not JSON" in text_of(
        browser.post(f"/versions/2/{prompt.name}", {"var:n": "one"})
    )


def test_two_versions_side_by_side(chat: PromptVersion, browser: Client) -> None:
    variables = {**chat.content["variables"], "tone": {"type": "string"}}
    publish(
        2,
        CHAT.replace("You help", "You gladly help").replace(
            "{{ question }}", "{{ question }}{{ tone }}"
        ),
        type="chat",
        variables=variables,
        parameters={"temperature": 0.7},
    )
    answer = browser.get("/diff/a/folder/chat?old=1&new=2")
    assert_nothing_inline(answer)
    page = text_of(answer)
    assert "breaking" in page
    assert "`tone`" in page
    assert "temperature 0.2 0.7" in page
    marked = re.findall(r"<ins>(.*?)</ins>", answer.content.decode(), re.DOTALL)
    assert "gladly" in [words.strip() for words in marked]


def test_the_newest_two_are_compared_when_nothing_is_said(
    chat: PromptVersion, browser: Client
) -> None:
    publish(2, CHAT, type="chat", variables=chat.content["variables"])
    assert "v1 → v2" in text_of(browser.get("/diff/a/folder/chat"))
    assert browser.get("/diff/a/folder/chat?old=x").status_code == 422


def test_two_versions_rendered_on_chosen_cases(
    repository: Repository, editor: Actor, browser: Client
) -> None:
    live(repository, editor)  # v2 says "two" at its end
    offered = browser.get("/diff/oracle")
    assert "Rendered on" in text_of(offered)
    assert "oracle/c0" in text_of(offered)
    answer = browser.get("/diff/oracle?old=1&new=2&case=oracle/c3&case=oracle/c4&case=no/such")
    assert_nothing_inline(answer)
    page = answer.content.decode()
    assert page.count("Rendered on oracle/") == 2
    assert re.search(r"case 3\b.*<ins>.*two", page, re.DOTALL)
    same = text_of(browser.get("/diff/oracle?old=1&new=1&case=oracle/c3"))
    assert "Both versions ask the same." in same


def test_a_version_that_a_case_does_not_fit_says_why(
    repository: Repository, editor: Actor, browser: Client
) -> None:
    live(repository, editor)
    stricter = "---\nvariables:\n  question: {type: string, maxLength: 2}\n---\n{{ question }}"
    repository.more["prompts/oracle/v3.jinja2"] = stricter.encode()
    repository.publish()
    page = text_of(browser.get("/diff/oracle?old=2&new=3&case=oracle/c3"))
    assert "Rendered on oracle/c3 v3: " in page


def test_the_buttons_are_those_of_the_role(shelf: Shelf, as_role: Callable[[str], Client]) -> None:
    viewer, editor = (
        text_of(as_role(role).get("/prompts/greeting")) for role in ("viewer", "editor")
    )
    assert ("Promote…" in viewer, "Evaluate…" in viewer) == (False, False)
    assert ("Promote…" in editor, "Evaluate…" in editor) == (False, True)


def test_many_versions_cost_no_more_questions_than_few(
    shelf: Shelf, browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for version in (1, 2, 3, 4):
        shelf.certify(version)
        promotion.promote(target=stable(version), actor=SYSTEM)
    make_shelf("another")
    with django_assert_max_num_queries(12):
        browser.get("/prompts/greeting")


def test_the_overview_finds_by_name_owner_and_state(shelf: Shelf, browser: Client) -> None:
    make_shelf("farewell")
    Prompt.objects.filter(name="farewell").update(owners=["ada"], orphaned=True)
    shelf.certify(1)
    promotion.promote(target=stable(1), actor=SYSTEM)

    def found(query: str) -> set[str]:
        page = text_of(browser.get(f"/?{query}"))
        table = page[page.index("Show") : page.index("Latest evaluations")]
        return {name for name in ("greeting", "farewell") if name in table}

    assert found("q=GREET") == {"greeting"}
    assert found("owner=ada") == {"farewell"}
    assert found("state=unset") == {"farewell"}
    assert found("state=orphaned") == {"farewell"}
    assert found("state=canary") == set()
    assert "No prompt is like that." in text_of(browser.get("/?q=nothing-of-the-kind"))
