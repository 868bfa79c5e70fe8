"""Write down what the Git host should show, in the transaction that makes it true."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from django.db.models import F

from core.findings import Finding
from registry import outbox
from registry.domain.names import UNSTORABLE
from registry.githost.hosts import is_on
from registry.models import HostReport

_TITLE_CHARACTERS = 300


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
        "title": _storable(shown.title)[:_TITLE_CHARACTERS],
        "summary": _storable(shown.summary),
        "address": shown.address,
        "findings": _findings(shown.findings),
        "pull_request": shown.pull_request,
        "comment": _storable(shown.comment),
    }
    report, is_new = HostReport.objects.get_or_create(
        commit=commit, context=context, defaults=values
    )
    if not is_new:
        HostReport.objects.filter(pk=report.pk).update(**values, revision=F("revision") + 1)
    # The newest state counts: what is told of one pull request is told in its order.
    subject = f"pull request {shown.pull_request}" if shown.pull_request else commit
    outbox.tell(outbox.Topic.HOST_REPORT, subject, {"report": report.pk})


def _storable(text: str) -> str:
    return UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _findings(findings: Iterable[Finding]) -> list[dict[str, object]]:
    return [
        {key: _storable(value) if isinstance(value, str) else value for key, value in one.items()}
        for one in map(asdict, findings)
    ]
