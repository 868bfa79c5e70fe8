"""The `assay` command and the Python client. HTTP only; Django is never imported here.

from assay import Assay

prompt = Assay().lookup("support-chat")  # ASSAY_URL and ASSAY_TOKEN
prompt.template, prompt.version, prompt.model
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.client import Assay
    from assay.errors import AssayApiError

__all__ = ["Assay", "AssayApiError"]


def __getattr__(name: str) -> Any:
    # Looked up late: `assay --help` must not wait for the HTTP library.
    if name == "Assay":
        from assay.client import Assay

        return Assay
    if name == "AssayApiError":
        from assay.errors import AssayApiError

        return AssayApiError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
