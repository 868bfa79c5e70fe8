"""A proposal's tags.yaml may call another version live than the registry: what is told agrees."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from evals.models import CheckedPrompt
from registry import promotion, sync
from registry.domain.actor import SYSTEM, Actor
from tests.integration.evals.conftest import Repository
from tests.integration.evals.model_server import ModelServer
from tests.integration.evals.proposals import BETTER, HEADER, Host, asked, worked
from tests.integration.webui.conftest import text_of

pytestmark = pytest.mark.django_db(transaction=True)
TOLD = "The base's tags.yaml calls v1 live, and v2 is: it is compared with v2."
V3 = {"prompts/oracle/v3.jinja2": HEADER + "{{ question }} best"}


@pytest.fixture
def host(tmp_path: Path, settings: Settings, repository: Repository) -> Host:
    """Its tags.yaml calls v1 live; v2 is published beside it."""
    made = Host(tmp_path, settings, repository.with_(cases=60, policy={"margin": 0.1}))
    made.shared.write({"prompts/oracle/v2.jinja2": BETTER}).commit()
    assert sync.sync().status == "applied"
    made.base = made.shared.head
    return made


def test_the_difference_is_to_what_is_measured_beside_it_and_both_are_named(
    host: Host, server: ModelServer, editor: Actor, browser: Client
) -> None:
    target = promotion.Target("oracle", "stable", 2)
    promotion.override(target=target, actor=SYSTEM, reason="v1 is broken")
    check = worked(asked(host, host.propose(V3), editor))
    run = CheckedPrompt.objects.get().run
    assert run is not None
    assert run.baseline is not None
    assert run.baseline.number == 2
    assert check.change is not None
    [prompt] = check.change["prompts"]
    assert (prompt["old"], prompt["called_live"]) == (2, 1)
    assert "-{{ question }} better" in prompt["diff"]
    page = text_of(browser.get(f"/checks/{check.pk}"))
    assert "oracle v2 → v3" in page
    assert TOLD in page
    assert TOLD in check.report_markdown
    assert TOLD in check.comment_markdown


def test_where_both_agree_nothing_is_said_of_it(
    host: Host, server: ModelServer, editor: Actor, browser: Client
) -> None:
    check = worked(asked(host, host.propose(V3), editor))
    assert check.change is not None
    [prompt] = check.change["prompts"]
    assert (prompt["old"], prompt["called_live"]) == (1, None)
    assert "calls v1 live" not in check.comment_markdown
    assert "calls v1 live" not in text_of(browser.get(f"/checks/{check.pk}"))
