"""What a judge answers: the form it is held to, how it is read, what several answers come to."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from evals.domain.json_values import JsonError, read_json
from evals.domain.judge.errors import VerdictError
from evals.domain.judge.rubric import Rubric

#: The keys of a verdict, in the order they must be written: first think, then decide.
KEYS = ("reasoning", "verdict")
#: The verdicts of a likelihood judge, as human labels spell them.
PASS, FAIL = "pass", "fail"
_ORDINARY_STOPS = {"", "stop", "eos", "stop_sequence"}
#: Servers round: the logarithm of a certain token may come out a little above zero.
_LOGPROB_ROUNDING = 1e-4


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer of a judge: a score, a label, or A, B or tie."""

    value: int | str
    reasoning: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the verdicts on one answer come to. `score` is a share, 0 to 1; `words` says it.

    `verdict` is it in one word, comparable with a human label: a score (the mean, rounded), a
    label, A, B or tie; pass or fail for likelihood. `pairs` and `flips` count, for a pairwise
    judge, the questions put in both orders and those of them that it answered by position.
    `samples` are the scores of single verdicts, whose mean is `score`; empty where there is one.
    """

    passed: bool
    score: float
    verdict: str
    words: str
    pairs: int = 0
    flips: int = 0
    samples: tuple[float, ...] = ()


def response_format(rubric: Rubric) -> dict[str, Any]:
    """The `response_format` of the request: JSON Schema, strict, `reasoning` before `verdict`."""
    reasoning: dict[str, Any] = {"type": "string"}
    if rubric.reasoning_chars is not None:
        reasoning["maxLength"] = rubric.reasoning_chars
    kind = "integer" if rubric.mode == "score" else "string"
    schema = {
        "type": "object",
        "properties": {
            "reasoning": reasoning,
            "verdict": {"type": kind, "enum": list(rubric.verdicts)},
        },
        "required": list(KEYS),
        "additionalProperties": False,
    }
    return {
        "type": "json_schema",
        "json_schema": {"name": "verdict", "strict": True, "schema": schema},
    }


def read_verdict(rubric: Rubric, text: str, finish_reason: str | None) -> Verdict:
    """The verdict in a judge's answer.

    VerdictError unless the answer ended by itself and is exactly the object that was asked for: a
    judge that must be interpreted can be talked to.
    """
    ending = finish_reason or ""
    if ending not in _ORDINARY_STOPS:
        raise VerdictError(f"the judge did not finish: it ended with {ending[:40]!r}")
    try:
        given = read_json(text.strip())
    except JsonError as error:
        raise VerdictError(f"the judge's answer is not JSON: {error.message}") from None
    if not isinstance(given, dict) or tuple(given) != KEYS:
        raise VerdictError("the judge did not answer with its reasoning and then its verdict")
    reasoning, value = given["reasoning"], given["verdict"]
    if not isinstance(reasoning, str):
        raise VerdictError("the judge's reasoning is not a text")
    wanted = int if rubric.mode == "score" else str
    if type(value) is not wanted or value not in rubric.verdicts:
        scale = ", ".join(map(str, rubric.verdicts))
        raise VerdictError(f"the judge's verdict {str(value)[:40]!r} is none of {scale}")
    return Verdict(value, reasoning)


def settle(rubric: Rubric, verdicts: Sequence[Verdict]) -> Ruling:
    """Several verdicts on one answer: the mean of scores, the majority of labels."""
    if not verdicts:
        raise VerdictError("there is no verdict")
    return (_mean if rubric.mode == "score" else _majority)(rubric, verdicts)


def _mean(rubric: Rubric, verdicts: Sequence[Verdict]) -> Ruling:
    scores = [int(verdict.value) for verdict in verdicts]
    mean = sum(scores) / len(scores)
    words = f"{mean:.4g} on a scale from {rubric.low} to {rubric.high}"
    if len(scores) > 1:
        words += f", the mean of {len(scores)} verdicts from {min(scores)} to {max(scores)}"
    scale = rubric.high - rubric.low
    share = (mean - rubric.low) / scale
    verdict = str(math.floor(mean + 0.5))
    words += f"; {rubric.pass_at:g} passes"
    samples = _several((score - rubric.low) / scale for score in scores)
    return Ruling(mean >= rubric.pass_at, share, verdict, words, samples=samples)


def _several(scores: Iterable[float]) -> tuple[float, ...]:
    """The scores when there are several; one alone is the ruling's own."""
    found = tuple(scores)
    return found if len(found) > 1 else ()


