"""Suites are stored as they were, and a changed suite takes the certificates with it."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evals import engine
from evals.errors import GateUnknownError, RunTooLargeError, SuitesUnusableError
from evals.models import Suite
from registry.domain.actor import Actor, NotAllowedError, Role, Scope
from registry.errors import ModelUnknownError, PromptUnknownError, VersionUnknownError
from registry.models import Certificate, Prompt
from tests.integration.evals.conftest import QUICK, Repository, again, started


def digest_of(prompt: str) -> str:
    return Prompt.objects.get(name=prompt).suite_digest


def test_a_suite_is_kept_by_content(repository: Repository) -> None:
    assert repository.publish() == ()
    first = digest_of("oracle")
    repository.with_(repeats=3).publish()
    assert digest_of("oracle") not in {"", first}
    repository.publish()
    assert digest_of("oracle") == first
    assert Suite.objects.count() == 2
    assert Suite.objects.get(is_current=True).spec["repeats"] == 1


def test_a_changed_suite_expires_certificates(repository: Repository, editor: Actor) -> None:
    repository.publish()
    engine.work(started(editor).pk, limits=QUICK)
    certificate = Certificate.objects.get()
    repository.publish()
    certificate.refresh_from_db()
    assert certificate.expired_at is None
    repository.with_(cases=13).publish()
    certificate.refresh_from_db()
    assert certificate.expired_reason == "its suite changed"


def test_a_changed_suite_counts_for_a_prompt_whose_description_is_broken(
    repository: Repository, editor: Actor
) -> None:
    repository.publish()
    engine.work(started(editor).pk, limits=QUICK)
    before = digest_of("oracle")
    broken = {"prompts/oracle/prompt.yaml": b"suites: [oracle"}
    repository.with_(more=broken).publish(errors=True)
    assert (digest_of("oracle"), Certificate.objects.get().expired_at) == (before, None)
    repository.with_(more=broken, cases=13).publish(errors=True)
    assert digest_of("oracle") not in {"", before}
    assert Certificate.objects.get().expired_reason == "its suite changed"
    assert Suite.objects.filter(is_current=True).count() == 1


def test_a_changed_suite_counts_for_a_prompt_whose_folder_is_gone(
    repository: Repository, editor: Actor
) -> None:
    repository.publish()
    engine.work(started(editor).pk, limits=QUICK)
    repository.with_(cases=13).publish(without="prompts/oracle/")
    assert Prompt.objects.get().orphaned
    assert Certificate.objects.get().expired_reason == "its suite changed"


@pytest.mark.parametrize("broken", [b"checks: [", b"cases: []"], ids=["yaml", "empty"])
def test_a_broken_suite_proves_nothing(
    broken: bytes, repository: Repository, editor: Actor
) -> None:
    repository.publish()
    findings = repository.with_(more={"suites/oracle.yaml": broken}).publish()
    assert findings[0].path == "suites/oracle.yaml"
    assert digest_of("oracle") == ""
    assert not Suite.objects.filter(is_current=True).exists()
    with pytest.raises(SuitesUnusableError):
        started(editor)


def test_a_missing_suite_proves_nothing(repository: Repository) -> None:
    named = json.dumps({"suites": ["oracle", "nowhere"], "model": "tiny"}).encode()
    findings = repository.with_(more={"prompts/oracle/prompt.yaml": named}).publish()
    assert [finding.code for finding in findings] == ["unknown_suite"]
    assert digest_of("oracle") == ""


def test_what_is_wrong_is_said_at_every_sync(repository: Repository) -> None:
    strict = repository.with_(policy={"min_cases": 50})
    assert [f.code for f in strict.publish()] == ["suite_too_small"]
    assert [f.code for f in strict.publish()] == ["suite_too_small"]
    assert repository.publish() == ()
    assert repository.publish() == ()
    assert [f.code for f in strict.publish()] == ["suite_too_small"]


def test_following_the_same_content_again_costs_few_queries(repository: Repository) -> None:
    many = {
        f"prompts/p{i}/{name}": text
        for i in range(40)
        for name, text in (
            ("prompt.yaml", b"suites: [oracle]"),
            ("v1.jinja2", b"---\nvariables: {question: {type: string}}\n---\n{{ question }}"),
        )
    }
    large = repository.with_(more=many)
    large.publish()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        large.publish()
    assert len({digest_of(f"p{i}") for i in range(40)}) == 1
    assert len(queries) < 40
    assert not any("INSERT" in q["sql"] and "suite" in q["sql"] for q in queries)


def test_a_changed_suite_of_many_prompts_costs_few_queries(
    repository: Repository, editor: Actor
) -> None:
    many = {
        f"prompts/p{i}/{name}": text
        for i in range(300)
        for name, text in (
            ("prompt.yaml", b"suites: [oracle]"),
            ("v1.jinja2", b"---\nvariables: {question: {type: string}}\n---\n{{ question }}"),
        )
    }
    repository.with_(more=many).publish()
    engine.work(started(editor).pk, limits=QUICK)
    before = digest_of("oracle")
    with CaptureQueriesContext(connection) as queries:
        repository.with_(more=many, cases=13).publish()
    digests = set(Prompt.objects.values_list("suite_digest", flat=True))
    assert len(digests) == 1
    assert before not in digests
    assert Certificate.objects.get().expired_reason == "its suite changed"
    assert len(queries) < 40


def test_a_run_needs_all_that_it_is_about(repository: Repository, editor: Actor) -> None:
    repository.publish()
    with pytest.raises(PromptUnknownError):
        started(editor, prompt="nobody")
    with pytest.raises(VersionUnknownError):
        started(editor, version=9)
    with pytest.raises(ModelUnknownError):
        started(editor, model="gpt-99")
    with pytest.raises(GateUnknownError):
        started(editor, tag="canary")
    with pytest.raises(NotAllowedError):
        started(Actor("user:vic", Role.VIEWER.scopes))
    with pytest.raises(NotAllowedError):
        started(Actor("token:ci", frozenset(Scope), ("billing/*",)))


def test_a_run_is_not_larger_than_anybody_can_mean(repository: Repository, editor: Actor) -> None:
    repository.with_(cases=6_000, repeats=20).publish()
    with pytest.raises(RunTooLargeError):
        started(editor)


def test_cases_that_begin_alike_are_neighbours(repository: Repository, editor: Actor) -> None:
    rows = [
        {"id": f"c{i}", "variables": {"context": f"book {i % 3}", "question": f"q{i}"}}
        for i in range(9)
    ]
    template = (
        b"---\nvariables: {question: {type: string}, context: {type: string}}\n---\n"
        b"{{ context }} {{ question }}"
    )
    suite = {"cases": rows, "checks": [{"type": "exact", "value": "yes"}], "repeats": 2}
    more = {"prompts/oracle/v1.jinja2": template, "suites/oracle.yaml": json.dumps(suite).encode()}
    repository.with_(more=more).publish()
    run = started(editor)
    order = [(int(i.case[1:]) % 3, i.case) for i in run.items.order_by("position")]
    assert [book for book, _ in order] == [0] * 6 + [1] * 6 + [2] * 6
    assert all(order[i] == order[i + 1] for i in range(0, 18, 2))


def test_the_second_forecast_knows_what_the_first_run_took(
    repository: Repository, editor: Actor
) -> None:
    repository.publish()
    first = started(editor)
    assert first.forecast["minutes"] is None
    engine.work(first.pk, limits=QUICK)
    second = again(started(editor))
    assert second.forecast["tokens"] == 144
    assert second.forecast["minutes"] is not None
