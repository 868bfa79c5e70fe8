"""Follow the repository: store its suites, and tell the registry what proof must be made with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.digest import digest
from core.findings import Finding
from evals.domain.suite import SuiteSpec, lint_suites, parse_suite
from evals.models import Suite
from registry import certificates
from registry.domain.change import RepositoryChange
from registry.models import Prompt

_BATCH = 200


def combined_digest(suites: Mapping[str, str]) -> str:
    """One digest over the suites of a prompt, name -> digest; what its certificates name."""
    return digest(sorted([name, value] for name, value in suites.items()))


def follow_repository(change: RepositoryChange) -> tuple[Finding, ...]:
    """Store every suite a prompt names; certificates made with other suites expire.

    Joins the sync's transaction. Returns what is wrong with suites and datasets. A prompt that
    names no suite, or one that is missing or broken, can prove nothing until it is mended.
    """
    prompts = change.parsed.prompts
    named = sorted({name for prompt in prompts.values() for name in prompt.suites})
    specs = {name: parse_suite(name, change.files)[0] for name in named}
    usable = [spec for spec in specs.values() if spec is not None]
    _store(usable, change.commit)
    digests = {spec.name: spec.digest for spec in usable}
    wanted = {name: _digest_of(parsed.suites, digests) for name, parsed in prompts.items()}
    _require(wanted, change)
    return lint_suites(change.files, change.parsed)


def _digest_of(names: Iterable[str], digests: Mapping[str, str]) -> str:
    """The prompt's combined digest; empty when it names none, or one that cannot be used."""
    chosen = {name: digests.get(name, "") for name in names}
    return combined_digest(chosen) if chosen and all(chosen.values()) else ""


def _store(specs: Iterable[SuiteSpec], commit: str) -> None:
    """Exactly these suites are current afterwards. Old contents stay for the runs they served."""
    wanted = {(spec.name, spec.digest): spec for spec in specs}
    current = {
        (name, value): key
        for key, name, value in Suite.objects.filter(is_current=True).values_list(
            "pk", "name", "digest"
        )
    }
    retired = [key for content, key in current.items() if content not in wanted]
    if retired:
        Suite.objects.filter(pk__in=retired).update(is_current=False)
    fresh = [wanted[content] for content in wanted if content not in current]
    if fresh:
        Suite.objects.bulk_create(
            [
                Suite(name=spec.name, digest=spec.digest, spec=spec.to_json(), commit=commit)
                for spec in fresh
            ],
            batch_size=_BATCH,
            # A suite may go back to a content it had before.
            update_conflicts=True,
            unique_fields=["name", "digest"],
            update_fields=["is_current"],
        )


def _require(wanted: Mapping[str, str], change: RepositoryChange) -> None:
    for prompt in Prompt.objects.filter(name__in=wanted.keys()):
        if prompt.suite_digest != wanted[prompt.name]:
            certificates.require_suites(
                prompt=prompt, suite_digest=wanted[prompt.name], now=change.now
            )
