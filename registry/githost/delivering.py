"""Bring the Git host to show what is written down: a message only says that there is news."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from core.digest import digest
from registry.githost.calling import HostRefusedError
from registry.githost.hosts import Host, configured
from registry.githost.marking import mark_of
from registry.models import HostReport, OutboxMessage
from registry.outbox import PermanentDeliveryError

_log = logging.getLogger(__name__)
#: The host will say the same tomorrow: the commit is not there, or what we send is wrong.
_FOR_GOOD = (400, 404, 409, 410, 422)


def deliver(messages: Sequence[OutboxMessage]) -> None:
    """Show the newest state of the report that a message is about. What the host shows already is
    not sent again, so of many changes that waited the last one counts.

    Raises HostFailedError, HostRefusedError; PermanentDeliveryError for what it never takes.
    """
    [message] = messages
    report = HostReport.objects.filter(pk=message.payload["report"]).first()
    if report is None or report.shown >= report.revision:
        return
    try:
        _bring(configured(), report)
    except HostRefusedError as error:
        if error.status in _FOR_GOOD:
            raise PermanentDeliveryError(error.message) from error
        raise
    # Whatever was written down meanwhile has a message of its own.
    HostReport.objects.filter(pk=report.pk).update(shown=report.revision)


def _bring(host: Host, report: HostReport) -> None:
    host.show_status(report)
    host.show_details(report)
    if report.pull_request is not None and report.comment:
        _comment(host, report)


def _comment(host: Host, report: HostReport) -> None:
    """Progress changes the status every time, and the comment seldom."""
    address = digest(report.comment)
    if report.comment_shown == address:
        return
    if not report.comment_id:
        others = HostReport.objects.filter(
            pull_request=report.pull_request, context=report.context
        ).exclude(comment_id="")
        report.comment_id = others.values_list("comment_id", flat=True).first() or ""
    report.comment_id = host.show_comment(report, f"{report.comment}\n{mark_of(report)}\n")
    report.comment_shown = address
    report.save(update_fields=["comment_id", "comment_shown"])
