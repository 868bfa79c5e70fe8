"""What the checks that ask a judge have in common: what is asked, and how the replies are ruled on.

`ask_one`, `ask_pair`, `rule_one` and `rule_pair` know no pre-checks: canaries are put to a judge
through them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from evals.domain.checks.remote import Question, Reply, Subject
from evals.domain.checks.spec import CheckError
from evals.domain.checks.wording import quote
from evals.domain.judge.compose import chat, parameters
from evals.domain.judge.errors import JudgeUnusableError, VerdictError
from evals.domain.judge.spec import JudgeSpec
from evals.domain.judge.verdict import (
    Ruling,
    Verdict,
    read_verdict,
    settle,
    settle_likelihood,
    settle_likelihoods,
    settle_pairs,
)

_LIKELIHOOD = "likelihood"
_CANDIDATE, _OTHER = "candidate", "other"
#: The candidate is shown as A, then as B.
_ORDERS = ("ab", "ba")


@contextmanager
def reported() -> Iterator[None]:
    """Errors of the judge as CheckError: the case is then an error."""
    try:
        yield
    except (JudgeUnusableError, VerdictError) as error:
        raise CheckError(error.message, hint=error.hint) from error


def judge_of(subject: Subject, *, is_pairwise: bool) -> JudgeSpec:
    """The suite's judge. CheckError when there is none, or one that answers other questions."""
    judge = subject.judge
    if not isinstance(judge, JudgeSpec):
        raise CheckError("the suite declares no such judge")
    if judge.mode != _LIKELIHOOD and (judge.mode == "pairwise") != is_pairwise:
        raise CheckError(f"a rubric of the mode {judge.mode} does not fit this check")
    return judge


def ask_one(judge: JudgeSpec, subject: Subject) -> tuple[Question, ...]:
    """What to ask about one answer: a question for each sample."""
    if judge.mode == _LIKELIHOOD:
        return (_likelihood(_LIKELIHOOD, judge, subject.question, subject.answer.text),)
    texts = {**_frame(subject), "answer": subject.answer.text}
    messages = chat(judge, texts, subject.nonce)
    return tuple(_chat(f"sample {i}", judge, messages, i) for i in range(judge.samples))


def rule_one(judge: JudgeSpec, replies: Mapping[str, Reply]) -> tuple[Ruling, tuple[str, ...]]:
    """The ruling, and the first verdict's reasoning. VerdictError, CheckError for bad replies."""
    if judge.mode == _LIKELIHOOD:
        return settle_likelihood(judge.rubric, _reply(replies, _LIKELIHOOD).logprob), ()
    verdicts = [_verdict(judge, replies, f"sample {i}") for i in range(judge.samples)]
    return settle(judge.rubric, verdicts), (verdicts[0].reasoning,)


def ask_pair(judge: JudgeSpec, subject: Subject, other: str) -> tuple[Question, ...]:
    """What to ask about the answer and another one: both orders of each sample."""
    mine = subject.answer.text
    if judge.mode == _LIKELIHOOD:
        return tuple(
            _likelihood(key, judge, subject.question, text)
            for key, text in ((_CANDIDATE, mine), (_OTHER, other))
        )
    asked = []
    for order, (a, b) in zip(_ORDERS, ((mine, other), (other, mine)), strict=True):
        texts = {**_frame(subject), "answer_a": a, "answer_b": b}
        messages = chat(judge, texts, subject.nonce)
        asked += [_chat(f"{order} {i}", judge, messages, i) for i in range(judge.samples)]
    return tuple(asked)


def rule_pair(judge: JudgeSpec, replies: Mapping[str, Reply]) -> tuple[Ruling, tuple[str, ...]]:
    """As `rule_one`, about the answer against the other one; the reasoning of both orders."""
    if judge.mode == _LIKELIHOOD:
        mine, other = (_reply(replies, key).logprob for key in (_CANDIDATE, _OTHER))
        return settle_likelihoods(mine, other), ()
    pairs = []
    for i in range(judge.samples):
        first, second = (_verdict(judge, replies, f"{order} {i}") for order in _ORDERS)
        pairs.append((first, second))
    return settle_pairs(pairs), tuple(verdict.reasoning for verdict in pairs[0])


def as_text(expected: Any) -> str:
    """The case's `expected` as a judge reads it: a text as it is, anything else as JSON."""
    return expected if isinstance(expected, str) else json.dumps(expected, ensure_ascii=False)


def said(ruling: Ruling, reasonings: Sequence[str]) -> str:
    """The detail of an outcome: the ruling, and the beginning of the judge's reasoning, for a pair
    in the one order and in the other.
    """
    quoted = [quote(reasoning) for reasoning in reasonings if reasoning]
    if not quoted:
        return ruling.words
    return f"{ruling.words}; the judge: {'; in the other order: '.join(quoted)}"


def _frame(subject: Subject) -> dict[str, str]:
    """The texts around the answer that a judge's prompt may show."""
    texts = {"question": subject.question}
    if subject.expected is not None:
        texts["reference"] = as_text(subject.expected)
    return texts


def _chat(
    key: str, judge: JudgeSpec, messages: tuple[tuple[str, str], ...], sample: int
) -> Question:
    return Question(key, judge.model.name, "chat", messages, parameters(judge, sample))


def _likelihood(key: str, judge: JudgeSpec, question: str, answer: str) -> Question:
    if not answer:
        raise JudgeUnusableError("an empty answer has no likelihood")
    turns = (("user", question), ("assistant", answer))
    return Question(key, judge.model.name, "likelihood", turns)


def _reply(replies: Mapping[str, Reply], key: str) -> Reply:
    if key not in replies:
        raise CheckError(f"the judge was not asked {key!r}")
    return replies[key]


def _verdict(judge: JudgeSpec, replies: Mapping[str, Reply], key: str) -> Verdict:
    reply = _reply(replies, key)
    return read_verdict(judge.rubric, reply.text, reply.finish_reason)
