"""What an evaluation came to, as a value; and one file for each way to write it down."""

from __future__ import annotations
