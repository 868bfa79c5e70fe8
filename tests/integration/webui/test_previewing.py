"""A version's preview counts its tokens as the model reads them."""

from __future__ import annotations

import logging

import pytest
from django.test import Client

from tests.integration.evals.conftest import Repository
from tests.integration.evals.model_server import ModelServer
from tests.integration.webui.conftest import text_of

PATH = "/versions/1/oracle"
SHARED = "Answer in one word, größer als ein Buchstabe: "
FORM = {"var:question": "case 7"}


@pytest.fixture
def _published(repository: Repository) -> None:
    repository.with_(template=SHARED + "{{ question }}").publish()


@pytest.mark.usefixtures("_published")
def test_by_the_model_s_own_server(server: ModelServer, browser: Client) -> None:
    server.pages["/v1/models"] = {"data": [{"id": "tiny"}]}
    page = text_of(browser.post(PATH, FORM))
    assert "54 tokens, 48 of them (88.9 %) before the first variable" in page
    assert "About 54" not in page
    told = "Counted by the server of tiny, without what the model's chat template adds."
    assert told in page


@pytest.mark.usefixtures("_published")
def test_estimated_where_the_server_does_not_tell(
    server: ModelServer, browser: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        page = text_of(browser.post(PATH, FORM))
    assert "About 13 tokens, 12 of them (92.3 %) before the first variable" in page
    assert "Estimated at 4 characters a token" in page
    assert "tokens of tiny are estimated: " in caplog.text
