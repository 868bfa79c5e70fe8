"""From leased items to questions: render in the jail, look what is known already, ask the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from core.errors import AssayError
from evals import answer_cache, queries
from evals.conversation import Conversation
from evals.domain.suite import CaseSpec, SuiteSpec
from evals.held import Arm, ArmName, Held, Ticket
from evals.leases import Lease
from evals.models import EvalRun, ProposedVersion
from evals.scoring import Given, Judgement, not_judged, skipped
from registry.domain.model_pin import ModelPin
from registry.domain.policy import GatePolicy
from registry.domain.template.render import Rendered
from registry.domain.version import VersionContent
from registry.models import PromptVersion
from registry.rendering import Jail, RenderFailure, RenderJob
from serving.client import ChatRequest, ChatResponse, Message

_LATENCY = "latency"


@dataclass(frozen=True, slots=True)
class Version:
    """A prompt version as an arm asks it; `digest` is its content address."""

    content: VersionContent
    digest: str


class Asker:
    """Puts the questions of one run. It renders in `jail`, on a thread of its own (`kitchen`)."""

    def __init__(
        self, run: EvalRun, talk: Conversation, jail: Jail, kitchen: ThreadPoolExecutor
    ) -> None:
        self.run = run
        self.talk = talk
        self.jail = jail
        self.kitchen = kitchen
        self.pin = ModelPin.from_json(run.model.pin)
        self.rule = GatePolicy.from_json(run.policy_spec)
        self.versions: dict[ArmName, Version] = {"candidate": _version(run.candidate)}
        if run.baseline is not None:
            self.versions["baseline"] = _version(run.baseline)

    @cached_property
    def is_kept(self) -> bool:
        """Whether answers may be used again. Known once the model is measured."""
        self.run.model.refresh_from_db(fields=["fingerprint_mode"])
        return answer_cache.is_keepable(self.run)

    @cached_property
    def suites(self) -> dict[int, SuiteSpec]:
        """By key. Reading thousands of cases takes a moment, in which the model can be measured."""
        return queries.suites_of(self.run)

    @cached_property
    def _cases(self) -> dict[tuple[int, str], CaseSpec]:
        return {(key, case.key): case for key, suite in self.suites.items() for case in suite.cases}

    def read_suites(self) -> None:
        """Read them now, if they are not read yet."""
        _ = self._cases

    def held(self, lease: Lease) -> Held:
        """The item with its case and fresh arms, the candidate first."""
        case = self._cases[lease.suite, lease.case]
        return Held(
            lease, self.suites[lease.suite], case, tuple(Arm(name) for name in self.versions)
        )

    def begin(self, held: Sequence[Held]) -> Future[list[Rendered | RenderFailure]]:
        """Render for every arm, on the other thread; `talk.next` returns when it is done."""
        jobs = [self._job(arm.name, one.case) for one in held for arm in one.arms]
        rendering = self.kitchen.submit(self.jail.render, jobs)
        rendering.add_done_callback(lambda _: self.talk.wake())
        return rendering

    def prepare(self, held: Sequence[Held], rendered: Sequence[Rendered | RenderFailure]) -> None:
        """Settle or prepare every arm with what was rendered for it.

        After it an arm has either its question, an answer from the cache, or the reason why there
        is none.
        """
        places = [(one, arm) for one in held for arm in one.arms]
        for (one, arm), outcome in zip(places, rendered, strict=True):
            asked = self._request(arm.name, outcome)
            if isinstance(asked, Judgement):
                arm.lost = asked
            else:
                self._set_question(one, arm, asked)
        self._look_up([arm for one, arm in places if arm.key and self._may_be_known(one)])

    def requests(self, cases: Sequence[CaseSpec]) -> list[tuple[ChatRequest, ...]]:
        """The question of each case to every arm, in the order of `versions`; without the cases
        that one of them cannot be asked. Raises RenderUnavailableError.
        """
        names = tuple(self.versions)
        rendered = iter(self._rendered([self._job(name, case) for case in cases for name in names]))
        found = []
        for _ in cases:
            turns = [self._request(name, next(rendered)) for name in names]
            row = tuple(turn for turn in turns if isinstance(turn, ChatRequest))
            if len(row) == len(names):
                found.append(row)
        return found

    def _job(self, arm: ArmName, case: CaseSpec) -> RenderJob:
        content = self.versions[arm].content
        variables = case.variables
        if arm == "baseline":
            # The suite is the candidate's: a variable that came with it is none of the baseline's.
            variables = {k: v for k, v in variables.items() if k in content.variables}
        return RenderJob(content, variables, case.placeholders)

    def _rendered(self, jobs: Sequence[RenderJob]) -> Sequence[Rendered | RenderFailure]:
        return self.kitchen.submit(self.jail.render, jobs).result()

    def _request(self, arm: ArmName, rendered: Rendered | RenderFailure) -> ChatRequest | Judgement:
        """What to ask, or why it cannot be asked."""
        if isinstance(rendered, RenderFailure):
            return _not_rendered(arm, rendered)
        messages = tuple(Message(turn.role, turn.content) for turn in rendered.messages)
        try:
            return ChatRequest(messages, self.versions[arm].content.parameters)
        except AssayError as error:
            return not_judged(error.message)

    def _set_question(self, held: Held, arm: Arm, request: ChatRequest) -> None:
        version = self.versions[arm.name]
        arm.request = request
        arm.question = "\n\n".join(message.content for message in request.messages)
        if self.is_kept:
            arm.key = answer_cache.key_of(
                run=self.run,
                prompt_digest=version.digest,
                case=held.case,
                repeat=held.lease.repeat,
            )

    def _may_be_known(self, held: Held) -> bool:
        """What is timed is asked every time, and so is everything when the run says so."""
        is_timed = any(_times(check.to_json()) for check in held.suite.checks_of(held.case))
        if held.suite.latency is None:  # the guardrails watch these very answers
            is_timed = is_timed or self.rule.is_timed
        return self.run.use_cache and not is_timed

    def _look_up(self, arms: Sequence[Arm]) -> None:
        known = answer_cache.find(arm.key for arm in arms)
        for arm in arms:
            row = known.get(arm.key)
            if row is not None:
                cost = self._cost(row.prompt_tokens, row.completion_tokens)
                arm.given = Given.kept(row, cost)

    def ask(self, held: Held) -> None:
        """Put the questions of the arms that are not settled.

        Each arm is first every other time: the second may find in the server's prefix cache what
        the first one left there, and neither shall be the faster for it.
        """
        for arm in held.arms if held.lease.item % 2 else reversed(held.arms):
            if not arm.is_settled and arm.request is not None:
                ticket = Ticket(held.lease.item, arm.name)
                held.open.add(ticket)
                self.talk.ask(ticket, arm.request)

    def given(self, arm: Arm, response: ChatResponse) -> Given:
        """The answer as it has just come."""
        cost = self._cost(response.prompt_tokens, response.completion_tokens)
        return Given.fresh(response, cost, arm.key)

    def _cost(self, prompt: int, completion: int) -> float | None:
        """USD; None for a model without prices."""
        prices = (self.pin.price_prompt, self.pin.price_completion)
        if not any(prices):
            return None
        return (prompt * prices[0] + completion * prices[1]) / 1_000_000


def _times(check: Mapping[str, Any]) -> bool:
    """Whether a check looks at times, itself or one inside it."""
    params = check.get("params", check)
    return check.get("type") == _LATENCY or any(_times(one) for one in params.get("checks", ()))


def _version(row: PromptVersion | ProposedVersion) -> Version:
    return Version(VersionContent.from_json(row.content), row.digest)


def _not_rendered(arm: ArmName, failure: RenderFailure) -> Judgement:
    if arm == "baseline":
        return skipped(f"the live version cannot be asked this: {failure.message}")
    return not_judged(f"the prompt does not render: {failure.message}")
