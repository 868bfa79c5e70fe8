"""tags.yaml at first contact: what it says is live is adopted, once."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from core.findings import Finding
from registry import promotion, queries
from registry.domain.change import RepositoryChange
from registry.domain.live import DEFAULT_CANARY_WEIGHT, LiveTag, parse_live
from registry.domain.live_writing import PATH, Key
from registry.models import ModelVersion, Prompt, PromptVersion
from registry.sync.evidence import Evidence, LiveTarget


def live_targets(change: RepositoryChange) -> dict[Key, LiveTarget]:
    """The rows of what tags.yaml says is live, in the file's order."""
    live = change.parsed.live
    names = {entry.prompt for entry in live}
    prompts = {row.name: row for row in Prompt.objects.filter(name__in=names)}
    models = {row.name: row for row in ModelVersion.objects.filter(is_current=True)}
    versions = {
        (row.prompt_id, row.number): row
        for row in PromptVersion.objects.filter(prompt__in=prompts.values()).only(
            "prompt_id", "number", "digest"
        )
    }
    return {
        (entry.prompt, entry.tag): LiveTarget(
            prompts[entry.prompt],
            entry.tag,
            versions[prompts[entry.prompt].pk, entry.version],
            models.get(entry.model or prompts[entry.prompt].default_model),
        )
        for entry in live
    }


def adopt_live_tags(
    change: RepositoryChange, targets: Mapping[Key, LiveTarget], evidence: Evidence
) -> int:
    """First contact: these tags start where tags.yaml says, in the order in which they were moved
    there as far as their certificates tell; the others come first. Returns how many.
    """
    weights = {(entry.prompt, entry.tag): live_weight(entry) for entry in change.parsed.live}
    order = sorted(targets, key=lambda key: evidence.revisions.get(key, 0))
    adoptions = [
        promotion.Adoption(
            targets[key].prompt,
            targets[key].tag,
            targets[key].version,
            targets[key].model,
            weights[key],
            evidence.certificates.get(key),
        )
        for key in order
    ]
    after = max(evidence.revisions.values(), default=0)
    return promotion.adopt(adoptions=adoptions, commit=change.commit, after=after)


def live_weight(entry: LiveTag) -> int | None:
    """Percent of the traffic; None for what is no canary."""
    if entry.tag != promotion.CANARY:
        return None
    return DEFAULT_CANARY_WEIGHT if entry.weight is None else entry.weight


def waiting_requests(change: RepositoryChange, asked: Collection[Key]) -> tuple[Finding, ...]:
    """Tags that tags.yaml names and nobody ever set, without those that were `asked` for."""
    live = change.parsed.live
    moved = queries.tags_with_history() if live else set()
    settled = moved | set(asked)
    waiting = {(e.prompt, e.tag): e for e in live if (e.prompt, e.tag) not in settled}
    if not waiting:
        return ()
    # Read once more, for the lines: seldom needed, so the parser need not carry them.
    entries, _ = parse_live(PATH, change.files.read(PATH))
    return tuple(
        _request(entry.live, entry.line, entry.column)
        for entry in entries
        if (entry.live.prompt, entry.live.tag) in waiting
    )


def _request(live: LiveTag, line: int, column: int) -> Finding:
    message = (
        f"tags.yaml asks for {live.prompt}:{live.tag} v{live.version}; "
        "promote it with `assay promote`"
    )
    hint = "or change its line again, when the version has its certificate"
    return Finding(PATH, line, column, "warning", "needs_promotion", message, hint)
