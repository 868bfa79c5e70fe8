"""The judges of a run, ready to be asked: seated, with the endpoint each of them answers at."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from core.errors import AssayError
from evals.conversation import Asked, Conversation
from evals.domain.checks import (
    CheckError,
    CheckOutcome,
    CheckSpec,
    conclude_check,
    is_remote,
    questions_of,
)
from evals.domain.checks.remote import Question, Reply, Subject
from evals.domain.judge.compose import seat, template_values
from evals.domain.judge.errors import JudgeUnusableError
from evals.domain.judge.spec import JudgeSpec
from evals.domain.suite import SuiteSpec
from evals.endpoints import endpoint_of
from evals.errors import JudgeChangedError
from evals.held import Arm, Held, Ticket
from registry import queries as registry_queries
from registry.domain.model_pin import ModelPin
from registry.rendering import RenderFailure, RenderJob, render_batch
from serving.client import ChatRequest, Endpoint, Message
from serving.embeddings import Embeddings, EmbeddingsRequest
from serving.likelihood import Likelihood, LikelihoodRequest
from serving.messages import ChatResponse

Request = ChatRequest | EmbeddingsRequest | LikelihoodRequest
_NONCE_BYTES = 8
_PAIRWISE = "pairwise"
#: How often a long round of questions looks whether it is still wanted.
_LOOK_SECONDS = 0.5


def nonce() -> str:
    """Fresh for every answer that is judged."""
    return secrets.token_hex(_NONCE_BYTES)


def seated(judges: Sequence[JudgeSpec]) -> tuple[JudgeSpec, ...]:
    """The judges with their prompts rendered in the jail. Raises JudgeUnusableError and
    RenderUnavailableError.
    """
    asking = [judge for judge in judges if judge.prompt is not None]
    rendered = render_batch(
        [RenderJob(judge.prompt, template_values(judge), {}) for judge in asking if judge.prompt]
    )
    ready: dict[int, JudgeSpec] = {}
    for judge, outcome in zip(asking, rendered, strict=True):
        if isinstance(outcome, RenderFailure):
            raise JudgeUnusableError(f"the judge's prompt does not render: {outcome.message}")
        ready[id(judge)] = seat(judge, outcome.messages)
    return tuple(ready.get(id(judge), judge) for judge in judges)


def endpoint_at(model: str, digest: str) -> Endpoint:
    """Where the pin `model` answers. Raises JudgeChangedError when it is not the one that was
    declared, whose digest this is: another model's verdicts would go by its name.
    """
    pin = ModelPin.from_json(registry_queries.current_model(model).pin)
    if pin.digest != digest:
        raise JudgeChangedError(f"{model} was pinned to another model since the suite was read")
    return endpoint_of(pin)


def request_of(question: Question) -> Request:
    """The question as a request. Raises what the request refuses."""
    if question.kind == "embeddings":
        return EmbeddingsRequest(question.texts)
    messages = tuple(Message(role, content) for role, content in question.messages)
    if question.kind == "likelihood":
        return LikelihoodRequest(messages[:-1], messages[-1].content)
    return ChatRequest(messages, question.parameters)


def reply_of(answer: ChatResponse | Embeddings | Likelihood) -> Reply:
    """What came back, as a check reads it."""
    if isinstance(answer, Embeddings):
        return Reply(vectors=answer.vectors, prompt_tokens=answer.prompt_tokens)
    if isinstance(answer, Likelihood):
        return Reply(
            logprob=answer.mean_logprob, prompt_tokens=answer.question_tokens + answer.answer_tokens
        )
    return Reply(
        text=answer.text,
        finish_reason=answer.finish_reason,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
    )


class Jury:
    """Asks what the checks of a run's suites want to know of other models."""

    def __init__(self, suites: Mapping[int, SuiteSpec], talk: Conversation) -> None:
        self.talk = talk
        self._endpoints: dict[tuple[int, str], Endpoint] = {}
        self._judges: dict[tuple[int, str], JudgeSpec] = {}
        self._suites = suites
        self._subjects: dict[tuple[int, str, str], Subject] = {}
        self._replies: dict[tuple[int, str, str], dict[str, Reply | AssayError]] = {}

    def ask(self, held: Held) -> None:
        """Put every question about the answers of an item; those without any are concluded."""
        for arm in held.arms:
            if arm.given is not None:
                for check in held.suite.checks_of(held.case):
                    if is_remote(check.type):
                        self._ask(held, arm, check)

    def _ask(self, held: Held, arm: Arm, check: CheckSpec) -> None:
        if check.type == _PAIRWISE and arm.name == "baseline":
            arm.remote[check.name] = _tie(check)
            return
        place = (held.lease.item, arm.name, check.name)
        try:
            subject = self._subject(held, arm, check)
            questions = questions_of(check, subject)
            suite = held.lease.suite
            requests = [(q, request_of(q), self._endpoint(suite, q.model)) for q in questions]
        except AssayError as error:
            arm.remote[check.name] = _as_check_error(error)
            return
        self._subjects[place], self._replies[place] = subject, {}
        for question, request, endpoint in requests:
            ticket = Ticket(held.lease.item, arm.name, check.name, question.key)
            held.open.add(ticket)
            self.talk.ask(ticket, request, endpoint=endpoint)
        if not questions:
            self._conclude(arm, check, place)

    def take(self, held: Held, asked: Asked) -> None:
        """One reply; the last one of a check concludes it."""
        ticket: Ticket = asked.ticket
        place = (ticket.item, ticket.arm, ticket.check)
        if asked.reply is not None:
            reply = reply_of(asked.reply)
            self._replies[place][ticket.key] = reply
            held.add_judge_tokens(reply)
        else:
            assert asked.error is not None
            self._replies[place][ticket.key] = asked.error
        if not any((t.arm, t.check) == (ticket.arm, ticket.check) for t in held.open):
            checks = {check.name: check for check in held.suite.checks_of(held.case)}
            self._conclude(held.arm(ticket.arm), checks[ticket.check], place)

    def _conclude(self, arm: Arm, check: CheckSpec, place: tuple[int, str, str]) -> None:
        subject, heard = self._subjects.pop(place), self._replies.pop(place)
        failed = [reply for reply in heard.values() if isinstance(reply, AssayError)]
        if failed:
            arm.remote[check.name] = CheckError(f"its model gave no answer: {failed[0].message}")
            return
        replies = {key: reply for key, reply in heard.items() if isinstance(reply, Reply)}
        try:
            arm.remote[check.name] = conclude_check(check, subject, replies)
        except CheckError as error:
            arm.remote[check.name] = error

    def forget(self, item: int) -> None:
        """An item that is no longer ours."""
        for place in [place for place in self._subjects if place[0] == item]:
            del self._subjects[place], self._replies[place]

    def _subject(self, held: Held, arm: Arm, check: CheckSpec) -> Subject:
        assert arm.given is not None
        baseline = held.baseline_answer if arm.name == "candidate" else None
        name = check.params.get("judge")
        return Subject(
            question=arm.question,
            answer=arm.given.answer,
            expected=held.case.expected,
            baseline=baseline,
            judge=self._judge(held.lease.suite, name) if name else None,
            nonce=nonce(),
        )

    def _judge(self, suite: int, name: str) -> JudgeSpec | None:
        if (suite, name) not in self._judges:
            found = self._suites[suite].judges.get(name)
            if found is None:
                return None
            [self._judges[suite, name]] = seated([found])
        return self._judges[suite, name]

    def _endpoint(self, suite: int, model: str) -> Endpoint:
        if (suite, model) not in self._endpoints:
            declared = self._suites[suite]
            digests = {
                **declared.pins,
                **{j.model.name: j.model.digest for j in declared.judges.values()},
            }
            self._endpoints[suite, model] = endpoint_at(model, digests.get(model, ""))
        return self._endpoints[suite, model]


