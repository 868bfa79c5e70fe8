"""Answers that need not be asked for again: the same question to the same model.

The key holds everything that could change the answer: the pin and its measured fingerprint, the
prompt's content with its parameters, the inputs of the case and the repeat (so that repeats stay
different answers). Only whole answers are kept, and only once the measurement after the last of
them has confirmed which model gave them. What is timed must not come from here, so nothing is
looked up for cases with a latency check; and nothing for a fingerprint of mode "text", which
cannot tell two models from each other well enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from core.digest import digest
from evals.domain.suite import CaseSpec, SuiteSpec
from evals.models import BaselineResult, CaseResult, EvalRun, JudgedAnswer, KeptAnswer, Suite

#: Raise it when the same question is put in other words, or answers are kept differently.
_FORMAT = 2
#: How a whole answer ends.
_WHOLE = ("stop", "eos", "stop_sequence")
_MOST_CHARACTERS = 100_000


_BATCH = 1_000
_JUDGED = ("pass", "fail")


def is_usable(run: EvalRun) -> bool:
    """Whether answers of this run's model may be used again at all."""
    return run.use_cache and run.model.fingerprint_mode.startswith("logprobs")


def key_of(*, run: EvalRun, prompt_digest: str, case: CaseSpec, repeat: int) -> str:
    """The key of one answer: 64 hex digits. `prompt_digest` covers template and parameters."""
    inputs = [dict(case.variables), dict(case.placeholders)]
    return digest([_FORMAT, run.model.digest, run.fingerprint, prompt_digest, inputs, repeat])


def find(keys: Iterable[str]) -> dict[str, KeptAnswer]:
    """The kept answers among `keys`."""
    return KeptAnswer.objects.in_bulk(list(keys))


def keep(run: EvalRun) -> None:
    """Keep what a finished run was answered, for later ones. Only for a run whose model was
    confirmed after the last answer. Safe twice.
    """
    run.model.refresh_from_db(fields=["fingerprint_mode"])
    if not run.model.fingerprint_mode.startswith("logprobs") or run.kind == EvalRun.Kind.SELF:
        return
    cases = {
        (row.pk, case.key): case
        for row in Suite.objects.filter(runs=run)
        for case in SuiteSpec.from_json(row.spec).cases
    }
    # In the order of keys: two workers that keep the same answers wait, and do not deadlock.
    rows = {row.key: row for row in _rows(run, cases)}
    ordered = [rows[key] for key in sorted(rows)]
    KeptAnswer.objects.bulk_create(ordered, batch_size=_BATCH, ignore_conflicts=True)


def _rows(run: EvalRun, cases: Mapping[tuple[int, str], CaseSpec]) -> Iterator[KeptAnswer]:
    asked = CaseResult.objects.filter(run=run, from_cache=False).select_related("item")
    for result in asked.iterator(_BATCH):
        case = cases[result.item.suite_id, result.case]
        yield from _row(run, run.version.digest, case, result.repeat, result)
    if run.baseline is None:
        return
    beside = BaselineResult.objects.filter(result__run=run, from_cache=False)
    for answer in beside.select_related("result__item").iterator(_BATCH):
        result = answer.result
        case = cases[result.item.suite_id, result.case]
        yield from _row(run, run.baseline.digest, case, result.repeat, answer)


def _row(
    run: EvalRun, prompt_digest: str, case: CaseSpec, repeat: int, answer: JudgedAnswer
) -> Iterator[KeptAnswer]:
    """The answer as it is kept; nothing for one that is not whole."""
    is_whole = answer.finish_reason in _WHOLE and len(answer.text) <= _MOST_CHARACTERS
    if answer.outcome in _JUDGED and is_whole and "\N{REPLACEMENT CHARACTER}" not in answer.text:
        yield KeptAnswer(
            key=key_of(run=run, prompt_digest=prompt_digest, case=case, repeat=repeat),
            text=answer.text,
            finish_reason=answer.finish_reason,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
        )
