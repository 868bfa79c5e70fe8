"""What a run came to, in tables. PostgreSQL adds up; no answer's text is read."""

from __future__ import annotations
