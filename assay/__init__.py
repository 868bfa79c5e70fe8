"""The `assay` command and the Python clients. HTTP only; Django is never imported here.

For an application, `Client` and `AsyncClient` (ASSAY_URL and ASSAY_TOKEN):

    from assay import Client

    client = Client()
    client.get("support-chat", key=user_id).render(ticket=text)

For everything else there is `Assay`, a method for each call of the REST interface.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.client import Assay
    from assay.errors import AssayApiError
    from assay.prompts.async_client import AsyncClient
    from assay.prompts.client import Client
    from assay.prompts.values import Prompt, Provenance

__all__ = ["Assay", "AssayApiError", "AsyncClient", "Client", "Prompt", "Provenance"]

_HOMES = {
    "Assay": "assay.client",
    "AssayApiError": "assay.errors",
    "AsyncClient": "assay.prompts.async_client",
    "Client": "assay.prompts.client",
    "Prompt": "assay.prompts.values",
    "Provenance": "assay.prompts.values",
}


def __getattr__(name: str) -> Any:
    # Looked up late: `assay --help` must not wait for the HTTP library.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
