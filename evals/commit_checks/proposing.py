"""From what a commit proposes to rows and runs. Nothing here is published, or could be served."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction

from core.errors import AssayError
from evals import runs, subjects
from evals.commit_checks.reading import Proposed
from evals.domain.suite import SuiteSpec
from evals.follow import combined_digest
from evals.models import CheckedPrompt, CommitCheck, EvalRun, ProposedVersion, Suite
from registry import queries as registry_queries
from registry.domain.version import VersionContent
from registry.models import Prompt, PromptVersion

_TAG = "stable"


def propose(check: CommitCheck, prompts: Sequence[Proposed], now: datetime) -> None:
    """Start what is to be measured, and say of the rest why it is not. Joins the transaction."""
    room = settings.CHECK_PROMPTS
    for proposed in prompts:
        made = _checked(check, proposed, now, has_room=room > 0)
        if made is not None:
            made.save()
            room -= made.run is not None


def _checked(
    check: CommitCheck, proposed: Proposed, now: datetime, *, has_room: bool
) -> CheckedPrompt | None:
    """None: nothing that could be measured has changed about it."""
    row = Prompt.objects.filter(name=proposed.prompt).first()
    content = proposed.content or _live_content(row, proposed)
    if content is None:
        return None
    number = proposed.content.number if proposed.content else None
    made = CheckedPrompt(commit_check=check, prompt=proposed.prompt, number=number)
    if (taken := _taken(row, proposed.content)) is not None:
        made.verdict, made.reasons = "FAIL", [taken]
    elif not proposed.suites and not proposed.unusable:
        made.reasons = [f"{proposed.prompt} names no suite, so nothing can be measured"]
    elif check.is_held:
        made.reasons = ["not evaluated: the pull request comes from a fork"]
    elif not has_room:
        told = f"a check evaluates {settings.CHECK_PROMPTS} prompts at most"
        made.verdict, made.reasons = "INCONCLUSIVE", [told]
    elif proposed.unusable:
        told = f"the suite {', '.join(proposed.unusable)} cannot be used as the commit has it"
        hint = "a model or judge that is new in models.yaml counts once it is merged"
        made.verdict, made.reasons = "ERROR", [f"{told} ({hint})"]
    else:
        _measure(made, content, proposed, now)
    return made


def _live_content(row: Prompt | None, proposed: Proposed) -> VersionContent | None:
    """What is live, when the suites it is measured with become others."""
    if row is None or row.suite_digest == _digest(proposed.suites) or not proposed.suites:
        return None
    live = registry_queries.live_version(row, _TAG)
    return None if live is None else VersionContent.from_json(live.content)


def _digest(suites: Sequence[SuiteSpec]) -> str:
    return combined_digest({suite.name: suite.digest for suite in suites})


def _taken(row: Prompt | None, content: VersionContent | None) -> str | None:
    """A number is published once; whoever is later has to take the next one."""
    if row is None or content is None:
        return None
    published = PromptVersion.objects.filter(prompt=row, number=content.number).first()
    if published is None or published.digest == content.digest:
        return None
    return f"v{content.number} was published meanwhile with another text; take the next number"


def _measure(
    made: CheckedPrompt, content: VersionContent, proposed: Proposed, now: datetime
) -> None:
    """Start its run; what stands against one is the reason why there is none."""
    check = made.commit_check
    # Held: who deletes versions that nothing measures must not take it before its run is there.
    version, _ = ProposedVersion.objects.select_for_update(no_key=True).get_or_create(
        prompt_name=content.name,
        number=content.number,
        digest=content.digest,
        defaults={"commit": check.head, "path": content.path, "content": content.to_json()},
    )
    try:
        with transaction.atomic():
            subject = subjects.proposed(
                version=version,
                suites=_suites(proposed.suites, check.head),
                model=check.model or proposed.model or "",
                gate=proposed.gate,
                tag=_TAG,
            )
            made.run = runs.begin(
                subject, EvalRun.Kind.CHECK, check.requested_by, now, use_cache=True
            )
    except AssayError as error:
        made.verdict, made.reasons = "ERROR", [error.sentence]


def _suites(specs: Sequence[SuiteSpec], commit: str) -> tuple[Suite, ...]:
    """The suites by content, held as the version is. Those that no sync has seen are nobody's
    current ones.
    """
    fresh = {"commit": commit, "is_current": False, "is_proposed": True}
    return tuple(
        Suite.objects.select_for_update(no_key=True).get_or_create(
            name=spec.name, digest=spec.digest, defaults={"spec": spec.to_json(), **fresh}
        )[0]
        for spec in specs
    )
