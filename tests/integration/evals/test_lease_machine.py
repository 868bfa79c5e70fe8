"""Whatever workers do and in whatever order: one result an item, and exact tallies."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from evals import leases, runs
from evals.leases import Lease
from evals.models import CaseResult, EvalRun, WorkItem
from evals.scoring import Judgement, Outcome
from registry.domain.actor import Actor, Role
from tests.integration.evals.conftest import Repository, again, started, stored

_EDITOR = Actor("user:eda", Role.EDITOR.scopes)
_OWNERS = st.sampled_from(["a", "b", "c"])


class LeaseMachine(RuleBasedStateMachine):
    """Three workers, each of which may be slow, dead or double. `fences` is the newest lease of
    each item, `answered` the tokens of each item that has its result.
    """

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        Repository("http://127.0.0.1:9", cases=4, repeats=2).publish()
        self.run = started(_EDITOR)
        self.given: list[Lease] = []
        self.fences: dict[int, int] = {}
        self.answered: dict[int, int] = {}
        self.free = set(WorkItem.objects.filter(run=self.run).values_list("pk", flat=True))
        self.live = True

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    @rule(owner=_OWNERS, size=st.integers(1, 4))
    def lease(self, owner: str, size: int) -> None:
        chunk = leases.lease_chunk(run_id=self.run.pk, owner=owner, size=size)
        for lease in chunk:
            assert self.live
            assert lease.item in self.free
            assert lease.fence == self.fences.get(lease.item, 0) + 1
            self.fences[lease.item] = lease.fence
        self.free -= {lease.item for lease in chunk}
        self.given += chunk

    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        if not self.given:
            return
        item = data.draw(st.sampled_from(self.given)).item
        expired = WorkItem.objects.filter(pk=item, done=False).update(
            leased_until=timezone.now() - timedelta(seconds=1)
        )
        if expired:
            self.free.add(item)

    @rule(data=st.data(), tokens=st.integers(0, 1000), good=st.booleans())
    def store(self, data: st.DataObject, tokens: int, good: bool) -> None:
        if not self.given:
            return
        lease = data.draw(st.sampled_from(self.given))
        outcome = Outcome.PASS if good else Outcome.ERROR
        judgement = Judgement(outcome, prompt_tokens=tokens, completion_tokens=tokens)
        was_taken = stored(lease, judgement)
        newest = self.fences[lease.item] == lease.fence
        assert was_taken == (newest and lease.item not in self.answered)
        if was_taken:
            self.answered[lease.item] = tokens
            self.free.discard(lease.item)

    @rule(owner=_OWNERS, refund=st.booleans())
    def release(self, owner: str, refund: bool) -> None:
        held = WorkItem.objects.filter(run=self.run, owner=owner, done=False)
        items = list(held.values_list("pk", flat=True))
        leases.release(items=items, owner=owner, refund=refund)
        self.free |= set(items)

    @rule(owner=_OWNERS)
    def renew(self, owner: str) -> None:
        held = WorkItem.objects.filter(run=self.run, owner=owner, done=False)
        items = list(held.values_list("pk", flat=True))
        leases.renew(items=items, owner=owner)
        self.free -= set(items)

    @rule()
    def cancel_or_resume(self) -> None:
        verb = runs.cancel_run if self.live else runs.resume_run
        verb(run_id=self.run.pk, actor=_EDITOR, now=timezone.now())
        self.live = not self.live

    @invariant()
    def results_and_tallies_agree(self) -> None:
        run = again(self.run)
        kept = CaseResult.objects.filter(run=run)
        sums = kept.aggregate(p=Sum("prompt_tokens"), c=Sum("completion_tokens"), n=Count("pk"))
        assert sums["n"] == run.done == len(self.answered)
        assert (sums["p"] or 0) == run.prompt_tokens == sum(self.answered.values())
        assert (sums["c"] or 0) == run.completion_tokens
        assert kept.filter(outcome="error").count() == run.errors
        assert kept.values("case", "repeat").distinct().count() == run.done

    @invariant()
    def nobody_writes_a_verdict_too_early(self) -> None:
        runs.finalise(run_id=self.run.pk, now=timezone.now(), doubts=("not measured",))
        run = EvalRun.objects.get(pk=self.run.pk)
        assert (run.status == "finished") == (self.live and run.done == run.total)


class TestLeaseMachine(TestCase):
    """The machine, each example in a transaction of its own."""

    def test_one_result_an_item_and_exact_tallies(self) -> None:
        run_state_machine_as_test(
            LeaseMachine,
            settings=settings(max_examples=8, stateful_step_count=25, deadline=None),
        )
