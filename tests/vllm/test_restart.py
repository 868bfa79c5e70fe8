"""A model server that is drained and started anew in the middle of a run."""

from __future__ import annotations

import re
import threading
import time
import urllib.request

import pytest

from evals.limits import DEFAULT_LIMITS
from registry.domain.actor import Actor
from tests.vllm.conftest import Running
from tests.vllm.questions import asking, evaluated

pytestmark = pytest.mark.django_db

#: Tokens: the fingerprint's questions want about fifty, the others are of some cases. All cases
#: together want five times as many.
_BEFORE_THE_RESTART = 150


def written(url: str) -> float:
    """Tokens that the server has written since it began."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as page:
        text = page.read().decode()
    return sum(map(float, re.findall(r"(?m)^vllm:generation_tokens_total\{.*\} (\S+)$", text)))


def restart_in_the_middle(vllm: Running, began_at: float, told: list[float]) -> None:
    until = time.monotonic() + 300
    while written(vllm.url) < began_at + _BEFORE_THE_RESTART and time.monotonic() < until:
        time.sleep(0.1)
    told.append(written(vllm.url) - began_at)
    vllm.restart()


def test_the_run_waits_for_the_server_and_has_one_result_a_case(
    vllm: Running, editor: Actor
) -> None:
    suite = {"checks": [{"type": "regex", "pattern": r"\S"}]}
    parameters = {"temperature": 0, "max_tokens": 24}
    asking(
        vllm.recipe.launch, vllm.url, "{{ question }} Write a reply.", parameters, suite=suite
    ).with_(repeats=3).publish()
    told: list[float] = []
    restarting = threading.Thread(
        target=restart_in_the_middle, args=(vllm, written(vllm.url), told)
    )
    restarting.start()
    run = evaluated(editor, DEFAULT_LIMITS)
    restarting.join()
    assert told[0] < 36 * 20, "the server went only after the run"
    assert [result.error for result in run.results.exclude(error="")] == []
    # PASS also says that the model was measured as the same before and after the restart.
    assert (run.verdict, run.done, run.errors) == ("PASS", 36, 0), run.reasons
    found = run.results.all()
    assert len({(result.case, result.repeat) for result in found}) == len(found) == 36
    tokens = sum(result.completion_tokens for result in found)
    assert run.completion_tokens == tokens > 0
