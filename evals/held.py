"""A leased item and its arms: what was asked, what came, what is still missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from evals.domain.checks import Answer
from evals.domain.checks.remote import Reply
from evals.domain.suite import CaseSpec, SuiteSpec
from evals.leases import Lease
from evals.results import Result
from evals.scoring import Given, Judgement, RemoteOutcome, judge, not_judged
from serving.client import ChatRequest

ArmName = Literal["candidate", "baseline"]
#: What the column holds; a server that counts more is not counting.
_MOST_TOKENS = 2_147_483_647


@dataclass(frozen=True, slots=True)
class Ticket:
    """Finds the place of an answer. `check` and `key` are empty for the answer of the arm itself;
    for what a check asks they are its name and the key of its question.
    """

    item: int
    arm: ArmName
    check: str = ""
    key: str = ""


@dataclass(slots=True)
class Arm:
    """One version's answer to the case. Settled when it has an answer, or the reason for none."""

    name: ArmName
    question: str = ""
    request: ChatRequest | None = None
    key: str = ""
    given: Given | None = None
    lost: Judgement | None = None
    remote: dict[str, RemoteOutcome] = field(default_factory=dict)

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is expected from the model under test."""
        return self.given is not None or self.lost is not None


@dataclass(slots=True)
class Held:
    """A leased item with everything that is known of it."""

    lease: Lease
    suite: SuiteSpec
    case: CaseSpec
    arms: tuple[Arm, ...]
    #: Questions that have no answer yet.
    open: set[Ticket] = field(default_factory=set)
    judge_tokens: tuple[int, int] = (0, 0)
    #: Whether what the checks ask other models has been asked.
    is_before_judges: bool = False

    @property
    def baseline_answer(self) -> Answer | None:
        """What the live version said to the same."""
        given = next((arm.given for arm in self.arms if arm.name == "baseline"), None)
        return given.answer if given else None

    def add_judge_tokens(self, reply: Reply) -> None:
        """Count what a judge read and wrote."""
        asked, written = self.judge_tokens
        self.judge_tokens = (
            min(_MOST_TOKENS, asked + (reply.prompt_tokens or 0)),
            min(_MOST_TOKENS, written + (reply.completion_tokens or 0)),
        )

    def arm(self, name: ArmName) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)

    def result(self, advisory: frozenset[str]) -> Result:
        """What the item comes to, once nothing is open."""
        judged = [self._judged(arm, advisory) for arm in self.arms]
        baseline = judged[1] if len(judged) > 1 else None
        return Result(self.lease, judged[0], baseline, self.judge_tokens)

    def _judged(self, arm: Arm, advisory: frozenset[str]) -> Judgement:
        if arm.given is None:
            return arm.lost or not_judged("no answer came")
        return judge(self.suite, self.case, arm.given, remote=arm.remote, advisory=advisory)
