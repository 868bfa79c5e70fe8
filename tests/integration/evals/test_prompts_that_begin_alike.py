"""A run asks what begins alike together, and lets the first of them warm the server's cache."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from typing import Any

import pytest

from evals import engine
from evals.models import WorkItem
from registry.domain.actor import Actor
from tests.integration.evals.conftest import QUICK, Repository, again, started
from tests.integration.evals.model_server import ModelServer, Reply, Say
from tests.integration.evals.test_beside_the_live_version import MARGIN, live

DOCUMENTS, QUESTIONS = 5, 6
HEAD = "---\nvariables: {question: {type: string}, document: {type: string}}\n---\n"
#: The document is said before the question, and declared after it.
TEMPLATE = f"case {'of the rules ' * 100}{{{{ document }}}} asks {{{{ question }}}}"
#: Long enough that whoever does not wait for the first one comes before it has begun.
SECONDS = 0.05


class Library(Repository):
    """Questions about documents, stored in any order."""

    def rows(self) -> list[dict[str, Any]]:
        rows = [
            {
                "id": f"{document}-{question}",
                "variables": {
                    "document": f"document {document} " * 100,
                    "question": f"question {question}",
                },
                "expected": "yes",
            }
            for document in range(DOCUMENTS)
            for question in range(QUESTIONS)
        ]
        return random.Random(1).sample(rows, len(rows))


class Log:
    """What the server is asked, and when. A document's number stands behind the rules."""

    def __init__(self, server: ModelServer) -> None:
        self.came: dict[str, list[float]] = defaultdict(list)
        self.all: list[float] = []
        self._lock = threading.Lock()
        server.reply = self.reply

    def reply(self, question: str, _nth: int) -> Reply:
        if not question.startswith("case "):
            return Say("yes")
        with self._lock:
            now = time.monotonic()
            self.came[question.split("document ")[1].split(maxsplit=1)[0]].append(now)
            self.all.append(now)
        return Say("yes", seconds=SECONDS)


def library(server: ModelServer, **changes: Any) -> Repository:
    versions = {
        f"prompts/oracle/v{number}.jinja2": f"{HEAD}{TEMPLATE} {number}".encode()
        for number in (1, 2)
    }
    return Library(server.url, **{"concurrency": 16, "more": versions, **changes})


@pytest.mark.parametrize("is_compared", [False, True])
def test_the_first_about_each_document_goes_alone_and_all_others_after_it(
    server: ModelServer, editor: Actor, db: None, is_compared: bool
) -> None:
    if is_compared:
        known = library(server)
        live(known, editor, more=known.more, policy={"margin": 0.2, "min_pass_rate": 0.3})
    else:
        library(server).publish()
    log = Log(server)
    run = started(editor, version=2 if is_compared else 1, use_cache=False)
    engine.work(run.pk, limits=QUICK)
    assert again(run).verdict == "PASS", again(run).reasons

    assert len(log.all) == DOCUMENTS * QUESTIONS * (2 if is_compared else 1)
    assert len(log.came) == DOCUMENTS
    first, second, *_ = sorted(log.all)
    assert second - first > SECONDS  # the rules, which all of them share
    for times in log.came.values():
        first, second, *_ = sorted(times)
        assert second - first > SECONDS  # the document, once for both versions


def test_the_work_is_in_the_order_of_the_prompts_and_not_of_the_file(
    server: ModelServer, editor: Actor, db: None
) -> None:
    library(server).publish()
    order = WorkItem.objects.filter(run=started(editor)).order_by("position")
    assert list(order.values_list("case", flat=True)) == [
        f"{document}-{question}" for document in range(DOCUMENTS) for question in range(QUESTIONS)
    ]


def test_a_run_that_may_stop_early_keeps_its_own_order(
    server: ModelServer, editor: Actor, db: None
) -> None:
    library(server, policy={**MARGIN, "early_stop": True}).publish()
    order = WorkItem.objects.filter(run=started(editor)).order_by("position")
    cases = list(order.values_list("case", flat=True))
    assert sorted(cases) != cases
    assert sorted(cases) == sorted(row["id"] for row in library(server).rows())
