"""A model's page shows how busy its server was, from what real looks found over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from evals import probing
from registry.models import ModelVersion
from registry.probing import KEPT
from tests.integration.registry.conftest import Shelf
from tests.integration.serving.test_served import VLLM, serving
from tests.integration.webui.conftest import assert_nothing_inline, charts_of, text_of

RECORDED = Path(__file__).parents[1] / "deploy" / "vllm-0.32.0-metrics.txt"
#: What the next look finds: series -> value.
LATER = {
    "vllm:kv_cache_usage_perc": "0.25",
    "vllm:num_requests_running": "3.0",
    "vllm:num_requests_waiting": "1.0",
    "vllm:time_to_first_token_seconds_count": "89.0",
    "vllm:time_to_first_token_seconds_sum": "201.42509245872498",
    "vllm:prefix_cache_queries_total": "17060.0",
    "vllm:prefix_cache_hits_total": "9966.0",
}

Pages = dict[str, tuple[int, bytes]]


def recorded(changes: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """The scrape of a real vLLM, with other values for some series."""
    text = RECORDED.read_text(encoding="utf-8")
    for name, value in changes.items():
        text, count = re.subn(rf"(?m)^({name}{{.*}}) \S+$", rf"\g<1> {value}", text)
        assert count == 1, name
    return text.encode()


@pytest.fixture
def pages() -> Pages:
    """What the server shows, until the test changes it."""
    return {**VLLM, "/metrics": (200, recorded())}


@pytest.fixture
def model(shelf: Shelf, pages: Pages) -> Iterator[ModelVersion]:
    with serving(pages) as url:
        pin = {**shelf.model.pin, "base_url": url}
        ModelVersion.objects.filter(pk=shelf.model.pk).update(pin=pin)
        shelf.model.refresh_from_db()
        yield shelf.model


def look(model: ModelVersion) -> None:
    probing.probe(model, with_fingerprint=False)


def test_two_looks_at_a_vllm(model: ModelVersion, pages: Pages, browser: Client) -> None:
    look(model)
    pages["/metrics"] = (200, recorded(LATER))
    look(model)
    answer = browser.get("/models/tiny")
    assert_nothing_inline(answer)
    page = text_of(answer)
    assert "KV cache in use 25 % 0 to 25 %" in page
    assert "Requests running 3 0 to 3" in page
    assert "Requests waiting 1 0 to 1" in page
    # Of the ten requests and the thousand tokens in between, not of all since the start.
    assert "Mean time to the first token 125 ms" in page
    assert "Prompt tokens found in the prefix cache 75 %" in page
    assert "just now 25 3 1 125 75" in page
    assert "just now 0 0 0 — —" in page
    assert "3 running, 1 waiting, KV cache 25.0 %" in text_of(browser.get("/models/"))


def test_a_server_that_was_started_anew_counts_from_nothing(
    model: ModelVersion, pages: Pages, browser: Client
) -> None:
    look(model)
    pages["/metrics"] = (200, recorded({"vllm:time_to_first_token_seconds_count": "5.0"}))
    look(model)
    page = text_of(browser.get("/models/tiny"))
    assert "Mean time to the first token" not in page
    assert "just now 0 0 0 — —" in page


def test_a_server_without_metrics_says_so(
    model: ModelVersion, pages: Pages, browser: Client
) -> None:
    assert "assay models probe tiny does." in text_of(browser.get("/models/tiny"))
    del pages["/metrics"]
    look(model)
    page = text_of(browser.get("/models/tiny"))
    assert "It does not say: at the last look the server showed no /metrics" in page
    pages["/metrics"] = (200, b"# TYPE up gauge\nup 1\n")
    look(model)
    assert "say nothing of it" in text_of(browser.get("/models/tiny"))


def test_a_look_in_vain_is_a_gap_and_the_rest_stays(
    model: ModelVersion, pages: Pages, browser: Client
) -> None:
    look(model)
    shown = pages.pop("/metrics")
    look(model)
    pages["/metrics"] = shown
    look(model)
    drawn = charts_of(browser.get("/models/tiny"))[0]
    values = [value for _, value in drawn["points"]]
    assert len(values) == 3
    assert values[1] is None


def test_the_series_is_bounded_and_its_page_asks_no_more(
    model: ModelVersion,
    browser: Client,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    look(model)
    probe = model.probes.get()
    for _ in range(KEPT):
        probe.pk = None
        probe.save()
    look(model)
    assert model.probes.count() == KEPT
    with django_assert_max_num_queries(12):
        page = browser.get("/models/tiny")
    assert "The figures of the newest 48 looks" in text_of(page)
