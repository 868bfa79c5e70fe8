"""A database with many results, and a worker that stores many: page times and memory.

One real run is evaluated and its result copied until RESULTS are stored; then pages of the API are
asked for with a token, through the whole of Django. The promise is 100 ms for a page; the report
of a run adds up all its results. The first requests of the process, which load code, do not count.
After it the memory of a worker is watched while it
evaluates CASES cases on a model that answers at once (`fast_model.py`): what a worker holds must
not grow with what it has stored.

    python benchmarks/many_results.py [RESULTS] [CASES]
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from eval_overhead import evaluate, plan, publish
from fast_model import fast_model
from own_database import in_fresh_process, own_database
from table import percentile, show

_FEW, _CONCURRENCY, _ASKED = 40, 64, 30


def main(results: int, cases: int) -> None:
    """Pages first, then the worker."""
    with tempfile.TemporaryDirectory() as scratch, fast_model(0.0) as url:
        with own_database(Path(scratch) / "pages"):
            in_fresh_process(publish, url, _FEW, _CONCURRENCY)
            run, _ = in_fresh_process(plan, "prompt-0")
            in_fresh_process(evaluate, run, _FEW)
            seconds = in_fresh_process(multiply, run, results)
            show(
                f"pages over {results:,} stored results (copied in {seconds:.0f} s)",
                ("request", "p50 ms", "p99 ms"),
                in_fresh_process(timed_pages, run),
            )
        with own_database(Path(scratch) / "worker"):
            in_fresh_process(publish, url, cases, _CONCURRENCY)
            run, _ = in_fresh_process(plan, "prompt-0")
            show(
                f"memory of a worker that evaluates {cases:,} cases",
                ("answers stored", "MB"),
                in_fresh_process(watched, run, cases),
            )


def multiply(run: object, results: int) -> float:
    """Copy the run's first item and result until there are that many. Returns seconds."""
    from django.db import connection

    from evals.models import CaseResult, EvalRun, WorkItem

    started = time.perf_counter()
    first = CaseResult.objects.filter(run=run).first()
    assert first is not None
    copy = "'copy-' || n"
    item = f'(SELECT id FROM evals_workitem WHERE run_id = o.run_id AND "case" = {copy})'
    fresh = {"case": copy, "position": "n + 1000", "item_id": item}
    with connection.cursor() as cursor:
        for model, row in ((WorkItem, first.item_id), (CaseResult, first.pk)):
            fields = model._meta.concrete_fields  # noqa: SLF001 - Django documents it
            columns = [field.column for field in fields if not field.primary_key]
            values = ", ".join(fresh.get(column, f'o."{column}"') for column in columns)
            names = ", ".join(f'"{column}"' for column in columns)
            table = model._meta.db_table  # noqa: SLF001
            cursor.execute(
                f"INSERT INTO {table} ({names}) SELECT {values} "
                f"FROM {table} o, generate_series(1, %s) n WHERE o.id = %s",
                [results - _FEW, row],
            )
        cursor.execute("ANALYZE")
    EvalRun.objects.filter(pk=run).update(total=results, done=results)
    return time.perf_counter() - started


def timed_pages(run: object) -> list[tuple[str, str, str]]:
    """Milliseconds of the run, of its first page, and of a page far behind."""
    from rest_framework.test import APIClient

    from registry import access

    scopes = ("lookup", "read")
    _, secret = access.create_token(
        name="bench", scopes=scopes, prompts=(), created_by="bench", expires_at=None
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    page = f"/api/v1/runs/{run}/results"
    behind = page  # the first request loads code
    for _ in range(100):
        behind = client.get(behind).json()["next"]
    pages = {"all runs": "/api/v1/runs", "the run": f"/api/v1/runs/{run}"}
    pages |= {"its first results": page, "results a hundred pages on": behind}
    pages |= {
        "its report": f"/api/v1/runs/{run}/report",
        "its changed cases": f"/api/v1/runs/{run}/cases?page_size=20&change=failing",
    }
    return [(name, *_timed(client, address)) for name, address in pages.items()]


def _timed(client: object, address: str) -> tuple[str, str]:
    spent = []
    for _ in range(_ASKED):
        started = time.perf_counter()
        answer = client.get(address)  # type: ignore[attr-defined]
        spent.append((time.perf_counter() - started) * 1000)
        assert answer.status_code == 200, answer.content
    return f"{percentile(spent, 50):.1f}", f"{percentile(spent, 99):.1f}"


def watched(run: object, cases: int) -> list[tuple[str, str]]:
    """The worker's memory whenever another tenth of the answers is in."""
    from evals.models import EvalRun

    seen: list[tuple[str, str]] = []
    is_over = threading.Event()

    def watch() -> None:
        process = psutil.Process()
        while not is_over.wait(0.2):
            done = EvalRun.objects.values_list("done", flat=True).get(pk=run)
            if done * 10 >= cases * (len(seen) + 1):
                seen.append((f"{done:,}", f"{process.memory_info().rss / 1e6:.0f}"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    spent = evaluate(run, cases)
    is_over.set()
    watcher.join()
    took = f"{spent.wall:.0f} s, {spent.own_cpu / cases * 1000:.2f} ms CPU a case"
    return [*seen, ("peak", f"{spent.peak_mb:.0f}"), ("it took", took)]


if __name__ == "__main__":
    main(*[int(word) for word in sys.argv[1:3]] or (200_000, 20_000))
