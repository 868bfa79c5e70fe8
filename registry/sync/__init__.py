"""Follow the prompt repository: fetch, parse, apply one commit in one transaction."""

from __future__ import annotations

from registry.sync.following import apply_commit, sync
from registry.sync.preparing import prepare
from registry.sync.requests import requests_about

__all__ = ["apply_commit", "prepare", "requests_about", "sync"]
