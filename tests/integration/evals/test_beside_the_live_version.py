"""A candidate is asked beside what is live, and the gate compares the two case by case."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import timezone

from evals import engine, queries, runs
from evals.measured import results_by_suite
from evals.models import BaselineResult, EvalRun
from evals.verdict import decide_run
from registry import promotion
from registry.domain.actor import Actor, Role
from registry.domain.policy import GatePolicy
from registry.errors import NotCertifiedError
from tests.integration.evals.conftest import QUICK, Repository, again, started
from tests.integration.evals.model_server import Fail, ModelServer, Reply, Say
from tests.integration.registry.conftest import stable

PROMOTER = Actor("user:petra", Role.PROMOTER.scopes)
HEADER = "---\nvariables:\n  question: {type: string}\n---\n"
#: The scripted model sees which version asks by the last word.
TWO = {"prompts/oracle/v2.jinja2": (HEADER + "{{ question }} two").encode()}
MARGIN = {"margin": 0.1, "min_pass_rate": 0.3}


def live(repository: Repository, editor: Actor, **changes: Any) -> Repository:
    """v1 is live; v2 waits."""
    changed = repository.with_(**{"cases": 60, "policy": MARGIN, "more": TWO, **changes})
    changed.publish()
    engine.work(started(editor).pk, limits=QUICK)
    promotion.promote(target=stable(1, prompt="oracle"), actor=PROMOTER)
    return changed


def evaluated(editor: Actor, **changes: Any) -> EvalRun:
    run = started(editor, **{"version": 2, **changes})
    engine.work(run.pk, limits=QUICK)
    return again(run)


def number(question: str) -> int:
    """Of a case; probes of the model's fingerprint have none."""
    return int(question.split()[1]) if question.startswith("case ") else 1000


def test_the_first_version_is_judged_by_the_floor_alone(
    repository: Repository, editor: Actor
) -> None:
    repository.with_(cases=60, policy=MARGIN).publish()
    run = started(editor)
    engine.work(run.pk, limits=QUICK)
    run = again(run)
    assert (run.verdict, run.baseline) == ("PASS", None)
    assert run.summary["suites"][0]["comparison"] is None
    assert any("live" in reason for reason in run.reasons)


def test_an_equally_good_candidate_passes(repository: Repository, editor: Actor) -> None:
    live(repository, editor)
    run = evaluated(editor)
    assert (run.verdict, run.baseline and run.baseline.number) == ("PASS", 1), run.reasons
    [suite] = run.summary["suites"]
    assert suite["comparison"]["difference"] == 0
    assert BaselineResult.objects.filter(result__run=run, outcome="pass").count() == 60


