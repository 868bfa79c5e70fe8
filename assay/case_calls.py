"""Cases of a prompt over its runs, and their quarantine: what the server says, and the calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from assay.calling import Calling, prompt_path
from assay.reading import NAMED, read

T = TypeVar("T")

#: Cases a page: the server gives no more.
_PAGE = 500


@dataclass(frozen=True, slots=True)
class CaseRun:
    """How a case went in one run: `pass`, `fail` or `error` for each repeat."""

    run: str
    version: int
    at: str
    outcomes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseHistory:
    """A case and the newest runs it was measured in, the newest first.

    `standing` is stable, flaky, regressed, fixed or unjudged; `since` the version with which it
    regressed or was fixed, else None. `quarantined_until` is None when it is not in quarantine.
    """

    suite: str
    case: str
    standing: str = field(metadata={NAMED: "class"})
    since: int | None
    quarantined_until: str | None
    runs: tuple[CaseRun, ...]


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A case that is known to be flaky, with somebody who sees to it, until a moment.

    `lifted_by` is empty and `lifted_at` None unless somebody ended it before its time.
    """

    suite: str
    case: str
    owner: str
    reason: str
    created_by: str
    created_at: str
    expires_at: str
    lifted_by: str
    lifted_at: str | None
    active: bool


class CaseCalls(Calling):
    """Read the history of cases, and quarantine them."""

    def cases(
        self,
        name: str,
        *,
        model: str | None = None,
        suite: str | None = None,
        case: str | None = None,
        standing: str | None = None,
    ) -> Iterator[CaseHistory]:
        """Every case of a prompt on a model with its newest runs, page by page.

        `model` defaults to the prompt's own; the others narrow it down.
        """
        wanted = {"model": model, "suite": suite, "case": case, "class": standing}
        return self._pages(CaseHistory, prompt_path(name, "cases"), page_size=_PAGE, **wanted)

    def quarantine(self, name: str, *, ended: bool = False) -> Iterator[Quarantine]:
        """The cases of a prompt that are in quarantine; `ended`: also those that were."""
        query = {"ended": "true"} if ended else {}
        return self._pages(Quarantine, prompt_path(name, "quarantine"), **query)

    def quarantine_case(
        self, name: str, suite: str, case: str, *, owner: str, reason: str, until: datetime
    ) -> Quarantine:
        """Put a flaky case into quarantine, within 30 days. It makes no run look better."""
        body = {"suite": suite, "case": case, "owner": owner, "reason": reason}
        body["expires_at"] = until.isoformat()
        return read(Quarantine, self._call("POST", prompt_path(name, "quarantine"), body=body))

    def lift_quarantine(self, name: str, suite: str, case: str) -> Quarantine:
        """End a quarantine before its time."""
        body = {"suite": suite, "case": case}
        return read(Quarantine, self._call("DELETE", prompt_path(name, "quarantine"), body=body))
