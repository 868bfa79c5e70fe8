"""Whatever goes wrong, the verdict is never PASS and no certificate exists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from evals import engine, identity
from evals.models import CaseResult, EvalRun
from registry.domain.actor import Actor
from registry.models import Certificate
from tests.integration.evals.conftest import QUICK, Repository, a_minute_passes, again, started
from tests.integration.evals.model_server import Fail, Garble, ModelServer, Reply, Say, Truncate


def evaluated(repository: Repository, actor: Actor) -> EvalRun:
    repository.publish()
    run = started(actor)
    engine.work(run.pk, limits=QUICK)
    run = again(run)
    assert run.status == "finished"
    return run


def without_certificate(run: EvalRun) -> bool:
    return run.certificate is None and not Certificate.objects.exists()


def only(question: str, reply: Reply) -> Callable[[str, int], Reply]:
    """`reply` to one question, the right answer to all others."""
    return lambda asked, _nth: reply if asked == question else Say("yes")


def test_an_unreachable_model_ends_the_run_before_any_case(
    repository: Repository, editor: Actor, free_port: int
) -> None:
    run = evaluated(repository.with_(url=f"http://127.0.0.1:{free_port}"), editor)
    assert (run.verdict, run.done) == ("ERROR", 0)
    assert "could not be measured" in run.reasons[0]
    assert without_certificate(run)


def test_a_worker_that_breaks_while_it_measures_blames_no_case(
    repository: Repository, editor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("out of memory")

    repository.publish()
    run = started(editor)
    monkeypatch.setattr(identity, "settled", broken)
    with pytest.raises(RuntimeError, match="out of memory"):
        engine.work(run.pk, limits=QUICK)
    assert set(run.items.values_list("attempts", "owner")) == {(0, "")}


def test_a_model_without_an_address_ends_the_run(repository: Repository, editor: Actor) -> None:
    repository.publish()
    run = started(editor)
    pin = run.model.pin | {"base_url": "", "base_url_env": "ASSAY_MODEL_NOWHERE_URL"}
    type(run.model).objects.filter(pk=run.model.pk).update(pin=pin)
    engine.work(run.pk, limits=QUICK)
    run = again(run)
    assert run.verdict == "ERROR"
    assert "ASSAY_MODEL_NOWHERE_URL" in run.reasons[0]


def test_a_server_that_only_fails_is_asked_a_few_times_and_no_more(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    server.reply = lambda _question, _nth: Fail(500)
    run = evaluated(repository, editor)
    assert (run.verdict, run.done) == ("ERROR", 0)
    assert "500" in run.reasons[0]
    assert sum(server.calls.values()) == QUICK.patience.tries


@pytest.mark.parametrize(
    ("reply", "calls", "said"),
    [
        (Fail(500), QUICK.patience.tries, "500"),
        (Truncate(), QUICK.patience.tries, "mid-stream"),
        (Fail(400), 1, "400"),
        (Garble(), 1, "malformed"),
    ],
    ids=["500", "truncated", "400", "malformed"],
)
def test_a_case_without_an_answer_is_an_error(
    reply: Reply,
    calls: int,
    said: str,
    repository: Repository,
    server: ModelServer,
    editor: Actor,
) -> None:
    server.reply = only("case 3", reply)
    run = evaluated(repository, editor)
    assert (run.verdict, run.done, run.errors) == ("ERROR", 12, 1)
    assert server.calls["case 3"] == calls
    result = CaseResult.objects.get(run=run, outcome="error")
    assert result.case == "c3"
    assert said in result.error
    assert without_certificate(run)


def test_a_transient_error_is_overcome(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    server.reply = lambda _question, nth: Say("yes") if nth > 1 else Fail(503, retry_after="0")
    run = evaluated(repository, editor)
    assert (run.verdict, run.errors) == ("PASS", 0)
    assert set(server.case_calls.values()) == {2}


def test_a_server_that_stops_answering_does_not_burn_the_other_cases(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    server.reply = lambda asked, _: Fail(502) if asked.startswith("case") else Say("fine")
    run = evaluated(repository.with_(cases=100), editor)
    assert run.verdict == "ERROR"
    assert "stopped answering" in run.reasons[0]
    assert run.done < 50


@pytest.mark.parametrize("odd", [r'{"\u0000": 1}', r'{"a": "\ud800"}', "\0"])
@pytest.mark.parametrize(
    "check",
    [
        {"type": "json", "schema": {"additionalProperties": False, "properties": {"a": {}}}},
        {"type": "json", "path": "$.a", "value": "yes"},
        {"type": "json", "value": "yes"},
    ],
)
def test_what_postgresql_cannot_hold_costs_nobody_an_answer(
    repository: Repository, server: ModelServer, editor: Actor, check: dict[str, Any], odd: str
) -> None:
    """Checks quote what they decoded from an answer, and that may be a NUL or half a character."""
    server.reply = only("case 3", Say(odd))
    run = evaluated(repository.with_(suite={"checks": [check]}), editor)
    assert (run.verdict, run.done) == ("FAIL", 12), run.reasons
    assert set(run.items.values_list("attempts", flat=True)) == {1}


def test_a_model_that_says_nul_when_it_is_measured_is_a_model(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    server.weights = "a\0b"
    assert evaluated(repository, editor).verdict == "PASS"
    a_minute_passes()
    assert evaluated(repository, editor).verdict == "PASS", "it is known again"


def test_a_prompt_that_does_not_render_is_an_error(repository: Repository, editor: Actor) -> None:
    template = "{{ 1 / (question | length - 6) }}"  # breaks on `case 0` to `case 9`
    run = evaluated(repository.with_(template=template), editor)
    assert run.verdict == "ERROR"
    assert run.errors == 10
    assert "does not render" in CaseResult.objects.filter(run=run, outcome="error")[0].error


def test_too_few_cases_decide_nothing(repository: Repository, editor: Actor) -> None:
    run = evaluated(repository.with_(policy={"min_cases": 30}), editor)
    assert run.verdict == "INCONCLUSIVE"
    assert not run.forecast["decidable"]
    assert without_certificate(run)


def test_one_critical_failure_outweighs_the_rate(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    server.reply = only("case 3", Say("no"))
    checks = [{"type": "exact", "critical": True}]
    run = evaluated(repository.with_(suite={"checks": checks}), editor)
    assert run.verdict == "FAIL"
    assert "c3" in run.reasons[0]


def test_an_unpinned_model_is_never_certified(repository: Repository, editor: Actor) -> None:
    run = evaluated(repository.with_(revision=""), editor)
    assert run.verdict == "INCONCLUSIVE"
    assert "no fixed revision" in run.reasons[-1]
    assert without_certificate(run)


def test_a_policy_may_allow_an_unpinned_model(repository: Repository, editor: Actor) -> None:
    policy = {"allow_unpinned_model": True}
    assert evaluated(repository.with_(revision="", policy=policy), editor).verdict == "PASS"


@pytest.mark.parametrize(
    ("change", "said"),
    [({"repeats": 2}, "the suites of oracle changed"), ({"policy": {"confidence": 0.9}}, "policy")],
    ids=["suite", "policy"],
)
def test_what_changes_in_mid_run_is_not_certified(
    change: dict[str, object], said: str, repository: Repository, editor: Actor
) -> None:
    repository.publish()
    run = started(editor)
    repository.with_(**change).publish()
    engine.work(run.pk, limits=QUICK)
    run = again(run)
    assert run.verdict == "INCONCLUSIVE"
    assert said in run.reasons[0]
    assert without_certificate(run)


def test_a_model_swapped_in_mid_run_is_noticed(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    def swapping(question: str, _nth: int) -> Reply:
        if question.startswith("case"):
            server.weights = "second"
        return Say("yes")

    server.reply = swapping
    run = evaluated(repository, editor)
    assert run.verdict == "ERROR"
    assert "serves something else" in run.reasons[0]
    assert run.model.fingerprint not in {"", run.fingerprint}
    assert without_certificate(run)


@pytest.mark.django_db(transaction=True)
def test_a_pin_pointed_elsewhere_in_mid_run_is_not_confirmed_by_the_old_address(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    def moving(question: str, _nth: int) -> Reply:
        if question.startswith("case"):
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE registry_modelversion "
                    """SET pin = jsonb_set(pin, '{base_url}', '"http://127.0.0.1:9"')"""
                )
            connection.close()
        return Say("yes")

    server.reply = moving
    run = evaluated(repository, editor)
    assert run.verdict == "ERROR"
    assert "address was changed" in run.reasons[0]
    assert without_certificate(run)


def test_a_server_that_does_not_agree_with_itself_proves_nothing(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    def flickering(_question: str, nth: int) -> Reply:
        server.weights = f"try {nth}"
        return Say("yes")

    server.reply = flickering
    run = evaluated(repository, editor)
    assert run.verdict == "ERROR"
    assert "cannot tell" in run.reasons[0]
    a_minute_passes()
    run = evaluated(repository, editor)  # and now it is known from the start
    assert (run.verdict, run.done) == ("ERROR", 0)


def test_a_new_model_behind_an_old_pin_expires_what_was_certified(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    first = evaluated(repository, editor).certificate
    assert first is not None
    server.weights = "second"
    a_minute_passes()
    second = evaluated(repository, editor).certificate
    assert second is not None
    assert second.fingerprint != first.fingerprint
    first.refresh_from_db()
    assert first.expired_at is not None
    assert second.expired_at is None


def test_a_model_swapped_a_moment_after_it_was_measured_is_noticed_at_the_end(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    assert evaluated(repository, editor).verdict == "PASS"
    server.weights = "second"
    run = evaluated(repository, editor)  # began with the measurement that the first run ended with
    assert run.verdict == "ERROR"
    assert "serves something else" in run.reasons[0]
    assert evaluated(repository, editor).verdict == "PASS"  # now it is known


def test_a_server_whose_numbers_wobble_is_still_the_same_model(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    first = evaluated(repository, editor).certificate
    assert first is not None
    server.noise = 0.05
    second = evaluated(repository, editor).certificate
    assert second is not None
    first.refresh_from_db()
    assert first.expired_at is None
    assert second.fingerprint == first.fingerprint


def test_a_server_that_stops_giving_log_probabilities_must_be_measured_anew(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    first = evaluated(repository, editor).certificate
    assert first is not None
    server.gives_logprobs = False
    a_minute_passes()
    second = evaluated(repository, editor)
    assert second.verdict == "PASS"
    assert second.model.fingerprint_mode.startswith("text")
    first.refresh_from_db()
    assert first.expired_at is not None
