"""`assay ci --base-url`: a server that lives as long as one check, on this machine alone.

It is the server itself, with its database, queue and worker in a folder that is removed afterwards;
so the evaluation is that of a server that stays, and survives what a worker does not.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from config import admin
from config.embedded.tree import TreeOptions, running

_NEVER_SECONDS = "86400"
_SCOPES = ["read", "evaluate", "admin"]
#: What stays of our own settings: how models are reached, and their tokenizers. The rest is that of
#: another server.
_KEPT = ("ASSAY_EVERY_MODEL_KEY", "ASSAY_EVERY_MODEL_KEY_FILE", "ASSAY_TOKENIZERS")
_ELSEWHERE = ("ASSAY_", "DATABASE_URL", "BROKER_URL", "LANGFUSE_")


@contextmanager
def serving(
    repository: Path, models_url: str, say: Callable[[str], None]
) -> Iterator[tuple[str, str]]:
    """Serve the branch `main` of `repository` and ask every model at `models_url`.

    Yields the address and a token that may do everything there. Raises what `running` raises.
    """
    with tempfile.TemporaryDirectory(prefix="assay-check-") as scratch:
        options = TreeOptions(data=Path(scratch) / "data", port=0, model=False)
        environment = _environment(os.environ, repository, models_url)
        with running(options, environment=environment, report=say) as tree:
            os.environ.update(tree.environment)  # the token is made in this process
            token = admin.token_create("check", _SCOPES, [])["token"]
            yield tree.base_url, token


def _environment(own: Mapping[str, str], repository: Path, models_url: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in own.items()
        if name in _KEPT or not name.startswith(_ELSEWHERE)
    }
    return {
        **kept,
        "ASSAY_REPOSITORY": str(repository),
        "ASSAY_REPOSITORY_REF": "main",
        "ASSAY_REPOSITORY_POLL_SECONDS": _NEVER_SECONDS,
        "ASSAY_EVERY_MODEL_URL": models_url,
    }