def _majority(rubric: Rubric, verdicts: Sequence[Verdict]) -> Ruling:
    """Labels that pass against those that do not; half of them is no majority."""
    counts = Counter(str(verdict.value) for verdict in verdicts)
    passing = sum(count for label, count in counts.items() if label in rubric.passing)
    share = passing / len(verdicts)
    is_passed = share > 0.5
    # The commonest label on the side that won; of two as common, the first of the alphabet.
    side = sorted(label for label in counts if (label in rubric.passing) == is_passed)
    verdict = max(side, key=counts.__getitem__)
    words = ", ".join(f"{label} ({counts[label]} of {len(verdicts)})" for label in sorted(counts))
    samples = _several(float(str(given.value) in rubric.passing) for given in verdicts)
    words = words if len(verdicts) > 1 else verdict
    return Ruling(is_passed, share, verdict, words, samples=samples)


def settle_pairs(pairs: Sequence[tuple[Verdict, Verdict]]) -> Ruling:
    """Verdicts in both orders: (the candidate shown as A, the candidate shown as B).

    A win counts only when both orders agree; everything else is a tie, worth half. The candidate
    passes when it is not worse: a score of at least one half.
    """
    if not pairs:
        raise VerdictError("there is no verdict")
    values = [(str(first.value), str(second.value)) for first, second in pairs]
    wins, losses = values.count(("A", "B")), values.count(("B", "A"))
    flips = values.count(("A", "A")) + values.count(("B", "B"))
    score = (wins + (len(values) - wins - losses) / 2) / len(values)
    if len(values) == 1:
        words = "better" if wins else "worse" if losses else "neither better nor worse"
        words += " in both orders" if wins or losses else ""
    else:
        words = f"better in {wins}, worse in {losses} of {len(values)}"
    samples = _several({("A", "B"): 1.0, ("B", "A"): 0.0}.get(pair, 0.5) for pair in values)
    return Ruling(score >= 0.5, score, _winner(score), words, len(values), flips, samples)


def _winner(score: float) -> str:
    """Who is better, the candidate shown as A: A, B or tie."""
    return "A" if score > 0.5 else "B" if score < 0.5 else "tie"


def check_logprob(logprob: float | None) -> float:
    """A mean log-probability a token, at most 0. VerdictError when it is none."""
    if logprob is None or not math.isfinite(logprob) or logprob > _LOGPROB_ROUNDING:
        raise VerdictError("the judge's endpoint gave no log-probabilities of the answer")
    return min(logprob, 0.0)


def settle_likelihood(rubric: Rubric, logprob: float | None) -> Ruling:
    """How likely the judge's model finds the answer. The score is the mean chance of a token."""
    value = check_logprob(logprob)
    words = f"mean log-probability {value:.3f} a token; {rubric.pass_at:g} passes"
    passed = value >= rubric.pass_at
    return Ruling(passed, math.exp(value), PASS if passed else FAIL, words)


def settle_likelihoods(candidate: float | None, other: float | None) -> Ruling:
    """Which of two answers the judge's model finds likelier; there is no order to depend on."""
    mine, theirs = check_logprob(candidate), check_logprob(other)
    score = 0.5 if mine == theirs else float(mine > theirs)
    words = f"mean log-probability {mine:.3f} a token against {theirs:.3f}"
    return Ruling(score >= 0.5, score, _winner(score), words, 1)
