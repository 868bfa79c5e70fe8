"""The Git host beside the repository: pull requests are read, statuses and comments are shown.

Whoever has something to show writes it down (`show`), in the transaction that makes it true; the
outbox brings it to the host (`deliver`), so a host that is down holds up nobody.
"""

from __future__ import annotations

from registry.githost.calling import HostFailedError, HostRefusedError
from registry.githost.delivering import deliver
from registry.githost.hosts import Host, configured, is_on
from registry.githost.showing import Shown, forget, show
from registry.githost.values import PullRequest

__all__ = [
    "Host",
    "HostFailedError",
    "HostRefusedError",
    "PullRequest",
    "Shown",
    "configured",
    "deliver",
    "forget",
    "is_on",
    "show",
]
