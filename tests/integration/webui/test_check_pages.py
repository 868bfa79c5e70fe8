"""Checks of proposed commits on pages: what is proposed is shown and never trusted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from evals import commit_checks
from evals.models import CommitCheck, EvalRun
from registry.domain.actor import Actor
from tests.integration.evals.conftest import Repository
from tests.integration.evals.model_server import ModelServer
from tests.integration.evals.proposals import BETTER, Host, asked, worked
from tests.integration.webui.conftest import assert_nothing_inline, text_of
from tests.integration.webui.test_page_costs import CHECKS, MOST

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE = "<script>alert(1)</script> ](javascript:alert(1)) ![x](http://evil.example/x.png)"


@pytest.fixture
def host(tmp_path: Path, settings: Settings, repository: Repository) -> Host:
    wanted = repository.with_(cases=60, policy={"margin": 0.1, "min_pass_rate": 0.5})
    return Host(tmp_path, settings, wanted)


def test_a_check_is_found_and_read(
    host: Host,
    server: ModelServer,
    editor: Actor,
    browser: Client,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    assert "No commit was checked yet." in text_of(browser.get("/checks/"))
    head = host.propose({"prompts/oracle/v2.jinja2": BETTER})
    check = worked(asked(host, head, editor, pull_request=7, title="Ask better."))
    listed = browser.get("/checks/")
    assert_nothing_inline(listed)
    assert "Ask better. pull request 7" in text_of(listed)
    one = browser.get(f"/checks/{check.pk}")
    assert_nothing_inline(one)
    page = text_of(one)
    for words in ("PASS", "oracle v2", "the run", "oracle v1 → v2", "certifies nothing"):
        assert words in page, words
    [run] = EvalRun.objects.filter(checked__commit_check=check)
    assert f"/runs/{run.pk}" in one.content.decode()
    assert "(proposed)" in text_of(browser.get(f"/runs/{run.pk}"))
    for path in CHECKS:
        with django_assert_max_num_queries(MOST, info=path):
            assert browser.get(path.format(check=check.pk, run=run.pk)).status_code == 200


def test_what_a_stranger_wrote_stays_text(
    host: Host, server: ModelServer, editor: Actor, browser: Client
) -> None:
    prompt = f"---\nvariables:\n  question: {{type: string}}\n---\n{HOSTILE} {{{{ question }}}}"
    head = host.propose({"prompts/oracle/v2.jinja2": prompt, f"prompts/{'<b>'}.txt": "x"})
    check = worked(asked(host, head, editor, pull_request=8, title=HOSTILE))
    for path in ("/checks/", f"/checks/{check.pk}"):
        answer = browser.get(path)
        assert_nothing_inline(answer)
        body = answer.content.decode()
        assert "<script>alert" not in body
        assert "<b>" not in body
        assert 'href="javascript' not in body
        assert 'src="http' not in body
        assert "<script>alert(1)</script>" in text_of(answer), "it can be read as it is"


def test_a_change_as_large_as_its_author_likes_is_a_page_that_can_be_opened(
    host: Host, editor: Actor, browser: Client
) -> None:
    broken = {f"prompts/p{n}/v1.jinja2": "{% broken" for n in range(450)}
    long = "\n".join(f"line {n} of an essay" for n in range(8_000))
    check = worked(asked(host, host.propose({**broken, "prompts/oracle/v2.jinja2": long}), editor))
    assert len(check.change["findings"]) >= 450
    answer = browser.get(f"/checks/{check.pk}")
    assert len(answer.content) < 400_000
    page = text_of(answer)
    assert "… (cut)" in page
    prompts, findings = (len(check.change[key]) for key in ("prompts", "findings"))
    assert prompts == 451
    for more in (prompts - 200, findings - 200):
        assert f"and {more} more" in page


def test_a_check_that_goes_on_shows_how_far_it_is_and_is_stopped(
    host: Host,
    server: ModelServer,
    editor: Actor,
    browser: Client,
    as_role: Callable[[str], Client],
) -> None:
    check = asked(host, host.propose({"prompts/oracle/v2.jinja2": BETTER}), editor)
    page = f"/checks/{check.pk}"
    assert "A worker reads the commit" in text_of(browser.get(page))
    assert "every 3s" in browser.get(page).content.decode()
    viewer = as_role("viewer")
    assert "Stop it" not in text_of(viewer.get(page))
    assert viewer.post(f"{page}/cancel").status_code == 403
    assert "its runs stop" in text_of(browser.post(f"{page}/cancel", follow=True))
    check.refresh_from_db()
    assert (check.status, check.is_cancelled) == (CommitCheck.Status.DONE, True)
    assert "every 3s" not in browser.get(page).content.decode()
    assert "cancelled by user:ada" in text_of(browser.get(page))
    assert check.finished_at is not None
    assert check.finished_at <= timezone.now()


def test_the_page_of_a_check_that_was_deleted_says_how_long_they_are_kept(
    host: Host, server: ModelServer, editor: Actor, browser: Client
) -> None:
    check = worked(asked(host, host.propose({"README.md": "Hello"}), editor))
    later = timezone.now() + timedelta(days=91)
    assert commit_checks.prune_checks(now=later) == 1
    gone = browser.get(f"/checks/{check.pk}")
    assert gone.status_code == 404
    assert_nothing_inline(gone)
    assert f"there is no check {check.pk}" in text_of(gone)
    assert "checks are deleted 90 days after they ended" in text_of(gone)
