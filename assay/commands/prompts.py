"""show, tags, history: what is there and what is live."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay import output
from assay.connection import connected
from assay.fields import document
from assay.options import AsJson, PromptName

if TYPE_CHECKING:
    from assay.answers import PromptSummary, PromptTags

_TAG_COLUMNS = ("tag", "version", "model", "revision", "kind", "proven", "since", "by")


def show(name: PromptName, as_json: AsJson = False) -> None:
    """A prompt: where its tags point, and its versions."""
    with connected() as client:
        prompt = client.tags(name)
    if as_json:
        tags = {tag: document("show tags{}", pointer) for tag, pointer in prompt.tags.items()}
        output.emit(document("show", {**asdict(prompt), "tags": tags}))
        return
    output.show(prompt.name)
    output.table(_TAG_COLUMNS, (_row(entry) for entry in _entries(prompt)))
    output.show("versions: " + (", ".join(map(output.version, prompt.versions)) or "none"))


def tags(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A prompt.", show_default="all of them")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Where the tags of one prompt, or of all of them, point."""
    with connected() as client:
        prompts = [client.tags(name)] if name else client.prompts()
        found = [entry for prompt in prompts for entry in _entries(prompt)]
    if as_json:
        output.emit({"tags": [document("tags[]", entry) for entry in found]})
        return
    output.table(("prompt", *_TAG_COLUMNS), ([e["prompt"], *_row(e)] for e in found))


def history(
    name: PromptName,
    tag: Annotated[str | None, typer.Option("--tag", help="Only this tag.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Newest entries to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The ledger of a prompt.

    Who moved which tag, when, from what to what, why, with which evidence.
    """
    with connected() as client:
        events = list(islice(client.history(name, tag=tag), limit))
    if as_json:
        output.emit({"name": name, "events": [document("events[]", event) for event in events]})
        return
    columns = ("at", "tag", "kind", "version", "model", "revision", "by", "evidence", "reason")
    rows = [
        (
            *(output.moment(e.at), e.tag, e.kind, output.version(e.version), e.model, e.revision),
            *(e.actor, (e.certificate or "")[:12], e.reason),
        )
        for e in events
    ]
    output.table(columns, rows)


def _entries(prompt: PromptTags | PromptSummary) -> Iterator[dict[str, Any]]:
    """The fields of each tag, with the prompt's and the tag's name."""
    for tag, pointer in prompt.tags.items():
        yield {"prompt": prompt.name, "tag": tag, **asdict(pointer)}


def _row(entry: dict[str, Any]) -> list[object]:
    tag = entry["tag"] + (f" ({entry['weight']} %)" if entry["weight"] is not None else "")
    version = output.version(entry["version"])
    last = (entry["kind"], entry["proven"], output.moment(entry["since"]), entry["actor"])
    return [tag, version, entry["model"], entry["revision"], *last]
