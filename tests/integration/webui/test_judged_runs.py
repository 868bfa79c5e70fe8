"""What judges said is on the page of a run, of pairs in both orders."""

from __future__ import annotations

from django.test import Client
from pytest_django import DjangoAssertNumQueries

from evals.models import EvalRun
from registry.domain.actor import Actor
from tests.integration.evals.conftest import Repository, umpire
from tests.integration.evals.judged import Bench, evaluated, trusted
from tests.integration.evals.model_server import ModelServer
from tests.integration.evals.test_judges_in_a_run import beside_live, the_better
from tests.integration.evals.umpire import Umpire
from tests.integration.webui.conftest import text_of
from tests.unit.evals.judges import PAIRWISE

__all__ = ["umpire"]


def test_both_orders_of_a_pair_with_their_reasons(
    repository: Repository, server: ModelServer, umpire: Umpire, editor: Actor, browser: Client
) -> None:
    umpire.judge = the_better
    run = beside_live(repository, umpire, editor, server, Bench(rubric=PAIRWISE))
    page = text_of(browser.get(f"/runs/{run.pk}?change=regressed"))
    assert "fail helpful 0.00 worse in both orders" in page
    assert '; the judge: "because"; in the other order: "because"' in page


def test_samples_stand_beside_their_mean_and_cost_no_more_questions(
    repository: Repository,
    umpire: Umpire,
    editor: Actor,
    browser: Client,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    trusted(repository, umpire, editor, Bench(labels=60, judge={"samples": 3, "temperature": 0.5}))
    for _ in range(2):
        evaluated(editor)
    first, second = EvalRun.objects.order_by("created_at")[:2]
    with django_assert_max_num_queries(12):
        page = text_of(browser.get(f"/runs/{first.pk}?change=passing"))
    assert "pass helpful 1.00 of 1.0, 1.0, 1.0" in page
    with django_assert_max_num_queries(12):
        browser.get(f"/compare/?run={first.pk}&run={second.pk}")
