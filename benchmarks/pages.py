"""Every page of the dashboard over a large installation: server time, queries, bytes to load.

A prompt with three versions is published and copied until there are 10,000, all live; one run of
1,000 cases is evaluated beside the live version for real and copied until there are RUNS, with
their results: 1,000,000 by default. A hundred of the runs are of the prompt whose pages are asked
for. PostgreSQL itself makes the copies (INSERT … SELECT): quicker than COPY from here.

Pages go through the whole of Django with an admin's session, in a process like the web server's;
the floor is a page with the same session that says nothing. They are the routes called `page-…`,
so a new page is measured by itself. The promises are 300 ms at the 95th percentile, twelve queries,
and 150 KB for a first load with nothing in the browser's cache (page, style, scripts, icon, as they
are sent to a browser that takes gzip). "CPU" is what this process spent on a page, "database" what
it waited for answers of PostgreSQL: on a busy machine they say more than the times.

    python benchmarks/pages.py [PROMPTS] [RUNS] [CASES]
"""

from __future__ import annotations

import gzip
import re
import sys
import tempfile
import time
from pathlib import Path

from fast_model import fast_model
from large_installation import evaluate, multiply, publish, surround
from own_database import in_fresh_process, own_database
from table import percentile, show

_GOAL_MS, _GOAL_QUERIES, _GOAL_KB = 300, 12, 150
_ASKED = 20
_OWN_FORM = re.compile(rb'(?:src|href)="(/static/[^"]+)"')


def main(prompts: int, runs: int, cases: int) -> None:
    """Fill it, then ask for every page."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        fast_model(0.0) as url,
        own_database(Path(scratch)),
    ):
        started = time.perf_counter()
        in_fresh_process(publish, url, prompts, cases)
        run = in_fresh_process(evaluate, cases)
        in_fresh_process(multiply, run, runs)
        in_fresh_process(surround)
        filled = time.perf_counter() - started
        rows = in_fresh_process(measured, run)
        show(
            f"pages over {prompts:,} prompts, {3 * prompts:,} versions, {runs:,} runs, "
            f"{runs * cases:,} results (made in {filled:.0f} s); "
            f"goals: p95 {_GOAL_MS} ms, {_GOAL_QUERIES} queries, {_GOAL_KB} KB",
            ("page", "p50 ms", "p95 ms", "CPU ms", "database ms", "queries", "first load KB", ""),
            rows,
        )
        if any(row[-1] for row in rows):
            sys.exit("a page is over its goal")


def measured(run: object) -> list[tuple[str, ...]]:
    """A row for the floor, and one for each page."""
    from django.conf import settings
    from django.http import HttpRequest, HttpResponse
    from django.test import Client
    from django.urls import path

    from config import urls
    from evals.models import CommitCheck, EvalRun
    from registry.models import ApiToken, User
    from tests.browser.addresses import address, pages
    from webui.people import page

    @page()
    def floor(_request: HttpRequest) -> HttpResponse:
        return HttpResponse("ok")

    settings.WEBHOOKS = (("ops", "https://ops.example.org/in", "s" * 20),)
    urls.urlpatterns.insert(0, path("floor/", floor, name="floor"))
    client = Client(headers={"Accept-Encoding": "gzip"})
    client.force_login(
        User.objects.get(username="admin"), backend=settings.AUTHENTICATION_BACKENDS[-1]
    )
    arguments = {
        "name": "prompt-0",
        "canary": "prompt-0",
        "number": 3,
        "model": "fast",
        "run": run,
        "other": EvalRun.objects.exclude(pk=run).values_list("pk", flat=True)[0],
        "person": User.objects.get(username="admin").pk,
        "token": ApiToken.objects.first().pk,
        "channel": "webhook ops",
        "check": CommitCheck.objects.values_list("pk", flat=True)[0],
    }
    rows = [("nothing (floor)", *_asked(client, "/floor/"))]
    rows += [(route, *_asked(client, address(route, arguments))) for route in pages()]
    return rows


def _asked(client: object, path: str) -> tuple[str, ...]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(path)  # type: ignore[attr-defined]  # loads code
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(path)  # type: ignore[attr-defined]
    queries = asked.captured_queries  # the next request clears the log
    assert answer.status_code == 200, (path, answer.status_code, answer.content[:500])
    kilobytes = (len(answer.content) + _assets(client, answer)) / 1000
    spent, cpu = [], time.process_time()
    for _ in range(_ASKED):
        started = time.perf_counter()
        client.get(path)  # type: ignore[attr-defined]
        spent.append((time.perf_counter() - started) * 1000)
    cpu = (time.process_time() - cpu) * 1000 / _ASKED
    p95 = percentile(spent, 95)
    over = p95 > _GOAL_MS or len(queries) > _GOAL_QUERIES or kilobytes > _GOAL_KB
    return (
        f"{percentile(spent, 50):.1f}",
        f"{p95:.1f}",
        f"{cpu:.1f}",
        f"{1000 * sum(float(query['time']) for query in queries):.0f}",
        str(len(queries)),
        f"{kilobytes:.0f}",
        "over" if over else "",
    )


def _assets(client: object, page: object) -> int:
    """Bytes of what the page loads beside itself."""
    body, total = page.content, 0  # type: ignore[attr-defined]
    if page.headers.get("Content-Encoding") == "gzip":  # type: ignore[attr-defined]
        body = gzip.decompress(body)
    for found in set(_OWN_FORM.findall(body)):
        answer = client.get(found.decode())  # type: ignore[attr-defined]
        assert answer.status_code == 200, found
        total += len(b"".join(answer.streaming_content) if answer.streaming else answer.content)
    return total


if __name__ == "__main__":
    main(*[int(word) for word in sys.argv[1:4]] or (10_000, 1000, 1000))
