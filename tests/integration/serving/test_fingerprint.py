"""When a fingerprint says same, changed and cannot tell."""

from __future__ import annotations

import asyncio
import json

import pytest

from serving.client import Endpoint, ModelClient, ModelUnavailableError
from serving.fingerprint import TOLERANCE, Comparison, Fingerprint, confirm, measure
from serving.probes import PROBES, TOP_LOGPROBS, VERSION
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

#: More than the tolerance, and less.
FAR, NEAR = 2 * TOLERANCE["logprobs"], TOLERANCE["logprobs"] / 2


def saying(text: str, prompt_tokens: int = 7, shift: float | None = None) -> Reply:
    """An answer; with `shift` also log-probabilities, all moved by so much."""
    said = delta(text)
    if shift is not None:
        said["choices"][0]["logprobs"] = {"content": [{"top_logprobs": likely(shift)}]}
    last = (event(delta(finish="length")), event(usage(prompt_tokens, 1)), event("[DONE]"))
    return stream(event(said), *last)


def likely(shift: float) -> list[dict[str, object]]:
    return [
        {"token": f"{rank}", "bytes": [48 + rank], "logprob": shift - rank} for rank in range(8)
    ]


def giving(shift: float, prompt_tokens: int = 7) -> Reply:
    return saying("0", prompt_tokens, shift)


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


def comparison(known: Fingerprint, *replies: Reply) -> tuple[Comparison, int]:
    """What `confirm` says, and how many probes it asked."""

    async def story() -> tuple[Comparison, int]:
        async with served(*replies) as (server, client):
            return await confirm(client, known), len(server.received)

    return asyncio.run(story())


def test_the_probes_are_greedy_short_serial_and_use_no_field_of_one_server_only() -> None:
    async def story() -> None:
        async with served(giving(0)) as (server, client):
            await measure(client)
            assert server.connections == 1
            for request in server.received:
                body = request.json
                assert (body["temperature"], body["seed"], body["max_tokens"]) == (0, 0, 1)
                assert (body["logprobs"], body["top_logprobs"]) == (True, TOP_LOGPROBS)
                assert body.keys() == {
                    "model", "messages", "temperature", "seed", "max_tokens", "logprobs",
                    "top_logprobs", "stream", "stream_options",
                }  # fmt: skip

    asyncio.run(story())


def test_some_probes_leave_the_system_prompt_to_the_model_and_all_are_different() -> None:
    assert {probe.system is None for probe in PROBES} == {True, False}
    assert len({probe.name for probe in PROBES}) == len(PROBES)
    assert len({(probe.system, probe.user) for probe in PROBES}) == len(PROBES)


def test_a_fingerprint_names_model_mode_and_version() -> None:
    found = fingerprint_of(giving(0))
    assert found == fingerprint_of(giving(0))
    assert (found.kind, len(found.value)) == (f"logprobs/{VERSION}", 64)
    assert [line.probe for line in found.detail] == [probe.name for probe in PROBES]
    others = [fingerprint_of(giving(NEAR)), fingerprint_of(giving(0), served_id="tiny-2")]
    assert found.value not in {other.value for other in others}


def test_it_comes_back_from_storage_as_it_was_unless_it_cannot_be_compared_now() -> None:
    found = fingerprint_of(giving(0))
    detail = json.loads(json.dumps(found.detail_json()))
    assert Fingerprint.stored(found.value, found.kind, detail) == found
    assert Fingerprint.stored(found.value, "logprobs/1", detail) is None
    assert Fingerprint.stored("", "", []) is None


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity"])
def test_a_server_that_refuses_log_probabilities_is_asked_without(status: str) -> None:
    found = fingerprint_of(plain(status, b"no logprobs"), saying("Hi"), saying("Hi"))
    assert found.kind == f"text/{VERSION}"
    assert {line.text for line in found.detail} == {"Hi"}


def test_a_server_that_ignores_the_wish_for_them_is_measured_by_its_words() -> None:
    assert fingerprint_of(saying("Hi")).kind == f"text/{VERSION}"


def test_times_ids_and_the_servers_own_fingerprint_do_not_count() -> None:
    noisy = stream(
        *(event(json.loads(e[6:]) | {"id": "x", "created": 9, "system_fingerprint": "y"})
          for e in answer("Hi")[:-2]),
        event(usage(7, 1, prompt_tokens_details={"cached_tokens": 6})),
        event("[DONE]"),
    )  # fmt: skip
    assert fingerprint_of(noisy).value == fingerprint_of(saying("Hi")).value


@pytest.mark.parametrize("good", [saying("Hi"), giving(0)], ids=["text", "logprobs"])
def test_a_missing_answer_is_an_error_and_no_fingerprint(good: Reply) -> None:
    with pytest.raises(ModelUnavailableError):
        fingerprint_of(good, plain("503 Busy", b""))
    with pytest.raises(ModelUnavailableError):
        fingerprint_of(plain("503 Busy", b""))


SAME, NEW = one_measurement(giving(NEAR)), one_measurement(giving(FAR))
OTHER = one_measurement(giving(-FAR))
BETWEEN = one_measurement(giving(0.9 * TOLERANCE["logprobs"]))
JUST_BEYOND = one_measurement(giving(1.1 * TOLERANCE["logprobs"]))
TEMPLATE = one_measurement(giving(0, prompt_tokens=8), giving(0))
WORDS, OTHER_WORDS = one_measurement(saying("Hi")), one_measurement(saying("Good"))


@pytest.mark.parametrize(
    ("replies", "state", "measurements"),
    [
        pytest.param(SAME, "same", 1, id="within the tolerance"),
        pytest.param([*NEW, *NEW], "changed", 2, id="something else, twice"),
        pytest.param([*TEMPLATE, *TEMPLATE], "changed", 2, id="one prompt token more"),
        pytest.param([*NEW, *SAME], "cannot tell", 2, id="something else, then what was known"),
        pytest.param([*NEW, *OTHER], "cannot tell", 2, id="twice something else"),
        pytest.param([*JUST_BEYOND, *BETWEEN], "cannot tell", 2, id="on the border"),
        pytest.param([*WORDS, *WORDS], "changed", 2, id="no log-probabilities any more"),
        pytest.param([*WORDS, *NEW], "cannot tell", 2, id="some with, some without"),
    ],
)
def test_only_two_agreeing_new_measurements_mean_changed(
    replies: list[Reply], state: str, measurements: int
) -> None:
    known = fingerprint_of(giving(0))
    compared, asked = comparison(known, *replies)
    assert compared.state == state
    assert asked == measurements * len(PROBES)
    assert (compared.fingerprint == known) == (state == "same")


@pytest.mark.parametrize(
    ("replies", "state"),
    [
        pytest.param(WORDS, "same", id="the same words"),
        pytest.param([saying("Oh"), *WORDS[1:]], "same", id="one near tie that fell otherwise"),
        pytest.param([*OTHER_WORDS, *OTHER_WORDS], "changed", id="other words"),
        pytest.param([saying("Hi", 8), *WORDS[1:]] * 2, "changed", id="one prompt token more"),
    ],
)
def test_without_log_probabilities_words_and_token_counts_decide(
    replies: list[Reply], state: str
) -> None:
    assert comparison(fingerprint_of(saying("Hi")), *replies)[0].state == state
