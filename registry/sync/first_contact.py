"""First contact with a repository: what it says was live before, and how that came to be.

Where it holds a ledger, the tags come back by that, move by move. What tags.yaml says beyond it was
asked for and never granted. Without one, or where it has holes, tags.yaml is taken over.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from core.findings import Finding
from registry import promotion
from registry.domain.change import RepositoryChange
from registry.domain.ledger_file import ToldLedger
from registry.domain.live_writing import Key
from registry.mirror import Mirror
from registry.promotion import RecalledMove
from registry.sync.adopting import adopt_live_tags, live_targets, live_weight, waiting_requests
from registry.sync.evidence import Evidence, LiveTarget, import_evidence
from registry.sync.past import Past
from registry.sync.recalling import Placed, live, placed, promoted, recalled


@dataclass(frozen=True, slots=True)
class FirstContact:
    """What is about to be taken over, and what could not be."""

    change: RepositoryChange
    moves: tuple[RecalledMove, ...]
    #: The tags of tags.yaml that are adopted.
    adopted: dict[Key, LiveTarget]
    evidence: Evidence
    findings: tuple[Finding, ...]

    def take_over(self) -> None:
        """Write the ledger.

        Takes the registry's counter, which every move of a tag waits for: the last step of a sync.
        """
        promotion.recall(self.moves)
        adopt_live_tags(self.change, self.adopted, self.evidence)


def meet(
    change: RepositoryChange, mirror: Mirror, told: ToldLedger, unread: Sequence[Finding] = ()
) -> FirstContact:
    """Look what there is, and store the certificates that go with it. Joins the transaction.

    `told` is the ledger of the change; `unread` says what of the past could not be brought back.
    """
    past = Past(mirror, change.commit)
    moves, lost = placed(told.moves, past)
    known = live(moves)
    said = live_targets(change)
    # A hole in the ledger may have held a tag that is served.
    adopted = {} if told.is_whole and not lost else said
    adopted = {key: target for key, target in adopted.items() if key not in known}
    evidence = import_evidence(change, [*promoted(moves), *adopted.values()])
    settled = {*adopted, *_agreeing(change, said, known)}
    findings = [
        *unread,
        *told.findings,
        *lost,
        *evidence.findings,
        *waiting_requests(change, settled),
    ]
    made = tuple(recalled(change, moves, past))
    return FirstContact(change, made, adopted, evidence, tuple(findings))


def _agreeing(
    change: RepositoryChange, said: dict[Key, LiveTarget], known: dict[Key, Placed]
) -> Collection[Key]:
    """The tags that tags.yaml has where the ledger left them."""
    weights = {(entry.prompt, entry.tag): live_weight(entry) for entry in change.parsed.live}
    return [
        key
        for key, target in said.items()
        if key in known
        and (target.named, weights[key]) == (_named(known[key]), known[key].move.weight)
    ]


def _named(one: Placed) -> tuple[int, str] | None:
    return one.target.named if one.target else None
