"""models: what is pinned, what is really served, and having a server looked at."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from assay import exit_codes, output
from assay.connection import connected
from assay.fields import document
from assay.options import AsJson

if TYPE_CHECKING:
    from assay.answers import ModelLook, ProbedModel, RegisteredModel
    from assay.client import Assay

app = typer.Typer(name="models", help="Pinned models, and what their servers say and serve.")

_PAUSE_SECONDS = 0.5
Name = Annotated[str, typer.Argument(metavar="NAME", help="A model of models.yaml.")]


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """Pins, what is really served, the state of the fingerprint, the last look."""
    with connected() as client:
        found = client.models()
    if as_json:
        output.emit({"models": [document("models[]", model) for model in found]})
        return
    columns = ("model", "pinned", "engine", "served now", "fingerprint", "looked")
    output.table(columns, (_row(model) for model in found))
    for model in found:
        _tell_troubles(model)


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """One pin, and the newest looks at its server."""
    with connected() as client:
        _tell(client.model(name), as_json, "models show")


@app.command()
def probe(
    name: Name,
    fingerprint: Annotated[
        bool, typer.Option("--fingerprint", help="Measure what it serves as well.")
    ] = False,
    seconds: Annotated[
        int, typer.Option("--timeout", min=1, help="How long to wait for the look.")
    ] = 120,
    as_json: AsJson = False,
) -> None:
    """Have a model's server looked at now.

    The exit code is 0 when it serves what is pinned, 1 when something is otherwise or it drifted,
    4 when it could not be looked at or does not answer.
    """
    with connected() as client:
        found = _awaited(
            client, name, client.probe(name, fingerprint=fingerprint).asked_at, seconds
        )
    if found is None or found.probe is None:
        output.say(f"error: nobody looked within {seconds} s; is a worker running?")
        raise typer.Exit(exit_codes.NOT_EVALUATED)
    _tell(found, as_json, "models probe")
    raise typer.Exit(_exit_code(found, found.probe))


def _awaited(client: Assay, name: str, asked_at: str, seconds: int) -> ProbedModel | None:
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        found = client.model(name)
        # Both are of the server's own clock.
        if found.probe is not None and _moment(found.probe.at) >= _moment(asked_at):
            return found
        time.sleep(_PAUSE_SECONDS)
    return None


def _moment(timestamp: str) -> datetime:
    return datetime.fromisoformat(timestamp)


def _exit_code(model: RegisteredModel, look: ModelLook) -> int:
    if not look.reachable or look.fingerprint in {"failed", "cannot tell"}:
        return exit_codes.NOT_EVALUATED
    return exit_codes.GATE_FAILED if look.differences or model.drift else exit_codes.PASS


def _row(model: RegisteredModel) -> tuple[object, ...]:
    look = model.probe
    pinned = f"{model.served_id} {model.revision[:19]}".strip() if model.pinned else "not pinned"
    engine = f"{model.engine} {model.engine_version}".strip()
    return (
        model.name,
        pinned,
        engine,
        _served(look),
        _state(model),
        look and output.moment(look.at),
    )


def _served(look: ModelLook | None) -> str | None:
    if look is None:
        return None
    if not look.reachable:
        return "does not answer"
    if look.differences:
        return "otherwise than pinned"
    return " ".join(filter(None, (look.engine, look.version))) or "answers"


def _state(model: RegisteredModel) -> str:
    if model.drift is not None:
        return "drifted"
    if model.fingerprint is None:
        return "not measured"
    weak = " (weak: text only)" if (model.fingerprint_mode or "").startswith("text") else ""
    return f"{model.fingerprint_state or 'known'}{weak}"


def _tell_troubles(model: RegisteredModel) -> None:
    if model.drift is not None:
        since = output.moment(model.drift.since)
        output.show(f"  - {output.one_line(model.drift.message)}, since {since}")
    for sentence in model.probe.differences if model.probe else ():
        output.show(f"  - {output.one_line(sentence)}")
    if model.probe is not None and model.probe.error:
        output.show(f"  - {output.one_line(f'{model.name}: {model.probe.error}')}")


def _tell(model: ProbedModel, as_json: bool, command: str) -> None:
    if as_json:
        output.emit(document(command, model))
        return
    rows = [
        ("served id", model.served_id),
        ("revision", model.revision or "not pinned"),
        ("tokenizer revision", model.tokenizer_revision or model.revision),
        ("engine", f"{model.engine} {model.engine_version}".strip()),
        ("dtype, quantization", " ".join(filter(None, (model.dtype, model.quantization)))),
        ("context", model.max_context),
        ("tensor parallel", model.tensor_parallel),
        ("requests at once", model.concurrency),
        ("fingerprint", f"{(model.fingerprint or '')[:12]} {_state(model)}".strip()),
    ]
    output.table((model.name, ""), rows)
    output.show()
    columns = ("at", "served now", "context", "fingerprint", "distance", "also has")
    output.table(columns, (_look_row(look) for look in model.probes))
    _tell_troubles(model)


def _look_row(look: ModelLook) -> tuple[object, ...]:
    distance = None if look.distance is None else f"{look.distance:.4f}"
    state = None if look.fingerprint == "not measured" else look.fingerprint
    extras = " ".join(look.extras)
    return (output.moment(look.at), _served(look), look.max_context, state, distance, extras)
