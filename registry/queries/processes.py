"""The processes that answer lookups, and what they know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F, Q
from django.db.models.functions import Now

from registry.models import LookupProcess, RegistryState

#: Who said nothing for so long is not counted on any more, and forgotten after the second. A
#: process that is well says something every five seconds.
SILENT_SECONDS, FORGOTTEN_SECONDS = 15, 600


@dataclass(frozen=True, slots=True)
class ReachedProcess:
    """One process: whether it had the revision, and how many seconds ago it last said anything."""

    process: LookupProcess
    has_it: bool
    seconds: int

    @property
    def is_silent(self) -> bool:
        """Whether it ended without a word, hangs, or has lost the database."""
        return self.seconds >= SILENT_SECONDS

    @property
    def is_answering(self) -> bool:
        """Whether it answers with the revision, as far as anybody can know."""
        return self.has_it and not self.is_silent


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a revision of the registry got."""

    revision: int
    processes: tuple[ReachedProcess, ...]

    @property
    def answering(self) -> int:
        """How many processes answer with it, or with a later one."""
        return sum(one.is_answering for one in self.processes)

    @property
    def others(self) -> list[ReachedProcess]:
        """Those that do not."""
        return [one for one in self.processes if not one.is_answering]


def reach(revision: int) -> Reach:
    """Which processes know `revision`, by what they said. All times are of the database's clock."""
    here = RegistryState.objects.values("incarnation")[:1]
    known = LookupProcess.objects.filter(
        heard_at__gt=Now() - timedelta(seconds=FORGOTTEN_SECONDS)
    ).annotate(
        has_it=Q(incarnation=here, revision__gte=revision),
        silence=Now() - F("heard_at"),
    )
    return Reach(
        revision,
        tuple(
            ReachedProcess(one, one.has_it, max(0, int(one.silence.total_seconds())))
            for one in known
        ),
    )
