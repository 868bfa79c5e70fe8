"""When a fingerprint says same, changed and cannot tell."""

from __future__ import annotations

import asyncio
import json

import pytest

from serving.client import Endpoint, ModelClient, ModelUnavailableError
from serving.fingerprint import PROBES, Comparison, Fingerprint, confirm, measure
from tests.integration.serving.scripted_server import (
    Reply,
    ScriptedServer,
    answer,
    delta,
    event,
    plain,
    served,
    stream,
    usage,
)


def saying(text: str, prompt_tokens: int = 7, finish: str = "stop") -> Reply:
    last = (event(delta(finish=finish)), event(usage(prompt_tokens, 1)), event("[DONE]"))
    return stream(event(delta(text)), *last)


def one_measurement(*answers: Reply) -> list[Reply]:
    """Replies for all probes; the last answer fills up."""
    return [*answers, *[answers[-1]] * (len(PROBES) - len(answers))]


def fingerprint_of(*answers: Reply, served_id: str = "tiny") -> Fingerprint:
    async def story() -> Fingerprint:
        async with (
            ScriptedServer(*one_measurement(*answers)) as server,
            ModelClient(Endpoint(server.url, served_id)) as client,
        ):
            return await measure(client)

    return asyncio.run(story())


def comparison(known: str, *replies: Reply) -> tuple[Comparison, int]:
    """What `confirm` says, and how many probes it asked."""

    async def story() -> tuple[Comparison, int]:
        async with served(*replies) as (server, client):
            return await confirm(client, known), len(server.received)

    return asyncio.run(story())


def test_the_probes_are_greedy_short_and_serial() -> None:
    async def story() -> None:
        async with served(saying("Hi")) as (server, client):
            await measure(client)
            assert server.connections == 1
            for request in server.received:
                body = request.json
                assert (body["temperature"], body["seed"], body["max_tokens"]) == (0, 0, 16)

    asyncio.run(story())


def test_some_probes_leave_the_system_prompt_to_the_model_and_all_are_different() -> None:
    assert {probe.system is None for probe in PROBES} == {True, False}
    assert len({probe.name for probe in PROBES}) == len(PROBES)
    assert len({(probe.system, probe.user) for probe in PROBES}) == len(PROBES)


def test_the_same_answers_have_the_same_fingerprint() -> None:
    first, second = fingerprint_of(saying("Hi")), fingerprint_of(saying("Hi"))
    assert first == second
    assert (first.mode, first.version, len(first.value)) == ("text", 1, 64)
    assert [line.probe for line in first.detail] == [probe.name for probe in PROBES]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(saying("Hi."), id="one text"),
        pytest.param(saying("Hi", finish="length"), id="one finish reason"),
        pytest.param(saying("Hi", prompt_tokens=8), id="one prompt token: another template"),
    ],
)
def test_one_difference_in_one_probe_is_another_fingerprint(other: Reply) -> None:
    plain_value = fingerprint_of(saying("Hi")).value
    assert fingerprint_of(other, saying("Hi")).value != plain_value
    assert fingerprint_of(saying("Hi"), served_id="tiny-2").value != plain_value


def test_times_ids_and_the_servers_own_fingerprint_do_not_count() -> None:
    noisy = stream(
        *(event(json.loads(e[6:]) | {"id": "x", "created": 9, "system_fingerprint": "y"})
          for e in answer("Hi")[:-2]),
        event(usage(7, 1, prompt_tokens_details={"cached_tokens": 6})),
        event("[DONE]"),
    )  # fmt: skip
    assert fingerprint_of(noisy).value == fingerprint_of(saying("Hi")).value


def test_a_missing_answer_is_an_error_and_no_fingerprint() -> None:
    with pytest.raises(ModelUnavailableError):
        fingerprint_of(saying("Hi"), plain("503 Busy", b""))


OLD, NEW = one_measurement(saying("Hi")), one_measurement(saying("Good day"))
FLICKER = one_measurement(saying("Good day"), saying("Hi"))


@pytest.mark.parametrize(
    ("replies", "state", "measurements"),
    [
        pytest.param(OLD, "same", 1, id="what was known"),
        pytest.param([*NEW, *NEW], "changed", 2, id="something else, twice"),
        pytest.param([*NEW, *OLD], "cannot tell", 2, id="something else, then what was known"),
        pytest.param([*NEW, *FLICKER], "cannot tell", 2, id="twice something else"),
    ],
)
def test_only_two_agreeing_new_measurements_mean_changed(
    replies: list[Reply], state: str, measurements: int
) -> None:
    known = fingerprint_of(saying("Hi")).value
    compared, asked = comparison(known, *replies)
    assert compared.state == state
    assert asked == measurements * len(PROBES)