def put_all(
    talk: Conversation,
    questions: Iterable[Question],
    endpoint: Endpoint,
    keep: Callable[[], None],
) -> list[Reply | AssayError]:
    """Ask everything at one endpoint and wait for it; replies in the order of the questions.

    `keep` is called every half second; what it raises ends the waiting.
    """
    heard: dict[int, Reply | AssayError] = {}
    wanted = 0
    for number, question in enumerate(questions):
        wanted += 1
        try:
            talk.ask(number, request_of(question), endpoint=endpoint)
        except AssayError as error:
            heard[number] = error
    look_at = time.monotonic()
    while len(heard) < wanted:
        if time.monotonic() >= look_at:
            keep()
            look_at = time.monotonic() + _LOOK_SECONDS
        asked = talk.next(_LOOK_SECONDS)
        if asked is not None:
            lost = asked.error or AssayError("no answer came")
            heard[asked.ticket] = lost if asked.reply is None else reply_of(asked.reply)
    return [heard[number] for number in range(wanted)]


def _tie(check: CheckSpec) -> CheckOutcome:
    """The live version beside itself."""
    return CheckOutcome(
        check.name, check.type, True, check.critical, "this is the live version", 0.5, check.weight
    )


def _as_check_error(error: AssayError) -> CheckError:
    return error if isinstance(error, CheckError) else CheckError(error.message, hint=error.hint)
