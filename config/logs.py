"""What must not be written into logs."""

from __future__ import annotations

import logging
import re

_ONE_TIME_LINK = re.compile(r"(/welcome/)[^/\s]+")


class HideLinks(logging.Filter):
    """Django logs the path of a refused request, and the path of a one-time link is its secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without the secrets of links."""
        message = record.getMessage()
        if "/welcome/" in message:
            record.msg, record.args = _ONE_TIME_LINK.sub(r"\1…", message), ()
        return True
