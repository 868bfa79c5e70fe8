"""Write down what the Git host should show, in the transaction that makes it true."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from django.db.models import F

from core.findings import Finding
from registry import outbox
from registry.domain.storable import storable, storable_json
from registry.githost.hosts import is_on
from registry.models import HostReport

_TITLE_CHARACTERS = 300
#: Another pull request has the commit by now: the comment is not the one that was made.
_ELSEWHERE = {"comment_id": "", "comment_shown": ""}


@dataclass(frozen=True, slots=True)
class Shown:
    """How something stands with a commit. `comment` empty: the pull request's is left as it is."""

    state: HostReport.State
    title: str
    summary: str = ""
    address: str = ""
    findings: tuple[Finding, ...] = ()
    pull_request: int | None = None
    comment: str = ""


def show(commit: str, context: str, shown: Shown) -> None:
    """Have the host show it, instead of what it shows there now. Joins the transaction.

    Nothing happens without a host.
    """
    if not is_on():
        return
    values = {
        "state": shown.state,
        "title": storable(shown.title)[:_TITLE_CHARACTERS],
        "summary": storable(shown.summary),
        "address": shown.address,
        "findings": storable_json([asdict(found) for found in shown.findings]),
        "pull_request": shown.pull_request,
        "comment": storable(shown.comment),
    }
    # Held: `forget` must not take what is about to be shown.
    report, is_new = HostReport.objects.select_for_update(no_key=True).get_or_create(
        commit=commit, context=context, defaults=values
    )
    if not is_new:
        begun = _begun_again(report) if shown.state not in HostReport.ENDED else {}
        moved = _ELSEWHERE if shown.pull_request != report.pull_request else {}
        known = HostReport.objects.filter(pk=report.pk)
        known.update(**values, **begun, **moved, revision=F("revision") + 1)
    # The newest state counts: what is told of one pull request is told in its order.
    subject = f"pull request {shown.pull_request}" if shown.pull_request else commit
    outbox.tell(outbox.Topic.HOST_REPORT, subject, {"report": report.pk})


def forget(commit: str, context: str) -> None:
    """Delete what is shown of something that is no more known; at the host it stays. Joins the
    transaction. What goes on, or is just being shown, stays.
    """
    ended = HostReport.objects.filter(commit=commit, context=context, state__in=HostReport.ENDED)
    held = list(ended.select_for_update(skip_locked=True).values_list("pk", flat=True))
    HostReport.objects.filter(pk__in=held).delete()


def _begun_again(report: HostReport) -> dict[str, object]:
    """What changes when something that had ended goes on: a check run ends once."""
    if report.state not in HostReport.ENDED:
        return {}
    check_run = report.check_run if report.check_run == HostReport.NO_CHECK_RUN else ""
    return {"check_run": check_run, "findings_shown": 0, "round": F("round") + 1}
