"""Before a run is stopped, PostgreSQL counts its flips: cheaper, and never a no for a yes."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from evals import leases, measured, results, runs, stopping
from evals.domain.gate import PairedCase, may_stop
from evals.domain.gate.tally import flips
from evals.models import CaseResult, EvalRun
from evals.results import Result
from evals.scoring import Judgement
from evals.stopping import FlipCounts
from registry.domain.actor import Actor
from registry.domain.policy import GatePolicy
from tests.integration.evals.conftest import Repository, started
from tests.integration.evals.model_server import Fail, ModelServer, Reply, Say
from tests.integration.evals.test_beside_the_live_version import MARGIN, evaluated, live, number

ARM = st.sampled_from([0.0, 1.0])
HALVES = st.sampled_from([0.0, 0.5, 1.0])


def counted(pairs: list[PairedCase], *, is_clustered: bool) -> FlipCounts:
    seen = flips(pairs)
    repeats = max(pair.repeats for pair in pairs)
    return FlipCounts(seen.worse, seen.better, len(pairs), repeats, is_clustered)


@st.composite
def samples(draw: st.DrawFn) -> tuple[list[PairedCase], bool]:
    """Pairs of a candidate that is mostly worse; with repeats and clusters, or without."""
    repeats, size = draw(st.sampled_from([1, 2])), draw(st.sampled_from([0, 2, 5]))
    shares = ARM if repeats == 1 else HALVES
    worse = st.just((0.0, 1.0))
    arms = draw(st.lists(worse | worse | st.tuples(shares, shares), min_size=1, max_size=60))
    pairs = [
        PairedCase(f"c{n}", f"k{n // size}" if size else f"c{n}", *arm, repeats)
        for n, arm in enumerate(arms)
    ]
    return pairs, bool(size)


@given(samples(), st.sampled_from([0.02, 0.1, 0.3]), st.sampled_from([0.9, 0.95, 0.99]))
@settings(deadline=None, max_examples=300)
def test_whatever_the_gate_would_stop_passes_the_count(
    sample: tuple[list[PairedCase], bool], margin: float, confidence: float
) -> None:
    pairs, is_clustered = sample
    policy = GatePolicy("release", margin=margin, early_stop=True, confidence=confidence)
    stopped = may_stop(pairs, policy) is not None
    may = counted(pairs, is_clustered=is_clustered).may_have_failed(policy)
    assert may or not stopped
    if not is_clustered and pairs[0].repeats == 1:
        assert may == stopped, "cases asked once, each alone: nothing is left to the second look"


def uneven(asked: str, _: int) -> Reply:
    if number(asked) == 50 and asked.endswith("two"):
        return Fail(400)
    bad = 6 if asked.endswith("two") else 11
    return Say("no" if number(asked) % bad == 0 else "yes")


@pytest.mark.parametrize("repeats", [1, 2])
def test_the_count_is_that_of_the_pairs(
    repository: Repository, server: ModelServer, editor: Actor, repeats: int
) -> None:
    server.reply = uneven
    live(repository, editor, repeats=repeats, policy={**MARGIN, "early_stop": True})
    run = evaluated(editor, use_cache=False)
    policy = GatePolicy.from_json(run.policy_spec)
    [suite] = measured.results_by_suite(run, policy, timezone.now())
    assert suite.pairs is not None
    seen = flips(suite.pairs)
    assert seen.worse > 0 < seen.better
    assert stopping.flip_counts(run) == (
        FlipCounts(seen.worse, seen.better, 59, repeats, is_clustered=False),
    )


def test_cases_that_stand_or_fall_together_are_told(repository: Repository, editor: Actor) -> None:
    live(repository, editor, suite={"cluster": "question"}, policy={**MARGIN, "early_stop": True})
    [found] = stopping.flip_counts(evaluated(editor, use_cache=False))
    assert found.is_clustered


def test_a_run_that_does_well_is_looked_at_in_two_questions(
    repository: Repository, editor: Actor
) -> None:
    live(repository, editor, policy={**MARGIN, "early_stop": True})
    run = evaluated(editor, use_cache=False)
    EvalRun.objects.filter(pk=run.pk).update(status="running", verdict="", certificate=None)
    stopping.flip_counts(run)  # what is known of the suite is not asked twice
    with CaptureQueriesContext(connection) as asked:
        assert not runs.stop_if_failed(run_id=run.pk, now=timezone.now())
    assert len(asked) == 2


def test_a_failure_of_what_served_before_ends_nothing_that_serves_now(
    repository: Repository, editor: Actor
) -> None:
    """A run that stops early is not measured again at its end, so it speaks of what it began on."""
    live(repository, editor, policy={**MARGIN, "early_stop": True})
    certificate = evaluated(editor).certificate
    assert certificate is not None
    run = started(editor, version=2)
    EvalRun.objects.filter(pk=run.pk).update(status="running", fingerprint="f" * 64)
    failed = Judgement(CaseResult.Outcome.FAIL, score=0.0)
    passed = Judgement(CaseResult.Outcome.PASS, score=1.0)
    chunk = leases.lease_chunk(run_id=run.pk, owner="late", size=60)
    results.store(run_id=run.pk, results=[Result(lease, failed, passed) for lease in chunk])
    assert runs.stop_if_failed(run_id=run.pk, now=timezone.now())
    certificate.refresh_from_db()
    assert certificate.expired_at is None
