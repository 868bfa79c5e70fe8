"""Answers that need not be asked for again: the same question to the same model.

The key holds everything that could change the answer: the pin and its measured fingerprint, the
prompt's content with its parameters, the inputs of the case and the repeat (so that repeats stay
different answers). Only whole answers are kept, and only once the measurement after the last of
them has confirmed which model gave them. What is timed must not come from here, so nothing is
looked up for cases with a latency check; and nothing for a fingerprint of mode "text", which
cannot tell two models from each other well enough.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from core.digest import digest
from evals.domain.suite import CaseSpec
from evals.models import EvalRun, KeptAnswer

#: Raise it when the same question is put in other words, or answers are kept differently.
_FORMAT = 2
#: How a whole answer ends.
_WHOLE = ("stop", "eos", "stop_sequence")
_MOST_CHARACTERS = 100_000


def is_keepable(run: EvalRun) -> bool:
    """Whether answers of this run may be used again at all."""
    is_known = run.model.fingerprint_mode.startswith("logprobs")
    return is_known and run.kind != EvalRun.Kind.SELF


def key_of(*, run: EvalRun, prompt_digest: str, case: CaseSpec, repeat: int) -> str:
    """The key of one answer: 64 hex digits. `prompt_digest` covers template and parameters."""
    inputs = [dict(case.variables), dict(case.placeholders)]
    return digest([_FORMAT, run.model.digest, run.fingerprint, prompt_digest, inputs, repeat])


def find(keys: Iterable[str]) -> dict[str, KeptAnswer]:
    """The kept answers among `keys`."""
    wanted = list(keys)
    if not wanted:
        return {}
    # One array: the ORM would check and quote every key.
    kept = KeptAnswer.objects.raw("SELECT * FROM evals_keptanswer WHERE key = ANY(%s)", [wanted])
    return {answer.key: answer for answer in kept}


def keep(run: EvalRun) -> None:
    """Keep what a finished run was answered, for later ones. Only for a run whose model was
    confirmed after the last answer. Safe twice.
    """
    run.model.refresh_from_db(fields=["fingerprint_mode"])
    if not is_keepable(run):
        return
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, {"run": run.pk, "whole": list(_WHOLE), "most": _MOST_CHARACTERS})


# In the order of keys: two workers that keep the same answers wait, and do not deadlock. An answer
# with a replacement character may have had a NUL, which PostgreSQL cannot hold.
_COLUMNS = "text, finish_reason, prompt_tokens, completion_tokens"
_KEEP = f"""
    INSERT INTO evals_keptanswer (key, {_COLUMNS}, created_at)
    SELECT DISTINCT ON (answer_key) answer_key, {_COLUMNS}, now()
    FROM (
        SELECT answer_key, outcome, from_cache, {_COLUMNS} FROM evals_caseresult
        WHERE run_id = %(run)s
        UNION ALL
        SELECT b.answer_key, b.outcome, b.from_cache, b.text, b.finish_reason, b.prompt_tokens,
            b.completion_tokens
        FROM evals_baselineresult AS b JOIN evals_caseresult AS beside ON beside.id = b.result_id
        WHERE beside.run_id = %(run)s
    ) AS answer
    WHERE answer_key <> '' AND NOT from_cache AND outcome IN ('pass', 'fail')
        AND finish_reason = ANY(%(whole)s) AND length(text) <= %(most)s
        AND position(U&'\\FFFD' IN text) = 0
    ORDER BY answer_key
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - nothing but names of columns
