"""Everything wrong with a prompt repository: files, prompts, suites and rules together.

The one answer that `assay lint`, `assay ci` and the server's check of a pull request give.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.findings import Finding
from evals.domain.lint.scope import Scope
from evals.domain.suite.lint import lint_suites
from registry.domain.files import Files
from registry.domain.lint import (
    Ignore,
    State,
    Subject,
    apply_ignores,
    check_files,
    check_rules,
    ignorable_errors,
)
from registry.domain.lint.ignoring import UNUSED
from registry.domain.repository import ParsedRepository, parse_repository
from registry.domain.spreading import Spread, in_order
from registry.domain.token_count import CountTokens, estimated

__all__ = ["Linted", "Scope", "lint_change", "lint_repository"]


@dataclass(frozen=True)
class Linted:
    """What was found, sorted and each once; `ignored` findings were taken back by comments."""

    parsed: ParsedRepository
    findings: tuple[Finding, ...]
    ignored: int = 0


def lint_repository(
    files: Files,
    beside: Iterable[Finding] = (),
    base: Files | None = None,
    spread: Spread = in_order,
    count_tokens: CountTokens = estimated,
) -> Linted:
    """Lint all of a repository, also against what `base` has published if that is known.

    `beside` are findings about the files themselves; `spread` says where files are read, and
    `count_tokens` how long texts are.
    """
    before = State(base, parse_repository(base)) if base is not None else None
    head = State(files, parse_repository(files, spread=spread))
    subject = Subject(head, before, count_tokens=count_tokens)
    found, ignores = _found(subject, Scope(), sorted(files.paths()), spread)
    result = apply_ignores(sorted({*found, *beside}), ignores, ignorable_errors())
    return Linted(head.parsed, tuple(sorted(result.findings)), result.count)


def lint_change(
    head: Files,
    base: Files,
    scope: Scope,
    beside: Iterable[Finding] = (),
    count_tokens: CountTokens = estimated,
) -> Linted:
    """What a change that reaches as far as `scope` makes worse.

    Findings that `base` has too are left out: the same code and message about the same file.
    `count_tokens` counts the same text alike each time.
    """
    before = State(base, parse_repository(base, only=scope.prompts))
    now = State(head, parse_repository(head, only=scope.prompts))
    paths = sorted(scope.paths or ())
    old, _ = _found(Subject(before, None, scope.paths, count_tokens), scope, paths)
    known = {_identity(finding) for finding in old}
    found, ignores = _found(Subject(now, before, scope.paths, count_tokens), scope, paths)
    fresh = sorted({one for one in (*found, *beside) if _identity(one) not in known})
    result = apply_ignores(fresh, ignores, ignorable_errors())
    # What a comment took back may be among the findings that the base has too.
    kept = [one for one in result.findings if one.code != UNUSED]
    return Linted(now.parsed, tuple(sorted(kept)), result.count)


def _found(
    subject: Subject, scope: Scope, paths: Sequence[str], spread: Spread = in_order
) -> tuple[list[Finding], list[Ignore]]:
    state = subject.head
    found, ignores = check_files(state.files, paths, spread)
    found += state.parsed.findings
    found += lint_suites(state.files, state.parsed, scope.suites)
    found += check_rules(subject)
    return found, ignores


def _identity(finding: Finding) -> tuple[str, str, str]:
    """Without the place, which moves when lines are added above it."""
    return finding.path, finding.code, finding.message
