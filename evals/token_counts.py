"""How the server counts tokens: by tokenizers beside it, and by the servers of its models."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.conf import settings

from core.errors import AssayError
from evals.endpoints import endpoint_of
from registry import queries
from registry.domain.model_pin import ModelPin
from registry.domain.token_count import Counted, Row, estimated
from registry.tokenizing import TokenCounter, TokenizerFolders
from serving.client import Endpoint

_log = logging.getLogger(__name__)
#: For one question: a person waits for a preview in a thread of a web process.
_SECONDS = 1.5


def _endpoint(pin: ModelPin) -> Endpoint | None:
    try:
        return endpoint_of(pin)
    except AssayError:
        return None  # it is estimated then, as where a server does not answer


_counter = TokenCounter(
    TokenizerFolders(settings.TOKENIZERS_FOLDER, settings.HUB_CACHE),
    _endpoint,
    seconds=_SECONDS,
    report=_log.warning,
)


def count_tokens(pin: ModelPin | None, rows: Sequence[Row]) -> list[Counted]:
    """`CountTokens` for the models of models.yaml as the registry has them.

    A proposed commit may name other addresses under the same names: nothing is sent there.
    """
    known = queries.models().filter(name=pin.name).first() if pin else None
    trusted = ModelPin.from_json(known.pin) if known else None
    if pin is None or trusted is None or trusted.digest != pin.digest:
        return estimated(pin, rows)
    return _counter(trusted, rows)
