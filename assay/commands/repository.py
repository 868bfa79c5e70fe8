"""init and sync: the prompt repository."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from assay import output, starter
from assay.connection import connected
from assay.errors import SyncFailedError
from assay.fields import document
from assay.options import AsJson
from core.findings import Finding


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new or empty folder.", file_okay=False)
    ] = Path("prompts"),
    as_json: AsJson = False,
) -> None:
    """Make a prompt repository from the starter.

    A copy of the starter repository, committed on the branch `main`.
    """
    made = starter.create(folder)
    if as_json:
        output.emit(document("init", made))
        return
    output.show(f"{made.path}: {made.files} files, commit {made.commit[:12]}")
    output.say(f"next: ASSAY_REPOSITORY={made.path} assay serve")


def sync(as_json: AsJson = False) -> None:
    """Let the server read the prompt repository now.

    A failed sync never changes what is served.
    """
    with connected() as client:
        synced = client.sync()
    if as_json:
        output.emit(document("sync", asdict(synced)))
    else:
        commit = (synced.commit or "no commit")[:12]
        output.show(
            f"{commit}: {synced.prompts} prompts, {synced.versions} versions "
            f"({synced.new_versions} new), {len(synced.findings)} findings"
        )
        _print_findings(synced.findings)
    for alarm in synced.alarms:
        output.say(output.one_line(f"alarm {alarm.kind}: {alarm.subject}: {alarm.message}"))
    if synced.error:
        raise SyncFailedError(synced.error, hint="what was published before is still served")


def _print_findings(findings: Iterable[Finding]) -> None:
    for finding in findings:
        output.show(output.one_line(finding))
