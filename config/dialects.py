"""Requests of other products' clients as the fast path reads them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from config import many
from core.errors import InvalidError
from registry.access import token_digest
from registry.dialects.litellm import fast as litellm
from registry.dialects.mlflow import fast as mlflow
from registry.dialects.ofrep import evaluation
from registry.dialects.ofrep import fast as ofrep
from registry.dialects.secret import shown_secret
from registry.lookup import Lookups, Reply

OFREP = "/ofrep/v1/evaluate/flags"
_MLFLOW, _LITELLM = "/api/2.0/mlflow/", "/beta/litellm_prompt_management"


def asked(environ: dict[str, Any], lookups: Lookups) -> Callable[..., Reply | None] | None:
    """How to answer from the snapshot; None for what is another's, or unusual."""
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    if not path.startswith((OFREP, _MLFLOW, _LITELLM)):
        return None
    secret = shown_secret(environ.get("HTTP_AUTHORIZATION", ""), environ.get("HTTP_X_API_KEY"))
    if not secret or "HTTP_COOKIE" in environ:
        return None
    token, query = token_digest(secret), environ.get("QUERY_STRING", "")
    if method == "POST" and (path == OFREP or path.startswith(f"{OFREP}/")):
        return _evaluation(environ, lookups, token)
    if (method, route := path.removeprefix(_MLFLOW)) in mlflow.READS:
        return partial(mlflow.answer, lookups, mlflow.Ask(route, query, token))
    if (method, path) == ("GET", _LITELLM):
        return partial(litellm.answer, lookups, litellm.Ask(query, token))
    return None


def _evaluation(
    environ: dict[str, Any], lookups: Lookups, token: str
) -> Callable[..., Reply | None] | None:
    body = many.plain_json(environ)
    try:
        context = evaluation.context(body)
    except InvalidError:
        return None
    flag = environ["PATH_INFO"].removeprefix(OFREP).removeprefix("/")
    if not flag and environ["PATH_INFO"] != OFREP:
        return None
    ask = ofrep.Ask(flag, context, token, environ.get("HTTP_IF_NONE_MATCH", ""))
    return partial(ofrep.answer, lookups, ask)
