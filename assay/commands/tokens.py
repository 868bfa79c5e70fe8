"""token create, list, revoke: credentials for machines, made on the server itself."""

from __future__ import annotations

from typing import Annotated

import typer

from assay import output, server_code, settings
from assay.fields import FIELDS, document
from assay.options import DATA, AsJson, Data

app = typer.Typer(name="token", help="API tokens, made where the server runs.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the token is for.")],
    scope: Annotated[
        list[str],
        typer.Option("--scope", help="lookup, read, evaluate, promote or admin; may be repeated."),
    ],
    prompt: Annotated[
        list[str] | None,
        typer.Option("--prompt", metavar="GLOB", help="Only prompts like this; may be repeated."),
    ] = None,
    expires_days: Annotated[
        int | None,
        typer.Option(
            "--expires-days", min=1, max=3650, help="Days it is valid.", show_default="for ever"
        ),
    ] = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Make a token and print it, this once."""
    settings.use_data_folder(data)
    made = server_code.run(
        "token-create", name=name, scopes=scope, prompts=prompt or [], expires_days=expires_days
    )
    if as_json:
        output.emit(document("token create", made))
        return
    output.show(made["token"])
    output.say(f"token {made['id']} with the scopes {', '.join(made['scopes'])}; keep it now, it")
    output.say("is not shown again. Use it as ASSAY_TOKEN.")


@app.command("list")
def list_tokens(data: Data = DATA, as_json: AsJson = False) -> None:
    """List the tokens, with their last use."""
    settings.use_data_folder(data)
    tokens = [document("tokens[]", token) for token in server_code.run("token-list")]
    if as_json:
        output.emit({"tokens": tokens})
        return
    columns = [name.removesuffix("_at").replace("_", " ") for name in FIELDS["tokens[]"]]
    output.table(columns, (_row(token) for token in tokens))


@app.command()
def revoke(
    token_id: Annotated[int, typer.Argument(metavar="ID", help="The number `list` shows.")],
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """End a token now."""
    settings.use_data_folder(data)
    ended = server_code.run("token-revoke", token_id)
    if as_json:
        output.emit(document("token revoke", ended))
    else:
        output.show(f"token {token_id} ({ended['name']}) is revoked")


def _row(token: dict[str, object]) -> list[object]:
    return [output.moment(v) if name.endswith("_at") else v for name, v in token.items()]
