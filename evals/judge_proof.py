"""Are they still the judges that were tried? Asked before the first answer and after the last one.

The models behind a run's judges are measured like the model under test, once each. A judge that
serves something else than when people's labels measured it decides nothing: the run is an ERROR,
and the judge is measured anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from core.errors import AssayError
from evals import identity, judges, leases, queries, trials
from evals.conversation import Conversation
from evals.domain.judge.spec import JudgeSpec
from evals.jury import endpoint_at
from evals.models import EvalRun
from evals.waiting import LeadLostError
from registry.models import ModelVersion

#: Of those that fooled a judge, in one sentence.
_TOLD_CANARIES = 3


def begin(run: EvalRun, owner: str, talk: Conversation) -> tuple[str, ...]:
    """Measure the models of the run's judges and note them; why the run cannot begin, a sentence
    each. Raises LeadLostError.
    """
    if not queries.has_judges(run):
        return ()
    found = []
    for judge in _models(run).values():
        try:
            found.append(_measured(run, owner, talk, judge))
        except AssayError as error:
            name = judge.model.name
            return (f"{name}, which judges, could not be measured: {error.message}",)
    if found:
        run.judge_models = found
        EvalRun.objects.filter(pk=run.pk, leader=owner).update(judge_models=found)
    return tuple(_objections(run, owner, talk))


def _models(run: EvalRun) -> dict[tuple[str, str], JudgeSpec]:
    """A judge for each model that judges, by name and digest of the pin."""
    found = {}
    for suite in queries.suites_of(run).values():
        for judge in suite.judges.values():
            found[judge.model.name, judge.model.digest] = judge
    return found


def _measured(run: EvalRun, owner: str, talk: Conversation, judge: JudgeSpec) -> dict[str, str]:
    endpoint_at(judge.model.name, judge.model.digest)  # refuses a pin that was changed since
    row = ModelVersion.objects.get(name=judge.model.name, digest=judge.model.digest)
    value = identity.identify(row, talk, _leads(run, owner), is_last=False)
    return {"name": row.name, "digest": row.digest, "fingerprint": value}


def _leads(run: EvalRun, owner: str) -> Callable[[], bool]:
    return lambda: leases.renew_lead(run_id=run.pk, owner=owner)


def _objections(run: EvalRun, owner: str, talk: Conversation) -> Iterator[str]:
    """Why the judges of the run's suites must not judge, or could not be put to the test."""
    leads = _leads(run, owner)

    def keep() -> None:
        if not leads():
            raise LeadLostError

    for suite in queries.suites_of(run).values():
        for name, judge in suite.judges.items():
            called = f"{suite.name}/{name}"
            try:
                reasons = judges.why_blocked(called, judge, talk, keep)
            except AssayError as error:
                yield f"the judge {called} could not be put to the test: {error.message}"
                continue
            if reasons:
                more = len(reasons) - _TOLD_CANARIES
                told = "; ".join(reasons[:_TOLD_CANARIES])
                yield f"{called} is blocked: {told}" + (f"; and {more} more" if more > 0 else "")
            elif called not in run.advisory and _lost_its_measurement(run, judge):
                yield (
                    f"{judge.model.name}, the judge {called}, serves something else than when it "
                    f"was measured against human labels; assay judge calibrate {suite.name} {name}"
                )


def _lost_its_measurement(run: EvalRun, judge: JudgeSpec) -> bool:
    """It counted when the run began, and what it counted by is about another model."""
    return trials.newest_calibration(judge, before=run.created_at) is None


def doubts(run: EvalRun, owner: str, talk: Conversation) -> tuple[str, ...]:
    """Measure the judges' models again; why what they said cannot be trusted, a sentence each.

    One that is the model under test is measured as that. Raises LeadLostError.
    """
    return tuple(_doubts(run, owner, talk))


def _doubts(run: EvalRun, owner: str, talk: Conversation) -> Iterator[str]:
    for noted in run.judge_models:
        row = ModelVersion.objects.get(name=noted["name"], digest=noted["digest"])
        if row.pk == run.model_id:
            continue
        try:
            # Nothing to ask when another run has found a change already.
            holds = row.fingerprint == noted["fingerprint"] and noted[
                "fingerprint"
            ] == identity.identify(row, talk, _leads(run, owner), is_last=True)
        except AssayError as error:
            yield (
                f"{row.name}, which judged, could not be confirmed after the last answer: "
                f"{error.message}"
            )
            continue
        if not holds:
            yield f"{row.name}, which judged, serves something else since the run began"
