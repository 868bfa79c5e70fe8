"""One thread that asks: several kinds of questions, several servers, one queue of answers."""

from __future__ import annotations

import gc
import threading
from collections.abc import Hashable
from dataclasses import dataclass

import pytest

from evals import conversation as conversations
from evals.conversation import Asked, Conversation, Patience
from evals.domain.beginnings import LONG_CHARS
from serving.client import (
    ChatRequest,
    ChatResponse,
    Embeddings,
    EmbeddingsRequest,
    Endpoint,
    Likelihood,
    LikelihoodRequest,
    Message,
    ModelClient,
    ModelUnavailableError,
)
from tests.integration.evals.conftest import model_server
from tests.integration.evals.model_server import Fail, ModelServer, Reply, Say

PATIENCE = Patience(tries=3, first_wait_seconds=0.01, longest_wait_seconds=0.05)


@dataclass(frozen=True)
class Place:
    """A ticket as the engine has them."""

    case: str
    arm: str = "candidate"


def chat(question: str) -> ChatRequest:
    return ChatRequest((Message("user", question),))


def endpoint(server: ModelServer, *, concurrency: int = 4) -> Endpoint:
    return Endpoint(server.url, "tiny", concurrency=concurrency, timeout_seconds=10)


def conversation(server: ModelServer, *, concurrency: int = 4) -> Conversation:
    return Conversation(endpoint(server, concurrency=concurrency), PATIENCE)


def answers(talk: Conversation, count: int) -> dict[Hashable, Asked]:
    """The next `count` answers, by ticket."""
    found: dict[Hashable, Asked] = {}
    while len(found) < count:
        asked = talk.next(10)
        assert asked is not None
        found[asked.ticket] = asked
    return found


def test_every_kind_of_question_comes_back_under_its_own_ticket(server: ModelServer) -> None:
    server.likely = lambda prompt: -2.0 if prompt.endswith("blue") else -9.0
    with conversation(server) as talk:
        talk.ask(Place("a"), chat("case 1"))
        talk.ask(("a", "vectors"), EmbeddingsRequest(("x", "four")))
        talk.ask("likely", LikelihoodRequest((Message("user", "The sky?"),), "blue"))
        found = answers(talk, 3)
        assert talk.next(0.01) is None
    said, vectors, likely = found[Place("a")], found["a", "vectors"], found["likely"]
    assert isinstance(said.reply, ChatResponse)
    assert said.response is said.reply
    assert said.response.text == "yes"
    assert isinstance(vectors.reply, Embeddings)
    assert vectors.reply.vectors == ((1.0, 1.0), (1.0, 4.0))
    assert (vectors.response, vectors.error) == (None, None)
    assert likely.reply == Likelihood(-2.0, answer_tokens=4, question_tokens=8)


def test_each_server_is_asked_its_own_questions_at_its_own_pace(server: ModelServer) -> None:
    def slowly(_question: str, _nth: int) -> Reply:
        return Say("no", seconds=0.02)

    server.reply = slowly
    with model_server(slowly) as judge, conversation(server, concurrency=3) as talk:
        second = endpoint(judge, concurrency=1)
        for number in range(9):
            talk.ask(number, chat(f"case {number}"))
            talk.ask(Place(str(number), "judge"), chat(f"case j{number}"), endpoint=second)
        assert len(answers(talk, 18)) == 18
        assert set(server.calls) == {f"case {number}" for number in range(9)}
        assert set(judge.calls) == {f"case j{number}" for number in range(9)}
        assert (server.most_at_once, judge.most_at_once) == (3, 1)


def test_a_judge_that_is_gone_fails_its_own_questions_only(server: ModelServer) -> None:
    with model_server() as gone:
        nowhere = endpoint(gone)
    with conversation(server) as talk:
        talk.ask("judge", EmbeddingsRequest(("x",)), endpoint=nowhere)
        talk.ask("case", chat("case 1"))
        found = answers(talk, 2)
    assert isinstance(found["judge"].error, ModelUnavailableError)
    assert found["judge"].reply is None
    assert found["case"].response is not None


def test_only_transient_errors_are_tried_again_and_not_for_ever(server: ModelServer) -> None:
    server.reply = lambda question, _nth: Fail(503 if question == "case busy" else 400)
    with conversation(server) as talk:
        talk.ask(1, chat("case busy"))
        talk.ask(2, chat("case bad"))
        found = answers(talk, 2)
    assert {type(asked.error).__name__ for asked in found.values()} == {
        "ModelUnavailableError",
        "ModelAnswerError",
    }
    assert server.case_calls == {"case busy": PATIENCE.tries, "case bad": 1}


def alike(number: object, rules: str = "rules") -> ChatRequest:
    """A question behind a long text that others have in common."""
    return ChatRequest((Message("system", rules * LONG_CHARS), Message("user", f"case {number}")))


def test_what_begins_alike_waits_until_the_first_answer_begins(server: ModelServer) -> None:
    first_came, first_may_go = threading.Event(), threading.Event()
    order: list[str] = []

    def reply(question: str, _nth: int) -> Reply:
        order.append(question)
        if question == "case 0":
            first_came.set()
            first_may_go.wait(60)
        return Say("yes")

    server.reply = reply
    with conversation(server, concurrency=8) as talk:
        for number in range(4):
            talk.ask(number, alike(number))
        talk.ask("other", alike("other", rules="others"))
        talk.ask("short", chat("case short"))
        assert set(answers(talk, 2)) == {"other", "short"}
        assert first_came.wait(60)
        assert set(order) == {"case 0", "case other", "case short"}
        first_may_go.set()
        assert set(answers(talk, 4)) == {0, 1, 2, 3}
        talk.ask("late", alike("late"))
        assert set(answers(talk, 1)) == {"late"}


