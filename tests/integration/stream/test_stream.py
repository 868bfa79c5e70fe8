"""What a client of the stream sees."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from registry import access
from registry.errors import NothingToRollBackToError, TagNotSetError
from registry.models import ApiToken, RegistryState, Tag, TagEvent
from registry.promotion import clear_canary, rollback
from tests.integration.lookup.conftest import ADMIN, bearer, go_live
from tests.integration.registry.conftest import make_shelf
from tests.integration.stream.listener import Client, Event, Listener, eventually

STREAM = "/api/v1/stream"
pytestmark = pytest.mark.usefixtures("shelf")


def newest() -> int:
    return max(TagEvent.objects.values_list("registry_revision", flat=True), default=0)


def has_heard(client: Client, revision: int) -> bool:
    return client.revision == str(revision)


def test_a_move_is_told_to_everybody_as_the_ledger_has_it(listener: Listener) -> None:
    token = bearer()
    go_live(1)
    clients = [listener.client(token) for _ in range(3)]
    go_live(2, "canary", weight=10)
    clear_canary(prompt="greeting", actor=ADMIN)
    go_live(2)
    rollback(prompt="greeting", actor=ADMIN)
    for client in clients:
        eventually(partial(has_heard, client, newest()))
        assert 1000 <= client.retry <= 5000
        told = [event.data for event in client.events if event.data["registry_revision"] > 1]
        ledger = TagEvent.objects.order_by("id")[1:]
        assert [one["registry_revision"] for one in told] == [e.registry_revision for e in ledger]
        assert told[0] == {
            "prompt": "greeting",
            "tag": "canary",
            "kind": "overridden",
            "version": 2,
            "model": "tiny",
            "weight": 10,
            "revision": 1,
            "registry_revision": 2,
            "at": ledger[0].created_at.isoformat().replace("+00:00", "Z"),
        }
        assert (told[1]["kind"], told[1]["version"]) == ("cleared", None)
        assert (told[3]["kind"], told[3]["version"]) == ("rolled_back", 1)


@pytest.mark.parametrize("how", ["header", "query", "both"])
def test_who_comes_back_is_told_what_passed(listener: Listener, how: str) -> None:
    token = bearer()
    go_live(1)
    first = listener.client(token)
    eventually(lambda: first.revision == "1")
    first.close()
    for version in (2, 3, 4):
        go_live(version)
    query = {"header": "", "query": "?last_event_id=1", "both": "?last_event_id=0"}[how]
    headers = {} if how == "query" else {"last_event_id": first.last_id}
    second = listener.client(token, query, **headers)
    eventually(lambda: second.revision == "4")
    assert second.events[0].kind == "ready"
    assert [version for _, _, version in second.moves()] == [2, 3, 4]


def test_only_prompts_that_the_token_covers_and_that_were_asked_for(listener: Listener) -> None:
    for name in ("team/reply", "team/other"):
        make_shelf(name)
    everything = listener.client(bearer())
    limited = listener.client(bearer(prompts=("team/*",), name="team"))
    asked = listener.client(bearer(name="asks"), "?prompt=team%2Freply&prompt=gr*")
    both = listener.client(bearer(prompts=("team/*",), name="both"), "?prompt=greeting")
    for name in ("greeting", "team/reply", "team/other"):
        go_live(1, prompt=name)
    clients = (everything, limited, asked, both)
    eventually(lambda: [len(client.moves()) for client in clients] == [3, 2, 2, 0])
    heard = [[prompt for prompt, _, _ in client.moves()] for client in clients]
    assert heard == [
        ["greeting", "team/reply", "team/other"],
        ["team/reply", "team/other"],
        ["greeting", "team/reply"],
        [],
    ]


@pytest.mark.parametrize(
    "last_id", ["nonsense", "-5", "4711", "1.5", "9" * 30, "0-6900000000000000"]
)
def test_an_id_that_this_registry_never_gave_is_a_reset(listener: Listener, last_id: str) -> None:
    go_live(1)
    token = bearer()
    client = listener.client(token, last_event_id=last_id)
    assert client.events[0].kind == "reset"
    assert client.events[0].data["reason"]
    go_live(2)
    eventually(lambda: client.moves()[-1:] == [("greeting", "stable", 2)])


def test_a_revoked_token_loses_its_stream_and_the_others_keep_theirs(listener: Listener) -> None:
    kept = listener.client(bearer(name="kept"))
    lost = listener.client(bearer(name="lost"))
    row = ApiToken.objects.get(name="lost")
    access.revoke_token(token_id=row.pk, by="test", now=timezone.now())
    eventually(lambda: lost.has_ended)
    go_live(1)
    eventually(kept.moves)
    assert not lost.moves()


def test_a_token_that_expires_or_loses_its_scope_loses_its_stream(listener: Listener) -> None:
    ends = timezone.now() + timedelta(seconds=2)
    expires = listener.client(bearer(name="expires", expires_at=ends))
    narrowed = listener.client(bearer(name="narrowed"))
    ApiToken.objects.filter(name="narrowed").update(scopes=["read"])
    eventually(lambda: narrowed.has_ended)
    eventually(lambda: expires.has_ended)
    assert timezone.now() >= ends


def test_a_token_that_is_given_other_prompts_begins_anew(listener: Listener) -> None:
    make_shelf("team/reply")
    client = listener.client(bearer(name="moves", prompts=("greeting",)))
    ApiToken.objects.filter(name="moves").update(prompts=["team/*"])
    eventually(lambda: client.events[-1].kind == "reset")
    go_live(1)
    go_live(1, prompt="team/reply")
    eventually(client.moves)
    assert client.moves() == [("team/reply", "stable", 1)]


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_it_is_only_got(listener: Listener, method: str) -> None:
    status, headers, _ = listener.get(STREAM, bearer(), method=method)
    assert (status, headers["allow"]) == (405, "GET")


def test_who_may_not_listen_is_told_why(listener: Listener) -> None:
    for token in ("", "Bearer nonsense", "Basic YTpi", bearer("read", name="reads")):
        status, headers, body = listener.get(STREAM, token)
        problem = json.loads(body)
        assert headers["content-type"] == "application/problem+json"
        if "assay_" in token:
            assert (status, problem["code"]) == (403, "not_allowed")
        else:
            assert (status, headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("query", ["?colour=red", "?prompt=", "?prompt=A", f"?prompt={'a*' * 150}"])
def test_a_query_that_makes_no_sense_is_a_400(listener: Listener, query: str) -> None:
    status, _, body = listener.get(STREAM + query, bearer())
    assert (status, json.loads(body)["code"]) == (400, "stream_query")


def test_a_filter_of_a_thousand_prompts_works(listener: Listener) -> None:
    names = "&".join(f"prompt=a-rather-long-name-of-a-prompt-{number}" for number in range(1000))
    client = listener.client(bearer(), f"?{names}&prompt=greeting")
    go_live(1)
    eventually(client.moves)


def test_a_host_that_is_not_ours_is_refused(listener: Listener) -> None:
    assert listener.get(STREAM, bearer(), host="evil.example")[0] == 400


def test_a_registry_that_was_emptied_is_another_history(listener: Listener) -> None:
    for version in (1, 2, 3):
        go_live(version)
    kept = bearer()
    client = listener.client(kept)
    rows = list(ApiToken.objects.all())
    call_command("flush", interactive=False, verbosity=0)
    ApiToken.objects.bulk_create(rows)
    # Its token was gone for a moment: either it was told, or let go and is told when it returns.
    eventually(lambda: client.has_ended or client.events[-1].kind == "reset")
    again = listener.client(kept, last_event_id="3")
    # Who comes back before the listener has heard of it is made ready first.
    eventually(lambda: again.events[-1].kind == "reset")


def test_an_incarnation_made_by_hand_is_another_history(listener: Listener) -> None:
    """For a volume that was put back as it was: its revisions are taken again by other moves."""
    token = bearer()
    go_live(1)
    stays, leaves = listener.client(token), listener.client(token)
    leaves.close()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE registry_registrystate SET incarnation = registry_new_incarnation(incarnation)"
        )
    eventually(lambda: stays.events[-1].kind == "reset")
    back = listener.client(token, last_event_id=leaves.last_id)
    assert back.events[0].kind == "reset"
    now = RegistryState.objects.get().incarnation
    assert now == stays.events[-1].data["incarnation"] == back.events[0].data["incarnation"]
    go_live(2)
    moved = [("greeting", "stable", 2)]
    eventually(lambda: stays.moves()[-1:] == back.moves() == moved)
    assert back.last_id == f"2-{now}"


def test_whoever_comes_and_goes_ends_where_the_database_is(listener: Listener) -> None:
    """A story drawn anew each run: moves of four prompts, and clients that come back or begin."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance, names = random.Random(seed), ("greeting", "one", "two", "team/three")
    for name in names[1:]:
        make_shelf(name)
    token = bearer()
    stories = [Story(listener, token) for _ in range(4)]
    for _ in range(60):
        name, tag = chance.choice(names), chance.choice(("stable", "canary"))
        with suppress(NothingToRollBackToError, TagNotSetError):
            if chance.random() < 0.3:
                rollback(prompt=name, actor=ADMIN)
            else:
                weight = {"weight": 10} if tag == "canary" else {}
                go_live(chance.randint(1, 4), tag, prompt=name, **weight)
        if chance.random() < 0.3:
            chance.choice(stories).goes_away()
        if chance.random() < 0.3:
            chance.choice(stories).comes_back()
    live = {
        (tag.prompt.name, tag.name): (tag.event.version and tag.event.version.number)
        for tag in Tag.objects.select_related("prompt", "event__version")
    }
    for story in stories:
        story.comes_back()
        eventually(partial(story.has_heard, newest()))
        assert story.state() == live


class Story:
    """One application: what it knows is what it was told, over all its connections."""

    def __init__(self, listener: Listener, token: str) -> None:
        self.listener, self.token = listener, token
        self.past: list[Event] = []
        self.client: Client | None = listener.client(token, last_event_id="0")

    def goes_away(self) -> None:
        if self.client is not None:
            self.client.close()
            self.past += [event for event in self.client.events if event.kind == "tag.moved"]
            self.client = None

    def comes_back(self) -> None:
        if self.client is None:
            last = str(self.past[-1].id) if self.past else "0"
            self.client = self.listener.client(self.token, last_event_id=last)

    def has_heard(self, revision: int) -> bool:
        assert self.client is not None
        return self.client.revision == str(revision)

    def state(self) -> dict[tuple[str, str], int | None]:
        self.goes_away()
        assert [event.id for event in self.past] == list(range(1, len(self.past) + 1))
        return {(e.data["prompt"], e.data["tag"]): e.data["version"] for e in self.past}
