"""When a fingerprint says same, changed and cannot tell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from serving.client import Endpoint, ModelClient, ModelUnavailableError
from serving.fingerprint import CEILING, FLOOR, Comparison, Fingerprint, confirm, measure
from serving.probes import PROBES, TOP_LOGPROBS, VERSION, company
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

#: A look asks every probe once, a meeting three times, among them once in company.
LOOK, MEETING = len(PROBES), 3 * len(PROBES) + len(company())


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


def look(*answers: Reply) -> list[Reply]:
    """Replies to all probes; the last answer fills up."""
    return [*answers, *[answers[-1]] * (len(PROBES) - len(answers))]


def meeting(*looks: Sequence[Reply]) -> list[Reply]:
    """Replies to a meeting over one connection; the last look fills up."""
    first, second, third = [*looks, *[looks[-1]] * (3 - len(looks))]
    alone, *rest = second
    busy = [reply for probe in rest for reply in (probe, saying("never mind"))]
    apart = 2 * len(company())
    return [*first, alone, *busy[:apart], *rest[len(company()) :], *third]


def fingerprint_of(*answers: Reply, served_id: str = "tiny") -> Fingerprint:
    return met(*meeting(look(*answers)), served_id=served_id)


def met(*replies: Reply, served_id: str = "tiny") -> Fingerprint:
    async def story() -> Fingerprint:
        async with (
            ScriptedServer(*replies) as server,
            ModelClient(Endpoint(server.url, served_id, concurrency=1)) as client,
        ):
            return await measure(client)

    return asyncio.run(story())


def comparison(known: Fingerprint, *replies: Reply) -> tuple[Comparison, int]:
    """What `confirm` says, and how many requests it made."""

    async def story() -> tuple[Comparison, int]:
        async with served(*replies, concurrency=1) as (server, client):
            return await confirm(client, known), len(server.received)

    return asyncio.run(story())


def test_the_probes_are_greedy_and_short_and_computed_afresh_where_a_server_can() -> None:
    async def story() -> None:
        async with served(giving(0), concurrency=1) as (server, client):
            await measure(client)
            assert len(server.received) == MEETING
            asked = [request for request in server.received if request.json["max_tokens"] == 1]
            assert len(asked) == 3 * len(PROBES)
            for request in asked:
                body = request.json
                assert (body["temperature"], body["seed"], body["max_tokens"]) == (0, 0, 1)
                assert (body["logprobs"], body["top_logprobs"]) == (True, TOP_LOGPROBS)
                assert body.keys() == {
                    "model", "messages", "temperature", "seed", "max_tokens", "logprobs",
                    "top_logprobs", "stream", "stream_options", "cache_prompt",
                }  # fmt: skip
                assert body["cache_prompt"] is False

    asyncio.run(story())


def test_a_look_asks_as_many_probes_at_once_as_the_endpoint_takes() -> None:
    async def story() -> None:
        async with served(giving(0), concurrency=4) as (server, client):
            known = await measure(client)
            connections = server.connections
            await confirm(client, known)
            assert connections > 1

    asyncio.run(story())


def test_chats_in_company_may_fail_without_harm() -> None:
    refused = plain("400 Bad Request", b"no grammar")
    busy = [reply for _ in company() for reply in (giving(0), refused)]
    replies = [*look(giving(0)), giving(0), *busy, giving(0)]
    assert met(*replies).value == fingerprint_of(giving(0)).value


def test_some_probes_leave_the_system_prompt_to_the_model_and_all_are_different() -> None:
    assert {probe.system is None for probe in PROBES} == {True, False}
    assert len({probe.name for probe in PROBES}) == len(PROBES)
    assert len({(probe.system, probe.user) for probe in PROBES}) == len(PROBES)


def test_a_fingerprint_names_model_mode_and_version() -> None:
    found = fingerprint_of(giving(0))
    assert found == fingerprint_of(giving(0))
    assert (found.kind, len(found.value)) == (f"logprobs/{VERSION}", 64)
    assert [line.probe for line in found.detail] == [probe.name for probe in PROBES]
    others = [fingerprint_of(giving(0.01)), fingerprint_of(giving(0), served_id="tiny-2")]
    assert found.value not in {other.value for other in others}


def test_it_comes_back_from_storage_as_it_was_unless_it_cannot_be_compared_now() -> None:
    found = fingerprint_of(giving(0))
    detail = json.loads(json.dumps(found.detail_json()))
    assert Fingerprint.stored(found.value, found.kind, detail) == found
    assert Fingerprint.stored(found.value, "logprobs/1", detail) is None
    assert Fingerprint.stored("", "", []) is None


REFUSALS = ["400 Bad Request", "422 Unprocessable Entity"]


@pytest.mark.parametrize("status", REFUSALS)
def test_a_server_that_refuses_to_hear_of_its_cache_is_asked_without(status: str) -> None:
    met_before = fingerprint_of(giving(0))

    async def story() -> None:
        strict, known = plain(status, b"extra fields not permitted"), look(giving(0))
        async with served(strict, *known, strict, *known, concurrency=1) as (server, client):
            first = await confirm(client, met_before)
            again = await confirm(client, first.fingerprint)
            assert (first.state, again.state, again.distance) == ("same", "same", 0)
            told = ["cache_prompt" in request.json for request in server.received]
            assert told == 2 * [True, *[False] * LOOK]
            assert all(request.json["logprobs"] for request in server.received)

    asyncio.run(story())


@pytest.mark.parametrize("status", REFUSALS)
def test_a_server_that_refuses_log_probabilities_is_asked_without(status: str) -> None:
    refused = plain(status, b"no logprobs")
    found = met(refused, refused, *look(saying("Hi")), refused, refused, saying("Hi"))
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


KNOWN, NEW = look(giving(0)), look(giving(2 * CEILING))
NEAR, OTHER = look(giving(0.9 * FLOOR)), look(giving(-2 * CEILING))
SMALL_CHANGE = look(giving(2 * FLOOR))
WOBBLED = look(giving(0.6 * CEILING))
TEMPLATE = look(giving(0, prompt_tokens=8), giving(0))
WORDS, OTHER_WORDS = look(saying("Hi")), look(saying("Good"))


@pytest.mark.parametrize(
    ("replies", "state", "requests"),
    [
        pytest.param(NEAR, "same", LOOK, id="within the tolerance"),
        pytest.param([*NEW, *meeting(NEW)], "changed", LOOK + MEETING, id="another model"),
        pytest.param(
            [*SMALL_CHANGE, *meeting(SMALL_CHANGE)], "changed", LOOK + MEETING, id="a little other"
        ),
        pytest.param(
            [*TEMPLATE, *meeting(TEMPLATE)], "changed", LOOK + MEETING, id="one prompt token more"
        ),
        pytest.param(
            [*WOBBLED, *meeting(WOBBLED, KNOWN)], "same", LOOK + MEETING, id="it wobbles by now"
        ),
        pytest.param(
            [*NEW, *meeting(KNOWN)], "cannot tell", LOOK + MEETING, id="something else, once"
        ),
        pytest.param(
            [*NEW, *meeting(OTHER)], "cannot tell", LOOK + MEETING, id="twice something else"
        ),
        pytest.param(
            [*WORDS, *meeting(WORDS)], "changed", LOOK + MEETING, id="no log-probabilities now"
        ),
        pytest.param(
            [*WORDS, *meeting(NEW)], "cannot tell", LOOK + MEETING, id="some with, some without"
        ),
    ],
)
def test_only_a_new_meeting_that_agrees_with_the_first_look_means_changed(
    replies: list[Reply], state: str, requests: int
) -> None:
    known = fingerprint_of(giving(0))
    compared, asked = comparison(known, *replies)
    assert compared.state == state
    assert asked == requests
    if state != "cannot tell":
        assert (compared.fingerprint.value == known.value) == (state == "same")


def test_the_tolerance_is_learned_from_repeats_between_a_floor_and_a_ceiling() -> None:
    quiet = fingerprint_of(giving(0))
    assert (quiet.spread, quiet.tolerance) == (0, FLOOR)
    wobbling = met(*meeting(KNOWN, look(giving(0.05)), look(giving(-0.01))))
    assert wobbling.spread == pytest.approx(0.06)
    assert wobbling.tolerance == pytest.approx(0.09)
    assert met(*meeting(KNOWN, NEW)).tolerance == CEILING
    detail = json.loads(json.dumps(wobbling.detail_json()))
    assert Fingerprint.stored(wobbling.value, wobbling.kind, detail) == wobbling


def test_what_a_server_repeats_exactly_is_held_against_it_more_strictly() -> None:
    quiet = fingerprint_of(giving(0))
    wobbling = met(*meeting(KNOWN, look(giving(0.05)), KNOWN))
    shifted = [*look(giving(0.04)), *meeting(look(giving(0.04)))]
    assert comparison(quiet, *shifted)[0].state == "changed"
    assert comparison(wobbling, *shifted)[0].state == "same"


def test_a_wider_spread_is_learned_when_it_shows_and_the_name_stays() -> None:
    known = fingerprint_of(giving(0))
    found, _ = comparison(known, *WOBBLED, *meeting(WOBBLED, KNOWN))
    assert found.fingerprint == replace(known, spread=found.fingerprint.spread)
    assert found.fingerprint.spread == pytest.approx(0.6 * CEILING)
    again, requests = comparison(found.fingerprint, *WOBBLED)
    assert (again.state, again.fingerprint, requests) == ("same", found.fingerprint, LOOK)


@pytest.mark.parametrize(
    ("replies", "state"),
    [
        pytest.param(WORDS, "same", id="the same words"),
        pytest.param([saying("Oh"), *WORDS[1:]], "same", id="one near tie that fell otherwise"),
        pytest.param([*OTHER_WORDS, *meeting(OTHER_WORDS)], "changed", id="other words"),
        pytest.param(
            [saying("Hi", 8), *WORDS[1:], *meeting([saying("Hi", 8), *WORDS[1:]])],
            "changed",
            id="one prompt token more",
        ),
    ],
)
def test_without_log_probabilities_words_and_token_counts_decide(
    replies: list[Reply], state: str
) -> None:
    assert comparison(fingerprint_of(saying("Hi")), *replies)[0].state == state


def test_a_weak_fingerprint_becomes_a_strong_one_when_the_server_gives_more() -> None:
    weak = fingerprint_of(saying("Hi"))
    found, _ = comparison(weak, *KNOWN, *meeting(KNOWN))
    assert (found.state, found.fingerprint.mode) == ("changed", "logprobs")
