"""A pull request is checked: linted, measured beside what is live, and nothing served changes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from evals import commit_checks, engine, queries
from evals.commit_checks.requesting import CheckDoneError
from evals.models import CheckedPrompt, CommitCheck, EvalRun, ProposedVersion, Suite
from registry import lookup, promotion, sync
from registry.domain.actor import Actor, NotAllowedError, Role
from registry.errors import VersionUnknownError
from registry.models import Certificate, ModelVersion, OutboxMessage, PromptVersion
from registry.models.ledger import TagEvent
from tests.integration.evals.conftest import QUICK, Repository, again, started
from tests.integration.evals.model_server import ModelServer, Say
from tests.integration.evals.proposals import BETTER, HEADER, Host, asked, suite, told, worked

pytestmark = pytest.mark.django_db(transaction=True)
V2 = "prompts/oracle/v2.jinja2"


@pytest.fixture
def host(tmp_path: Path, settings: Settings, repository: Repository) -> Host:
    wanted = repository.with_(cases=60, policy={"margin": 0.1, "min_pass_rate": 0.5})
    return Host(tmp_path, settings, wanted)


def served() -> list[object]:
    """Everything that decides what is served, or what may be promoted."""
    return [
        list(table.objects.order_by("pk").values())
        for table in (PromptVersion, TagEvent, Certificate, ModelVersion)
    ] + [list(Suite.objects.filter(is_current=True).order_by("pk").values())]


def test_a_good_version_passes_and_nothing_that_is_served_changes(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    fingerprint_aside = ModelVersion.objects.values_list("name", "digest", "pin", "is_current")
    before, pins = served()[:3], list(fingerprint_aside)
    head = host.propose({V2: BETTER})
    check = worked(asked(host, head, editor))
    assert (check.verdict, check.title) == ("PASS", "Ask better."), check.sentences
    assert told(check, editor) == {"oracle": "PASS"}
    assert server.case_calls["case 1 better"] == server.case_calls["case 1"] == 1
    assert (served()[:3], list(fingerprint_aside)) == (before, pins)
    run = CheckedPrompt.objects.get().run
    assert run is not None
    assert (run.kind, run.version, run.certificate, str(run.proposed)) == (
        "check",
        None,
        None,
        "oracle@v2",
    )
    with pytest.raises(VersionUnknownError):
        promotion.promote(
            target=promotion.Target("oracle", "stable", 2),
            actor=Actor("user:petra", Role.PROMOTER.scopes),
        )
    with pytest.raises(VersionUnknownError):
        lookup.by_version("oracle", 2)


def test_the_database_refuses_a_check_that_proves_something(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    check = worked(asked(host, host.propose({V2: BETTER}), editor))
    run = EvalRun.objects.get(checked__commit_check=check)
    published = PromptVersion.objects.get()
    for change in ({"version": published}, {"kind": "gate"}, {"proposed": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            EvalRun.objects.filter(pk=run.pk).update(**change)


def test_a_worse_version_fails_and_the_report_shows_which_answers_flipped(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    def worse(question: str, _nth: int) -> Say:
        is_wrong = question.endswith("better") and int(question.split()[1]) < 30
        return Say("no @everyone ```" if is_wrong else "yes", cached_tokens=4)

    server.reply = worse
    check = worked(asked(host, host.propose({V2: BETTER}), editor))
    assert check.verdict == "FAIL"
    report = check.report_markdown
    assert report.startswith("#### ❌ FAIL: `oracle v2` beside v1, which is live, on `tiny`")
    assert "| `oracle` | `60` | `100.0 %` | `50.0 %` | `-50.0 points (95 %: -6" in report
    assert "Cases: 30 regressed." in report
    assert "regressed: <code>oracle / c0</code>" in report
    assert "````text\nno @everyone ```\n````" in report
    assert "| `oracle` | `prompt tokens` | `10` | `10` | `+0.0 %" in report
    assert "| `oracle` | `prefix cache hits` | `40.0 %` | `40.0 %` | `+0.0 points` |" in report
    assert "time of an answer (median, ms)" in report
    assert "and 20 more" in report
    comment = check.comment_markdown
    assert comment.startswith("### ❌ FAIL: 1 prompt changed; lint: 0 errors")
    assert "- oracle v2: FAIL: " in comment
    assert report.rstrip() in comment
    assert "+{{ question }} better" in comment


def test_an_error_of_the_lint_fails_without_a_question_too_many(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    head = host.propose({"prompts/oracle/v1.jinja2": HEADER + "{{ question }}!"})
    check = worked(asked(host, head, editor))
    assert (check.verdict, told(check, editor)) == ("FAIL", {})
    assert "lint finds 1 error; the first is in prompts/oracle/v1.jinja2:1" in check.sentences[0]
    assert not server.case_calls


def test_a_change_that_touches_no_prompt_passes_on_its_lint(host: Host, editor: Actor) -> None:
    check = worked(asked(host, host.propose({"README.md": "Hello.\n"}), editor))
    assert (check.verdict, check.report_markdown) == ("PASS", "")
    assert check.sentences == ["lint finds no error", "nothing was evaluated"]


def test_a_new_prompt_has_nothing_beside_it(host: Host, server: ModelServer, editor: Actor) -> None:
    files = {
        "prompts/second/prompt.yaml": "suites: [oracle]\nmodel: tiny\n",
        "prompts/second/v1.jinja2": BETTER,
        "prompts/third/v1.jinja2": "Hello\n",
    }
    check = worked(asked(host, host.propose(files), editor))
    assert told(check, editor) == {"second": "PASS", "third": None}
    assert check.verdict == "PASS"
    assert not server.case_calls["case 1"]


def test_of_several_new_versions_the_newest_is_measured_and_that_is_said(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    both = {V2: BETTER, "prompts/oracle/v3.jinja2": f"{BETTER} yet"}
    check = worked(asked(host, host.propose(both), editor))
    assert check.verdict == "PASS"
    assert (server.case_calls["case 1 better"], server.case_calls["case 1 better yet"]) == (0, 1)
    note = "The change also brings v2: of several versions the newest is measured."
    assert note in check.report_markdown


def test_a_changed_suite_measures_what_is_live_again(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    server.reply = lambda question, _nth: Say("no" if question == "case 61" else "yes")
    check = worked(asked(host, host.propose(suite(62, min_pass_rate=1.0)), editor))
    assert told(check, editor) == {"oracle": "FAIL"}
    prompt = check.prompts.get()
    assert prompt.run is not None
    assert (prompt.number, prompt.run.candidate.number) == (None, 1)
    assert Suite.objects.filter(is_current=True, digest=prompt.run.suites.get().digest).count() == 0


def test_a_proposal_cannot_send_the_model_s_key_somewhere_else(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    with ModelServer(lambda _question, _nth: Say("yes")) as thief:
        models = host.shared.file("models.yaml").replace(server.url, thief.url)
        check = worked(asked(host, host.propose({V2: BETTER, "models.yaml": models}), editor))
        assert not thief.calls
    assert server.case_calls["case 1 better"] == 1
    assert told(check, editor) == {"oracle": "PASS"}


def test_a_proposal_is_judged_by_the_policies_of_the_branch(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    server.reply = lambda question, _nth: Say("no" if question.endswith("better") else "yes")
    lax = '{"policies": {"gate": {"min_cases": 1, "min_pass_rate": 0}}, "tags": {"stable": "gate"}}'
    check = worked(asked(host, host.propose({V2: BETTER, "gates.yaml": lax}), editor))
    assert told(check, editor) == {"oracle": "FAIL"}


def test_a_commit_that_only_a_fork_has_is_found_where_the_host_keeps_it(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    head = host.propose({V2: BETTER}, ref="refs/pull/7/head")
    assert worked(asked(host, head, editor)).verdict == "PASS"


def test_a_fork_that_nobody_let_in_is_linted_and_no_model_is_asked(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    head = host.propose({V2: BETTER}, ref="refs/pull/7/head")
    check = worked(asked(host, head, editor, pull_request=7, is_held=True))
    assert (check.verdict, told(check, editor)) == ("INCONCLUSIVE", {"oracle": None})
    assert "'assay: evaluate'" in check.sentences[1]
    assert not server.calls
    assert worked(asked(host, head, editor, pull_request=7)).verdict == "PASS"


def test_a_newer_head_ends_the_check_of_the_older_one(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    older = asked(host, host.propose({V2: BETTER}), editor, pull_request=7)
    commit_checks.advance(older.pk)
    run = EvalRun.objects.get()
    newer = asked(host, host.propose({V2: BETTER + " still"}), editor, pull_request=7)
    older.refresh_from_db()
    run.refresh_from_db()
    assert (older.status, older.verdict, older.is_cancelled) == ("done", "ERROR", True)
    assert older.sentences == [f"superseded by {newer.head[:12]}"]
    assert run.status == "cancelled"
    assert worked(newer).verdict == "PASS"


def test_asking_twice_is_asking_once_and_another_pull_request_goes_on(
    host: Host, editor: Actor
) -> None:
    head = host.propose({V2: BETTER})
    first, again = asked(host, head, editor), asked(host, head, editor, pull_request=7)
    other = asked(host, head, editor, base="0" * 40, pull_request=8)
    assert first.pk == again.pk != other.pk
    assert again.pull_request == 7
    assert CommitCheck.objects.filter(status="queued").count() == 2


def test_so_many_checks_go_on_at_once_the_oldest_first(
    host: Host, editor: Actor, settings: Settings
) -> None:
    settings.CHECKS_AT_ONCE = 1
    first = asked(host, host.propose({V2: BETTER}), editor)
    second = asked(host, host.propose({V2: BETTER + "!"}), editor)
    commit_checks.advance(second.pk)
    assert [CommitCheck.objects.get(pk=one.pk).status for one in (first, second)] == [
        "running",
        "queued",
    ]
    worked(first)
    assert worked(second).verdict == "PASS"


def test_only_so_many_prompts_are_measured(
    host: Host, server: ModelServer, editor: Actor, settings: Settings
) -> None:
    settings.CHECK_PROMPTS = 1
    more = {
        "prompts/second/prompt.yaml": "suites: [oracle]\nmodel: tiny\n",
        "prompts/second/v1.jinja2": BETTER,
    }
    check = worked(asked(host, host.propose({V2: BETTER, **more}), editor))
    assert told(check, editor) == {"oracle": "PASS", "second": "INCONCLUSIVE"}
    assert check.verdict == "INCONCLUSIVE"


def test_a_number_that_was_published_meanwhile_is_taken(host: Host, editor: Actor) -> None:
    head = host.propose({V2: BETTER})
    published = PromptVersion.objects.get()
    published.pk, published.number, published.digest = None, 2, "d" * 64
    published.save(force_insert=True)
    check = worked(asked(host, head, editor))
    assert told(check, editor) == {"oracle": "FAIL"}
    assert "take the next number" in check.sentences[1]


def test_a_model_that_is_not_there_yet_is_an_error_and_never_a_pass(
    host: Host, editor: Actor
) -> None:
    files = {V2: BETTER, "prompts/oracle/prompt.yaml": "suites: [oracle]\nmodel: later\n"}
    models = host.shared.file("models.yaml").replace('"tiny": {', '"later": {', 1)
    check = worked(asked(host, host.propose({**files, "models.yaml": models}), editor))
    assert told(check, editor) == {"oracle": "ERROR"}


def test_a_commit_that_was_never_pushed_is_an_error_after_some_tries(
    host: Host, editor: Actor
) -> None:
    check = asked(host, "d" * 40, editor)
    for _ in range(5):
        commit_checks.advance(check.pk)
        CommitCheck.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    check.refresh_from_db()
    assert (check.status, check.verdict, check.attempts) == ("done", "ERROR", 5)
    assert "push it there first" in check.sentences[0]


def test_a_worker_that_dies_over_a_commit_leaves_it_to_the_next_and_not_for_ever(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    check = asked(host, host.propose({V2: BETTER}), editor)
    CommitCheck.objects.update(
        status="running", owner="gone", leased_until=timezone.now() + timedelta(minutes=1)
    )
    commit_checks.advance(check.pk)
    assert EvalRun.objects.count() == 0, "somebody else may be at it"
    CommitCheck.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert worked(check).verdict == "PASS"
    stuck = asked(host, host.propose({V2: BETTER + "?"}), editor)
    CommitCheck.objects.filter(pk=stuck.pk).update(attempts=5, status="running")
    commit_checks.advance(stuck.pk)
    stuck.refresh_from_db()
    assert stuck.sentences == ["5 tries in a row died or failed over this commit"]


def test_a_check_can_be_cancelled_and_one_that_is_done_not(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    check = asked(host, host.propose({V2: BETTER}), editor)
    commit_checks.advance(check.pk)
    commit_checks.cancel_check(check_id=check.pk, actor=editor, now=timezone.now())
    stopped = commit_checks.cancel_check(check_id=check.pk, actor=editor, now=timezone.now())
    assert (stopped.verdict, stopped.sentences) == ("ERROR", ["cancelled by user:eda"])
    done = worked(asked(host, check.head, editor))
    with pytest.raises(CheckDoneError):
        commit_checks.cancel_check(check_id=done.pk, actor=editor, now=timezone.now())


def test_a_check_is_for_those_who_see_every_prompt(host: Host, editor: Actor) -> None:
    head = host.propose({V2: BETTER})
    check = asked(host, head, editor)
    some = Actor("token:some", editor.scopes, ("oracle",))
    for ask in (
        lambda: asked(host, head, some),
        lambda: asked(host, head, Actor("user:vera", Role.VIEWER.scopes)),
        lambda: queries.check_for(some, check.pk),
        lambda: queries.checks_for(some),
    ):
        with pytest.raises(NotAllowedError):
            ask()


def test_what_was_measured_for_a_proposal_is_not_asked_again_once_it_is_merged(
    host: Host, server: ModelServer, editor: Actor
) -> None:
    head = host.propose({V2: BETTER})
    worked(asked(host, head, editor))
    assert ProposedVersion.objects.get().digest
    assert not OutboxMessage.objects.filter(topic="version.published").exists()
    host.shared.git("merge", "--quiet", head)
    host.shared.push()
    assert sync.sync().new_versions == 1
    run = started(editor, version=2)
    engine.work(run.pk, limits=QUICK)
    assert (again(run).verdict, again(run).cached) == ("PASS", 120)
    assert server.case_calls["case 1 better"] == server.case_calls["case 1"] == 1


@pytest.mark.parametrize(
    "files",
    [
        {V2: HEADER + "a\0b {{ question }}"},
        {V2: '---\nvariables: {"q\\0\\uD800": {type: "a\\0b"}}\n---\n{{ q }}'},
        {V2: BETTER, "prompts/or\tacle\u202e/v1.jinja2": "x", "tags.yaml": "\0: {stable: v1}\n"},
        {V2: BETTER, "suites/oracle.yaml": 'cases: [{id: "a\\0", variables: {question: x}}]\n'},
        {"models.yaml": "&a [*a]", "gates.yaml": "{" * 400, "prompts/oracle/prompt.yaml": "\x01"},
    ],
)
def test_hostile_files_are_findings_and_never_break_a_check(
    host: Host, editor: Actor, files: dict[str, str]
) -> None:
    check = worked(asked(host, host.propose(files), editor))
    assert check.verdict == "FAIL", check.sentences
    assert check.change["findings"]
    assert check.comment_markdown
