"""What a finished run sets going, in the transaction that finishes it."""

from __future__ import annotations

from typing import Any

from evals import jobs
from evals.models import CheckedPrompt, EvalRun
from registry import outbox


def run_finished(run: EvalRun) -> None:
    """Tell the outside, have it exported, and have the check it belongs to go on."""
    outbox.tell(outbox.Topic.RUN_FINISHED, f"{run.prompt_name}:{run.tag}", _facts(run))
    jobs.export_after_commit(run.pk)
    if run.kind == EvalRun.Kind.CHECK:
        checks = CheckedPrompt.objects.filter(run=run).values_list("commit_check", flat=True)
        for check_id in checks:
            jobs.check_after_commit(check_id)


def _facts(run: EvalRun) -> dict[str, Any]:
    """What the outside learns; the run's report has the figures."""
    return {
        "run": str(run.pk),
        "kind": run.kind,
        "prompt": run.prompt_name,
        "version": run.candidate.number,
        "model": run.model.name,
        "tag": run.tag,
        "verdict": run.verdict,
        "reasons": list(run.reasons),
        "certificate": run.certificate.digest if run.certificate else None,
    }
