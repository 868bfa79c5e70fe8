"""PATCH labels is a promotion; every other write is refused and says what to do instead."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from registry import promotion
from registry.domain.actor import SYSTEM
from registry.models import PromptVersion
from registry.models.ledger import TagEvent
from registry.promotion import Target
from tests.integration.dialects.langfuse.conftest import PROMPTS, keyed, refused
from tests.integration.registry.conftest import Shelf


@pytest.fixture
def promoter(shelf: Shelf) -> APIClient:
    return keyed("lookup", "promote", name="ci")


def set_labels(client: APIClient, version: int, *labels: str, name: str = "greeting") -> Any:
    body = {"newLabels": list(labels)}
    return client.patch(f"{PROMPTS}/{name}/versions/{version}", body)


def moves() -> list[tuple[str, str, int | None]]:
    rows = TagEvent.objects.order_by("pk").values_list("tag", "kind", "version__number")
    return list(rows)


@pytest.mark.parametrize("label", ["production", "stable"])
def test_a_certified_version_is_promoted_and_the_ledger_knows_by_whom(
    promoter: APIClient, label: str
) -> None:
    answer = set_labels(promoter, 2, label)
    assert answer.status_code == 200, answer.content
    assert (answer.json()["version"], answer.json()["labels"]) == (2, ["production", "stable"])
    [event] = TagEvent.objects.all()
    assert (event.tag, event.kind, event.actor) == ("stable", "promoted", "token:ci")
    assert event.certificate is not None
    assert event.reason == f"labels set through the Langfuse API by python: {label}"


def test_without_a_certificate_nothing_moves_and_the_reasons_are_told(promoter: APIClient) -> None:
    message = refused(set_labels(promoter, 4, "production"), 403, "ForbiddenError")
    assert "greeting@v4 has no valid certificate for stable on tiny" in message
    assert "assay eval greeting v4" in message
    assert moves() == []


def test_a_repeated_request_is_one_move(promoter: APIClient) -> None:
    for _ in range(3):
        assert set_labels(promoter, 2, "production", "stable").status_code == 200
    assert moves() == [("stable", "promoted", 2)]
    assert set_labels(promoter, 1).json()["labels"] == []
    assert len(moves()) == 1


def test_several_labels_move_together_or_not_at_all(promoter: APIClient) -> None:
    refused(set_labels(promoter, 2, "production", "blue"), 403, "ForbiddenError")
    assert moves() == []


def test_a_canary_keeps_the_share_it_has_and_needs_one_to_begin(
    promoter: APIClient, shelf: Shelf
) -> None:
    message = refused(set_labels(promoter, 3, "canary"), 400, "InvalidRequestError")
    assert "greeting has no canary" in message
    assert "assay canary set greeting" in message
    shelf.certify(2, policy="trial")
    promotion.set_canary(prompt="greeting", version=2, weight=15, actor=SYSTEM)
    assert set_labels(promoter, 3, "canary").json()["labels"] == ["canary"]
    assert moves() == [("canary", "promoted", 2), ("canary", "promoted", 3)]
    assert TagEvent.objects.latest("pk").weight == 15


@pytest.mark.parametrize("labels", ["production", ["latest"], ["A b"], [3], ["x" * 37], None])
def test_labels_that_make_no_sense(promoter: APIClient, labels: Any) -> None:
    answer = promoter.patch(f"{PROMPTS}/greeting/versions/2", {"newLabels": labels})
    refused(answer, 400, "InvalidRequestError")
    assert moves() == []


def test_who_may_not_and_what_there_is_not(promoter: APIClient, app: APIClient) -> None:
    refused(set_labels(app, 2, "production"), 403, "ForbiddenError")
    other = keyed("promote", prompts=("team/*",), name="other")
    refused(set_labels(other, 2, "production"), 403, "ForbiddenError")
    refused(set_labels(promoter, 9, "production"), 404, "LangfuseNotFoundError")
    refused(set_labels(promoter, 1, "production", name="nobody"), 404, "LangfuseNotFoundError")
    assert moves() == []


def test_what_its_clients_could_not_read_is_not_promoted_through_it(promoter: APIClient) -> None:
    row = PromptVersion.objects.get(number=2)
    text = "{{ who | upper }}"
    content = {**row.content, "number": 5, "source": text, "variables": {"who": {}}}
    PromptVersion.objects.create(
        prompt=row.prompt, number=5, digest="e" * 64, commit="c", blob="b", path=row.path,
        content=content, template=text,
    )  # fmt: skip
    message = refused(set_labels(promoter, 5, "production"), 400, "InvalidRequestError")
    assert "the filter `upper`" in message
    assert moves() == []


def test_writing_and_deleting_prompts_points_at_the_repository(app: APIClient) -> None:
    promotion.promote(target=Target("greeting", "stable", 2), actor=SYSTEM)
    body = {"name": "greeting", "prompt": "Hi", "labels": ["production"], "config": {}}
    message = refused(app.post(PROMPTS, body), 403, "ForbiddenError")
    assert "prompts/greeting/vN.jinja2" in message
    assert "pull request" in message
    refused(app.post(PROMPTS, [1]), 403, "ForbiddenError")
    refused(app.delete(f"{PROMPTS}/greeting"), 403, "ForbiddenError")
    assert app.get(f"{PROMPTS}/greeting").json()["version"] == 2
    assert PromptVersion.objects.count() == 4
