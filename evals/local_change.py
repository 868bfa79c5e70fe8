"""Whether a change of a few prompts leaves every suite as it was."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from evals.domain.suite import suite_path
from evals.models import Suite
from registry.domain.change import Locality, WholeNeededError
from registry.domain.files import Files

#: The finding about a judge's prompt that was edited.
JUDGE_CHANGED = "published_judge_changed"
#: Where suites and what they are made of lie.
_FOLDERS = ("suites/", "datasets/", "rubrics/", "calibration/")


def check_local(locality: Locality, files: Files, unknown: Iterable[str]) -> None:
    """A local change is one that no suite has to be read for: all are as they were, and there was
    nothing to say about any. Those that are `unknown` must not be there.

    Raises WholeNeededError.
    """
    if any(path.startswith(_FOLDERS) for path in locality.paths):
        raise WholeNeededError("suites, or what they are made of, changed")
    if any(
        found.path.startswith(_FOLDERS) or found.code == JUDGE_CHANGED
        for found in locality.findings
    ):
        raise WholeNeededError("a suite is read again as long as there is something to say")
    if Suite.objects.filter(is_current=True, sources__has_any_keys=sorted(locality.paths)).exists():
        raise WholeNeededError("a suite was read from a file that changed")
    for name in unknown:
        with suppress(KeyError):
            files.read(suite_path(name))
            raise WholeNeededError(f"the suite {name} has to be read")
