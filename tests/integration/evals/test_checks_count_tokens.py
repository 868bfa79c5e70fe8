"""A check counts a proposal's tokens on the models of the branch, and on no other server."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from evals.models import CommitCheck
from registry.domain.actor import Actor
from tests.integration.evals.conftest import Repository, model_server
from tests.integration.evals.model_server import ModelServer
from tests.integration.evals.proposals import HEADER, Host, asked, worked

pytestmark = pytest.mark.django_db(transaction=True)
RULES = "Answer in one word, and quote nothing of what you are given.\n" * 8
LATE = {"prompts/oracle/v2.jinja2": f"{HEADER}{{{{ question }}}}\n{RULES}"}
LISTED = {"data": [{"id": "tiny"}]}


@pytest.fixture
def host(tmp_path: Path, settings: Settings, repository: Repository) -> Host:
    return Host(tmp_path, settings, repository.with_(policy={"min_cases": 2}))


def how(check: CommitCheck) -> str:
    """How the lint of a check came to its figures."""
    assert check.change is not None
    [finding] = [one for one in check.change["findings"] if one["code"] == "prefix_cache"]
    return str(finding["hint"])


def test_by_the_server_of_the_branch_s_model(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    server.pages["/v1/models"] = LISTED
    check = worked(asked(host, host.propose(LATE), editor))
    assert "(487 tokens, counted by the server of tiny)" in how(check)
    assert "(487 tokens, counted by the server of tiny)" in check.comment_markdown


def test_a_proposal_cannot_send_its_texts_somewhere_else(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    server.pages["/v1/models"] = LISTED
    with model_server() as thief:
        thief.pages["/v1/models"] = LISTED
        moved = host.shared.file("models.yaml").replace(server.url, thief.url)
        check = worked(asked(host, host.propose({**LATE, "models.yaml": moved}), editor))
        assert "counted by the server of tiny" in how(check)
        other = moved.replace('"r1"', '"r2"')
        check = worked(asked(host, host.propose({**LATE, "models.yaml": other}), editor))
        assert "estimated at 4 characters a token" in how(check)
        assert thief.requests == 0


def test_a_fork_that_nobody_let_in_is_estimated(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    server.pages["/v1/models"] = LISTED
    check = worked(asked(host, host.propose(LATE), editor, is_held=True))
    assert "estimated at 4 characters a token" in how(check)
    assert server.requests == 0
