"""How `assay lint` and `assay ci` count tokens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay import settings
from assay.output import one_line, say

if TYPE_CHECKING:
    from registry.domain.model_pin import ModelPin
    from registry.tokenizing import TokenCounter
    from serving.client import Endpoint

#: For what one model's server is asked at a time; a whole repository is linted in 15 s.
_SECONDS = 6.0

Tokenizers = Annotated[
    Path | None,
    typer.Option(
        "--tokenizers",
        metavar="FOLDER",
        envvar="ASSAY_TOKENIZERS",
        show_envvar=True,
        exists=True,
        file_okay=False,
        help="Count tokens by FOLDER/<model>/tokenizer.json.",
    ),
]
TokenizeWith = Annotated[
    str, typer.Option("--tokenize-with", metavar="URL", help="Have this model server count tokens.")
]


@dataclass(frozen=True, slots=True)
class _OneServer:
    """All models are asked for at one address; the server says which of them it has."""

    url: str
    key: str

    def endpoint_of(self, pin: ModelPin) -> Endpoint:
        from serving.client import Endpoint

        return Endpoint(self.url, pin.served_id, self.key or None)


def token_counter(tokenizers: Path | None, server: str) -> TokenCounter:
    """Counts by tokenizers on this machine, then by `server` unless that is empty.

    What fails is said, and estimated. Raises SettingInvalidError.
    """
    from registry.tokenizing import TokenCounter, TokenizerFolders

    folders = TokenizerFolders(tokenizers, settings.hub_cache())

    def report(sentence: str) -> None:
        say(one_line(sentence))

    if not server:
        return TokenCounter(folders, seconds=_SECONDS, report=report)
    asked = _OneServer(settings.check_url(server, "--tokenize-with"), settings.models_key())
    return TokenCounter(folders, asked.endpoint_of, seconds=_SECONDS, report=report)
