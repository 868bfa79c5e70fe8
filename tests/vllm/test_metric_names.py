"""The recorded /metrics that rules and dashboards are checked against is what vLLM shows."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from serving.client import Endpoint, ModelClient
from serving.metrics import prefix_cache_counters
from tests.integration.deploy.test_metric_names import exposed
from tests.vllm.conftest import Running

_SCRAPE = Path(__file__).parents[1] / "integration" / "deploy" / "vllm-0.32.0-metrics.txt"


def shown(url: str) -> str:
    async def ask() -> bytes:
        async with ModelClient(Endpoint(url, "smollm2")) as client:
            return await client.page("/metrics")

    return asyncio.run(ask()).decode()


def of_vllm(page: str) -> set[str]:
    """Without `_created`, which the Prometheus client shows or not by its own settings."""
    names = {name for name in exposed(page) if name.startswith("vllm:")}
    return {name for name in names if not name.endswith("_created")}


def labels(page: str) -> dict[str, set[str]]:
    """The names of the labels of each series."""
    lines = re.findall(r"(?m)^(vllm:\w+)\{(.*)\} \S+$", page)
    return {name: set(re.findall(r'(\w+)="', inside)) for name, inside in lines}


def test_the_recording_has_the_names_and_labels_of_a_fresh_scrape(vllm: Running) -> None:
    fresh, recorded = shown(vllm.url), _SCRAPE.read_text(encoding="utf-8")
    assert len(of_vllm(fresh)) > 50
    assert of_vllm(fresh) == of_vllm(recorded)
    both = labels(fresh).keys() & labels(recorded).keys()
    config = "vllm:cache_config_info"  # its labels are the server's settings
    for name in both - {config}:
        assert labels(fresh)[name] == labels(recorded)[name], name
    assert config in both


def test_the_prefix_cache_is_counted_under_these_names(vllm: Running) -> None:
    assert prefix_cache_counters(shown(vllm.url)) is not None