def test_nobody_waits_for_the_rest_of_a_long_answer(server: ModelServer) -> None:
    hold = threading.Event()
    server.reply = lambda question, _nth: Say("yes", rest=hold if question == "case 0" else None)
    with conversation(server) as talk:
        for number in range(3):
            talk.ask(number, alike(number))
        assert set(answers(talk, 2)) == {1, 2}
        hold.set()
        assert set(answers(talk, 1)) == {0}


def test_who_has_waited_comes_before_what_was_asked_later(server: ModelServer) -> None:
    """Else the first of every group would be sent, and push the others' prefix out of the cache."""
    order: list[str] = []
    may_go = threading.Event()

    def reply(question: str, _nth: int) -> Reply:
        order.append(question)
        may_go.wait(60)
        return Say("yes")

    server.reply = reply
    with conversation(server, concurrency=1) as talk:
        for group in "abc":
            for number in range(2):
                talk.ask((group, number), alike(f"{group}{number}", rules=group))
        may_go.set()
        assert len(answers(talk, 6)) == 6
    assert order == [f"case {group}{number}" for group in "abc" for number in range(2)]


def test_each_server_has_its_own_cache(server: ModelServer) -> None:
    hold = threading.Event()

    def slowly(_question: str, _nth: int) -> Reply:
        hold.wait(10)
        return Say("yes")

    server.reply = slowly
    with model_server() as judge, conversation(server) as talk:
        talk.ask("case", alike("x"))
        talk.ask("judge", alike("x"), endpoint=endpoint(judge))
        assert set(answers(talk, 1)) == {"judge"}
        hold.set()


def test_a_first_question_that_hangs_holds_the_others_up_for_a_while_only(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "_WARM_SECONDS", 0.05)
    hold = threading.Event()

    def reply(question: str, _nth: int) -> Reply:
        if question == "case 0":
            hold.wait(60)
        return Say("yes")

    server.reply = reply
    with conversation(server) as talk:
        for number in range(3):
            talk.ask(number, alike(number))
        assert set(answers(talk, 2)) == {1, 2}
        hold.set()
        assert set(answers(talk, 1)) == {0}


@pytest.mark.parametrize("is_forgotten", [True, False])
def test_a_first_question_that_is_lost_holds_nobody_up(
    server: ModelServer, is_forgotten: bool
) -> None:
    arrived, hold = threading.Event(), threading.Event()

    def reply(question: str, _nth: int) -> Reply:
        if question != "case 0":
            return Say("yes")
        arrived.set()
        hold.wait(10 if is_forgotten else 0)
        return Fail(400)

    server.reply = reply
    with conversation(server) as talk:
        for number in range(3):
            talk.ask(number, alike(number))
        assert arrived.wait(60)
        if is_forgotten:
            talk.forget(0)
        found = answers(talk, 2 if is_forgotten else 3)
        hold.set()
    assert found[1].response is not None
    assert found[2].response is not None


def test_a_question_put_again_does_not_wait_for_itself(server: ModelServer) -> None:
    with conversation(server) as talk:
        for _ in range(2):
            talk.ask(0, alike(0))
            assert set(answers(talk, 1)) == {0}
        talk.ask(0, alike(0))
        talk.forget(0)
        talk.ask(0, alike(0))
        assert answers(talk, 1)[0].response is not None


def test_many_at_once_come_back_once_each(server: ModelServer) -> None:
    with conversation(server, concurrency=8) as talk:
        for number in range(300):
            talk.ask(number, chat(f"case {number}"))
        for number in range(0, 300, 3):
            talk.forget(number)
        found = answers(talk, 200)  # some that were forgotten had been answered already
        while not {number for number in range(300) if number % 3} <= set(found):
            found |= answers(talk, 1)
    assert max(server.case_calls.values()) == 1


def test_the_one_who_waits_can_be_woken(server: ModelServer) -> None:
    with conversation(server) as talk:
        alarm = threading.Timer(0.05, talk.wake)
        alarm.start()
        assert talk.next(60) is None
        alarm.join()
        talk.ask("after", chat("case 1"))
        assert set(answers(talk, 1)) == {"after"}


def test_the_one_who_waits_until_all_is_heard_is_woken(server: ModelServer) -> None:
    with conversation(server) as talk:
        assert talk.has_heard()
        for number in range(1_000):
            talk.ask(number, chat(f"case {number}"))
        waited = 0
        while not talk.has_heard():
            waited += 1
            talk.next(60)
        assert waited < 1_000  # it was woken, and not by every answer


def test_another_endpoint_is_open_to_other_work_too(server: ModelServer) -> None:
    async def identify(client: ModelClient) -> str:
        return (await client.chat(chat("case who"))).text

    with (
        model_server(lambda _question, _nth: Say("the judge")) as judge,
        conversation(server) as talk,
    ):
        assert talk.start(identify).result(10) == "yes"
        assert talk.start(identify, endpoint=endpoint(judge)).result(10) == "the judge"


def test_leaving_breaks_everything_off(server: ModelServer) -> None:
    hold = threading.Event()

    def reply(_question: str, _nth: int) -> Reply:
        hold.wait(10)
        return Say("late")

    server.reply = reply
    with model_server(reply) as judge:
        with conversation(server) as talk:
            for number in range(6):
                talk.ask(number, alike("x"))
                talk.ask(Place(str(number)), chat("case y"), endpoint=endpoint(judge))
        assert talk.next(0.01) is None
        hold.set()


def test_leaving_breaks_off_what_was_not_even_begun(
    server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    with conversation(server, concurrency=64) as talk:
        for number in range(500):
            talk.ask(number, chat(f"case {number}"))
    assert talk.next(0.01) is None
    gc.collect()
    assert caplog.text == ""
