"""serve, demo, migrate, rebuild: the server's code, run in this process."""

from __future__ import annotations

from typing import Annotated

import typer

from assay import output, server_code, settings
from assay.fields import document
from assay.options import DATA, AsJson, Data

Port = Annotated[int, typer.Option("--port", min=1, max=65_535, help="TCP port to listen on.")]


def serve(
    port: Port = 8000,
    data: Data = DATA,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    model: Annotated[
        bool, typer.Option("--model/--no-model", help="Start the demo model server as well.")
    ] = True,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=64, help="Web server processes.")
    ] = 1,
    stream_port: Annotated[
        int,
        typer.Option(
            "--stream-port",
            min=0,
            max=65_535,
            help="TCP port of the stream listener; 0: the one after --port.",
        ),
    ] = 0,
) -> None:
    """Start Assay with everything it needs.

    Prints `ready URL` when everything answers and runs until Ctrl-C. PostgreSQL, Valkey and a demo
    model server are started in the data folder; DATABASE_URL, BROKER_URL and ASSAY_MODEL_DEMO_URL
    replace them. The first start prints a one-time link that makes its first reader the
    administrator.
    """
    settings.use_data_folder(data)
    server_code.run(
        "serve",
        data=data,
        port=port,
        host=host,
        model=model,
        workers=workers,
        stream_port=stream_port,
    )


def demo(
    port: Port = 8000,
    data: Data = DATA,
    once: Annotated[bool, typer.Option("--once", help="Stop after the last step.")] = False,
) -> None:
    """Show the main job on a real model.

    Sync, evaluate, promote, look up, roll back; then it stays up until Ctrl-C.
    """
    settings.use_data_folder(data)
    code = server_code.run("demo", data=data, port=port, once=once)
    raise typer.Exit(int(code or 0))


def migrate(data: Data = DATA) -> None:
    """Bring the database's tables up to date. `serve` does it by itself."""
    settings.use_data_folder(data)
    server_code.run("migrate")


def rebuild(data: Data = DATA, as_json: AsJson = False) -> None:
    """Fill an empty database from the prompt repository alone.

    The same versions, every move of a tag that was written back and, where all they name is
    unchanged, certificates. The database
    must run: DATABASE_URL, or the one of `assay serve` with this data folder, before anything was
    synced into it.
    """
    settings.use_data_folder(data)
    made = server_code.run("rebuild")
    if as_json:
        output.emit(document("rebuild", made))
        return
    output.show(f"rebuilt from {made['commit'][:12]}: {made['prompts']} prompts,")
    output.show(f"{made['versions']} versions, {made['moves']} moves of tags,")
    output.show(f"{made['tags']} live tags, {made['proven']} proven")
    for finding in made["findings"]:
        output.say(finding)
