"""A change of a prompt repository: what was published, what is proposed, and how far it reaches."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assay.folder import Folder
from assay.git import Clone, CommitFiles, clone_at
from registry.domain.layout import REGISTERS

if TYPE_CHECKING:
    from evals.domain.impact import Impact
    from evals.domain.lint import Linted
    from registry.domain.token_count import CountTokens

#: What a prompt may need beside its own folder.
_SHARED = ("prompts/partials", "suites", "datasets", "rubrics", "calibration")


@dataclass(frozen=True)
class Change:
    """`base` is the commit that the change started from; `head` None: the files as they lie there.

    `before` and `after` hold what `impact` reaches, or everything.
    """

    clone: Clone
    base: str
    head: str | None
    impact: Impact
    before: CommitFiles
    after: CommitFiles | Folder

    def lint(self, count_tokens: CountTokens, *, show_all: bool = False) -> Linted:
        """What the change makes worse; with `show_all`, everything wrong with what it makes."""
        from evals.domain.lint import lint_change, lint_repository

        if not show_all:
            scope, beside = self.impact.scope, self.after.findings
            return lint_change(self.after, self.before, scope, beside, count_tokens)
        whole, base = _view(self.clone, self.head, None), self.clone.files(self.base)
        return lint_repository(whole, whole.findings, base, count_tokens=count_tokens)


def change_of(clone: Clone, base: str, head: str | None = None) -> Change:
    """The change from `base` (a revision) to `head`: since the newest commit they have in common.

    Raises CommitUnknownError, GitFailedError.
    """
    tip = clone.commit(head or "HEAD")
    fork = clone.fork(clone.commit(base), tip)
    there = tip if head is not None else None
    with ThreadPoolExecutor(1) as meanwhile:
        # Git looks at every file of the working tree, and loading the linter takes as long.
        asked = meanwhile.submit(clone.changed, fork, there)
        from evals.domain.impact import impact_of

        changed = asked.result()
    around = {*changed, *REGISTERS}
    impact = impact_of(_view(clone, there, around), clone.files(fork, around), changed)
    prompts = impact.scope.prompts
    under = None
    if prompts is not None:
        under = {*around, *_SHARED, *(f"prompts/{name}" for name in prompts)}
    before, after = clone.files(fork, under), _view(clone, there, under)
    return Change(clone, fork, there, impact, before, after)


def working_change(folder: Path, base: str) -> Change:
    """The change from `base` to the files of `folder` as they lie there."""
    return change_of(clone_at(folder), base)


def _view(clone: Clone, commit: str | None, under: set[str] | None) -> CommitFiles | Folder:
    if commit is None:
        return Folder(clone.folder, under)
    return clone.files(commit, under)