def test_a_worse_candidate_fails_although_it_clears_the_floor(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    live(repository, editor)
    server.reply = lambda asked, _: Say(
        "no" if asked.endswith("two") and number(asked) % 3 == 0 else "yes"
    )
    run = evaluated(editor)
    assert run.verdict == "FAIL", run.reasons
    [suite] = run.summary["suites"]
    assert suite["pass_rate"] > 0.6
    assert suite["comparison"]["regressions"] == 20


def test_what_the_live_version_gets_wrong_too_is_no_regression(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    server.reply = lambda asked, _: Say("no" if number(asked) % 3 == 0 else "yes")
    live(repository, editor)
    run = evaluated(editor)
    assert run.verdict == "PASS", run.reasons
    assert run.summary["suites"][0]["comparison"]["regressions"] == 0


def test_a_small_suite_decides_nothing_and_says_how_many_cases_would(
    repository: Repository, editor: Actor
) -> None:
    live(repository, editor, cases=12, policy={**MARGIN, "min_cases": 5, "margin": 0.05})
    run = evaluated(editor)
    assert run.verdict == "INCONCLUSIVE"
    assert any("cases" in reason and "would decide" in reason for reason in run.reasons), (
        run.reasons
    )


def test_a_live_version_that_gives_no_answer_decides_nothing(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    live(repository, editor)

    def one_falls_silent(asked: str, _nth: int) -> Reply:
        return Fail(400) if asked == "case 7" else Say("yes")

    server.reply = one_falls_silent
    run = evaluated(editor, use_cache=False)
    assert (run.verdict, run.errors) == ("ERROR", 0)
    assert any("live version gave no answer to 1 case" in reason for reason in run.reasons)


def test_a_live_version_that_cannot_be_asked_counts_as_right(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    """Renaming a variable must not be a way around the comparison."""
    renamed = HEADER.replace("question:", "wording:") + "{{ wording }} two"
    changed = live(repository, editor)
    rows = [
        {"id": f"c{i}", "variables": {"wording": f"case {i}"}, "expected": "yes"} for i in range(60)
    ]
    suite = {"cases": rows}
    changed.with_(more={"prompts/oracle/v3.jinja2": renamed.encode(), **as_suite(suite)}).publish()
    server.reply = lambda asked, _: Say("no" if number(asked) % 3 == 0 else "yes")
    run = evaluated(editor, version=3)
    assert run.verdict == "FAIL", run.reasons
    assert any("cannot be asked 60 cases" in reason for reason in run.reasons)


def as_suite(suite: dict[str, Any]) -> dict[str, bytes]:
    checks = [{"type": "exact", "normalise": ["strip"]}]
    return {"suites/oracle.yaml": json.dumps({"checks": checks, **suite}).encode()}


def test_the_live_version_against_itself_tells_the_noise(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    live(repository, editor)

    def coin(asked: str, nth: int) -> Reply:
        return Say("no" if number(asked) < 6 and nth % 2 else "yes")

    server.reply = coin
    run = runs.start_self_comparison(
        prompt="oracle", model=None, tag="stable", actor=editor, now=timezone.now()
    )
    engine.work(run.pk, limits=QUICK)
    run = again(run)
    assert (run.status, run.verdict, run.certificate) == ("finished", "", None)
    assert run.summary["flips"] == 6
    assert queries.flip_rate(run.prompt_name, run.model) == 0.1


def test_a_hopeless_candidate_is_stopped_early_if_the_policy_says_so(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    live(repository, editor, cases=400, policy={**MARGIN, "early_stop": True})
    server.reply = lambda asked, _: Say("no" if asked.endswith("two") else "yes", seconds=0.02)
    run = evaluated(editor)
    assert (run.status, run.verdict) == ("finished", "FAIL")
    assert run.done < 400
    assert "stopped early" in run.reasons[0]
    assert "saved" in run.reasons[0]
    calls = sum(server.case_calls.values())
    engine.work(run.pk, limits=QUICK)  # a worker that comes late finds nothing to do
    assert sum(server.case_calls.values()) == calls


def promoted(version: int) -> None:
    promotion.promote(target=stable(version, prompt="oracle"), actor=PROMOTER)


def test_a_certificate_holds_only_beside_what_it_was_compared_with(
    repository: Repository, editor: Actor
) -> None:
    """Evaluated before anything was live, v2 was never compared with v1."""
    repository.with_(cases=60, policy=MARGIN, more=TWO).publish()
    for version in (1, 2):
        assert evaluated(editor, version=version).verdict == "PASS"
    promoted(1)
    with pytest.raises(NotCertifiedError, match="compared with another version"):
        promoted(2)
    assert evaluated(editor).verdict == "PASS"
    promoted(2)


def test_a_later_failure_ends_what_was_certified(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    live(repository, editor)
    assert evaluated(editor).verdict == "PASS"
    server.reply = lambda asked, _: Say("no" if asked.endswith("two") else "yes")
    worse = evaluated(editor, use_cache=False)
    assert worse.verdict == "FAIL"
    assert "evaluation number 2" in " ".join(worse.reasons)
    with pytest.raises(NotCertifiedError, match="a later evaluation failed"):
        promoted(2)


def test_a_failure_that_was_seen_early_ends_it_too(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    live(repository, editor, cases=400, policy={**MARGIN, "early_stop": True})
    assert evaluated(editor).verdict == "PASS"
    server.reply = lambda asked, _: Say("no" if asked.endswith("two") else "yes", seconds=0.02)
    worse = evaluated(editor, use_cache=False)
    assert worse.done < 400
    assert "stopped early" in worse.reasons[0]
    assert "evaluation number 2" in worse.reasons[-1]
    with pytest.raises(NotCertifiedError, match="a later evaluation failed"):
        promoted(2)


def test_a_guardrail_on_tpot_weighs_the_time_between_tokens(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    """(total - TTFT)/(tokens - 1), of the answers that have two tokens or more in both arms."""

    def reply(asked: str, _nth: int) -> Reply:
        tokens = 11 if asked.endswith("two") else 101
        if asked in {"case 1", "case 2 two"}:
            tokens = 1
        return Say("yes", completion_tokens=tokens)

    server.reply = reply
    policy = {**MARGIN, "guardrails": {"tpot_mean": {"max_increase": 1.0}}}
    live(repository, editor, policy=policy)
    run = evaluated(editor)
    assert run.cached == 0  # what is timed is asked
    run.results.update(ttft_ms=50, total_ms=150)
    BaselineResult.objects.filter(result__run=run).update(ttft_ms=50, total_ms=250)
    rule = GatePolicy.from_json(run.policy_spec)
    found = results_by_suite(run, rule, timezone.now())
    assert found[0].guardrails is not None
    [sample] = found[0].guardrails
    assert (sample.candidate, sample.baseline) == ((10.0,) * 58, (2.0,) * 58)
    assert decide_run(found, rule, doubts=(), is_pinned=True).verdict == "FAIL"


def test_answers_about_one_document_are_no_independent_proof_for_a_guardrail(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    """One document in six makes the candidate talk: by sixty answers that would be a FAIL."""

    def reply(asked: str, _nth: int) -> Reply:
        talks = asked.endswith("two") and number(asked) < 10
        return Say("yes", completion_tokens=40 if talks else 10)

    server.reply = reply
    rows = [{**row, "cluster": i // 10} for i, row in enumerate(repository.with_(cases=60).rows())]
    dataset = {"datasets/oracle.jsonl": "\n".join(map(json.dumps, rows)).encode()}
    policy = {**MARGIN, "guardrails": {"completion_tokens": {"max_increase": 0.2}}}
    live(repository, editor, policy=policy, more=TWO | dataset)
    run = evaluated(editor)
    [rail] = run.summary["suites"][0]["guardrails"]
    assert (rail["verdict"], run.verdict) == ("INCONCLUSIVE", "INCONCLUSIVE")
