"""Lookups while commits are synced and an evaluation runs, all on the same processors.

`python benchmarks/lookup_beside_work.py [PROMPTS] [SECONDS]`, and the last table of `lookup.py`. A
whole tree (`assay serve`: web, stream, worker, scheduler, PostgreSQL, Valkey) over the same
prompts. Somebody commits new versions of prompts and syncs them, in a process of its own, again and
again; the worker evaluates a prompt against a model that answers at once (`fast_model.py`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from fast_model import TEXT, fast_model
from lookup_client import BYTES, CONNECTIONS, VERSIONS, Measured, filled, measure
from running_assay import git, serving
from table import percentile, show

from assay.client import Assay
from config.serve import Tree

#: More than are evaluated while lookups are measured. The model takes this long for each.
_CASES, _MODEL_SECONDS = 20_000, 0.05
_MOVING = 200
_JUDGED = "judged"
_COMMITS = """
import pathlib, subprocess, sys, time
import django
django.setup()
from registry import sync
repository, moving = pathlib.Path(sys.argv[1]), int(sys.argv[2])
git = ["git", "-c", "user.name=Bench", "-c", "user.email=bench@localhost", "-C", str(repository)]
for number in range(2, 1000):
    for prompt in range(20):
        folder = repository / f"prompts/moving-{(number * 7 + prompt) % moving:05}"
        version = len(list(folder.glob("v*.jinja2"))) + 1
        (folder / f"v{version}.jinja2").write_text(f"Version {version} of it, made anew.")
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", f"Change {number}."], check=True)
    assert not sync.sync().error
    time.sleep(1)
"""


#: Until there were several syncs.
_LEAST_SECONDS = 20.0


@dataclass(frozen=True)
class Beside:
    """The lookups, what was done meanwhile, and the load average over the last minute."""

    lookups: Measured
    syncs: int
    versions: int
    cases: int
    load: float


def main(prompts: int, seconds: float) -> None:
    """Measure, and print a table."""
    with tempfile.TemporaryDirectory() as scratch:
        found = beside_work(Path(scratch), prompts, max(seconds, _LEAST_SECONDS))
    spent, size = found.lookups.spent, f"{VERSIONS} versions × {BYTES} bytes"
    show(
        f"{prompts} prompts × {size}, {CONNECTIONS} connections, beside {found.syncs} syncs "
        f"({found.versions} versions published) and a run ({found.cases} cases answered); "
        f"load average {found.load:.1f}",
        ("lookup", "a second", "CPU µs", "p50 ms", "p99 ms", "goal p99"),
        [
            (
                "fast path",
                f"{found.lookups.rate:.0f}",
                f"{found.lookups.cpu:.0f}",
                f"{percentile(spent, 50):.2f}",
                f"{percentile(spent, 99):.2f}",
                "< 10",
            )
        ],
    )


def beside_work(scratch: Path, prompts: int, seconds: float) -> Beside:
    """Measure for `seconds`, with everything at work."""
    repository = scratch / "repository"
    with ExitStack() as stack:
        _make(repository, stack.enter_context(fast_model(_MODEL_SECONDS)))
        tree, token = stack.enter_context(serving(scratch, repository))
        assay = stack.enter_context(Assay(tree.base_url, token))
        paths, lookups = filled(tree.environment, prompts)
        synced = assay.sync()
        assert not synced.error, synced
        [worker] = psutil.Process(tree.pid("web")).children()
        port = int(tree.base_url.rpartition(":")[2])
        run = assay.evaluate(_JUDGED, 1).run
        _until_it_runs(assay, run)
        with _committing(tree, repository):
            before = _done(tree)
            found = measure(port, paths, lookups, seconds, worker)
            after = _done(tree)
        assay.cancel(run)
    load = psutil.getloadavg()[0]
    syncs, versions, cases = (late - early for early, late in zip(before, after, strict=True))
    assert syncs > 0, "nothing was synced meanwhile: measure for longer"
    assert cases > 0, "nothing was evaluated meanwhile"
    return Beside(found, syncs, versions, cases, load)


def _until_it_runs(assay: Assay, run: str) -> None:
    """Until the model's fingerprint is taken and answers come in."""
    while (now := assay.run(run)).progress.done == 0:
        assert not now.is_over, now
        time.sleep(0.2)


def _done(tree: Tree) -> tuple[int, int, int]:
    """Syncs that published something, versions and cases until now."""
    with psycopg.connect(tree.environment["DATABASE_URL"]) as link:
        row = link.execute(
            "SELECT (SELECT count(*) FROM registry_syncrun WHERE new_versions > 0),"
            " (SELECT count(*) FROM registry_promptversion),"
            " (SELECT count(*) FROM evals_caseresult)"
        ).fetchone()
    assert row is not None
    return row


@contextmanager
def _committing(tree: Tree, repository: Path) -> Iterator[None]:
    """New versions of some prompts in a commit, and a sync of it, in another process."""
    command = [sys.executable, "-c", _COMMITS, str(repository), str(_MOVING)]
    child = subprocess.Popen(command, env=dict(tree.environment))
    try:
        yield
    finally:
        child.terminate()
        child.wait()


def _make(repository: Path, model: str) -> None:
    """Prompts that move, and one with a suite."""
    pins = {"fast": {"served_id": "fast", "revision": "r1", "base_url": model, "concurrency": 32}}
    dataset = "\n".join(
        json.dumps({"id": f"c{n}", "variables": {"question": f"Ticket {n}?"}, "expected": TEXT})
        for n in range(_CASES)
    )
    head = "---\nvariables:\n  question: {type: string}\n---\n"
    files = {
        "models.yaml": json.dumps({"models": pins}),
        "gates.yaml": json.dumps({"policies": {"gate": {}}, "tags": {"stable": "gate"}}),
        f"prompts/{_JUDGED}/prompt.yaml": json.dumps({"suites": [_JUDGED], "model": "fast"}),
        f"prompts/{_JUDGED}/v1.jinja2": head + "Is the customer happy? {{ question }}\n",
        f"suites/{_JUDGED}.yaml": json.dumps(
            {"dataset": f"datasets/{_JUDGED}.jsonl", "checks": [{"type": "exact"}]}
        ),
        f"datasets/{_JUDGED}.jsonl": dataset,
        **{f"prompts/moving-{n:05}/v1.jinja2": f"Version 1 of {n}.\n" for n in range(_MOVING)},
    }
    for path, content in files.items():
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_text(content)
    git(repository, "init", "-q", "-b", "main")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "Prompts.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10_000, float((sys.argv[2:] or ["20"])[0]))
