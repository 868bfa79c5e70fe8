"""The connection that a command uses. The HTTP library is loaded only here, when one is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.client import Assay


def connected() -> Assay:
    """A client for `ASSAY_URL` with `ASSAY_TOKEN`. Raises SettingInvalidError."""
    from assay.client import Assay

    return Assay()
