"""promote, rollback, override, release, canary: every way a tag moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from assay import output
from assay.connection import connected
from assay.fields import document
from assay.options import (
    AsJson,
    IfRevision,
    Model,
    PromptName,
    Reason,
    Tag,
    Version,
    VersionArgument,
    required_version,
    version_option,
)
from assay.target import Target, parse_target

if TYPE_CHECKING:
    from assay.answers import TagMove

canary = typer.Typer(name="canary", help="Send a share of the traffic to a new version.")

Weight = Annotated[
    int, typer.Option("--weight", min=1, max=100, help="Percent of keyed traffic, 1 to 100.")
]


def promote(
    name: PromptName,
    version: VersionArgument = None,
    version_named: Version = None,
    tag: Tag = "stable",
    model: Model = None,
    reason: Reason = "",
    if_revision: IfRevision = None,
    as_json: AsJson = False,
) -> None:
    """Point a tag at a certified version.

    Refused with exit code 1 when the version has no valid certificate for the tag on the model.
    """
    number = required_version(version, version_named)
    target = Target(name, number, tag, model, expected_revision=if_revision)
    with connected() as client:
        _moved("promote", name, client.promote(target, reason=reason), as_json)


def rollback(
    name: PromptName,
    to: Annotated[
        int | None,
        typer.Option(
            "--to",
            metavar="VERSION",
            parser=version_option,
            help="An earlier version to restore.",
            show_default="what was live before",
        ),
    ] = None,
    tag: Tag = "stable",
    reason: Reason = "",
    if_revision: IfRevision = None,
    as_json: AsJson = False,
) -> None:
    """Restore what a tag pointed at before.

    Needs no evaluation, no Git and no model server, and may be done at any time. Rolling back twice
    goes back two moves.
    """
    with connected() as client:
        move = client.rollback(
            name,
            tag=tag,
            to_version=to,
            reason=reason,
            expected_revision=if_revision,
        )
        _moved("rollback", name, move, as_json)


def override(
    name: PromptName,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stays in the ledger.")],
    version: VersionArgument = None,
    version_named: Version = None,
    tag: Tag = "stable",
    model: Model = None,
    weight: Annotated[
        int | None, typer.Option("--weight", min=1, max=100, help="Percent; for `canary` only.")
    ] = None,
    if_revision: IfRevision = None,
    as_json: AsJson = False,
) -> None:
    """Break the glass: move a tag WITHOUT a certificate.

    For admins, with a reason. The override stays in the ledger and is shown wherever the tag is.
    """
    number = required_version(version, version_named)
    target = Target(name, number, tag, model, weight, if_revision)
    with connected() as client:
        move = client.override(target, reason=reason)
    output.say(f"warning: {name}:{tag} is now overridden; nothing proves {output.version(number)}")
    _moved("override", name, move, as_json)


def release(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET",
            help="NAME[:TAG]=VERSION[@MODEL][%WEIGHT], e.g. support-chat=v4 triage:canary=v2%10.",
        ),
    ],
    tag: Annotated[
        str, typer.Option("--tag", help="The tag where a target names none.")
    ] = "stable",
    model: Model = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Promote several tags together, all or none."""
    wanted = [parse_target(text, tag=tag, model=model) for text in targets]
    with connected() as client:
        released = client.release(wanted, reason=reason)
    if as_json:
        moves = [document("moves[]", move) for move in released.moves]
        output.emit({"release": released.release, "moves": moves})
        return
    for move in released.moves:
        _tell(move.prompt, move)


@canary.command("set")
def set_canary(
    name: PromptName,
    weight: Weight,
    version: VersionArgument = None,
    version_named: Version = None,
    model: Model = None,
    reason: Reason = "",
    if_revision: IfRevision = None,
    as_json: AsJson = False,
) -> None:
    """Send `--weight` percent of keyed traffic to a version certified for `canary`."""
    number = required_version(version, version_named)
    target = Target(name, number, "canary", model, weight, if_revision)
    with connected() as client:
        _moved("canary set", name, client.set_canary(target, reason=reason), as_json)


@canary.command("clear")
def clear_canary(
    name: PromptName,
    reason: Reason = "",
    if_revision: IfRevision = None,
    as_json: AsJson = False,
) -> None:
    """End the canary; its traffic goes to `stable` again."""
    with connected() as client:
        move = client.clear_canary(name, reason=reason, expected_revision=if_revision)
    _moved("canary clear", name, move, as_json)


def _moved(command: str, name: str, move: TagMove, as_json: bool) -> None:
    if as_json:
        output.emit(document(command, move))
    else:
        _tell(name, move)


def _tell(name: str, move: TagMove) -> None:
    """`support-chat:stable  v3 -> v4 on smollm2 (promoted, revision 7)`."""
    before = output.version(move.previous.version if move.previous else None)
    on = f" on {move.model}" if move.model else ""
    weight = f", {move.weight} %" if move.weight is not None else ""
    after = output.version(move.version)
    kind = move.kind.lower().replace("_", " ")
    place = f"{name}:{move.tag}"
    output.show(f"{place}  {before} -> {after}{on} ({kind}{weight}, revision {move.revision})")
    for warning in move.warnings:
        output.say(f"warning: {output.one_line(warning)}")
