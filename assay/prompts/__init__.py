"""Prompts for applications: looked up once, kept fresh by the registry, never gone.

`core`: `cache` decides what may be served, `getting` and `following` say what to ask next, without
any IO. `transport` asks; `client` and `async_client` are the two thin shells around it.
"""

from __future__ import annotations
