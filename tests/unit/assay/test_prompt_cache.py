"""Whatever order answers, events, errors and restarts come in: no step back, no lost prompt."""

from __future__ import annotations

import json
from contextlib import suppress
from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from assay.errors import AssayApiError
from assay.prompts.asking import Asking
from assay.prompts.cache import Cache
from assay.prompts.effects import Answered, Ask, Steps, Unanswered, Wait
from assay.prompts.lines import Held, Line, Question
from assay.prompts.pace import Pace
from assay.prompts.values import Prompt
from core.errors import AssayError
from registry.lookup import Item
from tests.integration.assay.small_registry import SmallRegistry

NAMES = st.sampled_from(["one", "team/two"])
TAGS = st.sampled_from(["stable", "stable", "canary", "beta"])
KEYS = st.sampled_from(["", "ada", "bob", "cyd"])
VERSIONS = st.integers(1, 9)
#: A process so many moves behind; or no answer; or an answer that is none.
OUTCOMES = st.sampled_from([0, 0, 0, 1, 3, "before", "down", "busy", "garbage", "short", "refused"])
BAD = {
    "busy": Answered(503, {}, b'{"code":"busy"}'),
    "refused": Answered(401, {}, b'{"code":"not_authenticated"}'),
    "garbage": Answered(200, {}, b"<html>"),
    "short": Answered(200, {}, b'{"registry_revision":999999,"items":[]}'),
}


class Disk:
    """What outlives a client."""

    def __init__(self) -> None:
        self.lines: dict[Line, Held] = {}

    def load(self, line: Line) -> Held | None:
        return self.lines.get(line)

    def keep(self, held: Held) -> None:
        before = self.lines.get(held.line)
        if before is None or before.stand <= held.stand:
            self.lines[held.line] = held

    def clear(self) -> None:
        self.lines.clear()


def carry_out(
    steps: Steps[Any],
    registry: SmallRegistry,
    outcomes: list[Any],
    before: SmallRegistry | None = None,
) -> Any:
    """Answer what the steps ask, by the next outcome or the last.

    `before` is a registry that was replaced, and may still answer.
    """
    sent: Any = None
    while True:
        try:
            effect = steps.send(sent)
        except StopIteration as end:
            return end.value
        if isinstance(effect, Wait):
            sent = False
            continue
        assert isinstance(effect, Ask)
        outcome = outcomes.pop(0) if len(outcomes) > 1 else outcomes[0]
        if outcome == "down":
            sent = Unanswered("nobody is there")
        elif isinstance(outcome, int):
            body = json.loads(json.dumps(effect.body))
            sent = Answered(200, {}, registry.batch(body, lag=outcome))
        elif outcome == "before":
            body = json.loads(json.dumps(effect.body))
            sent = Answered(200, {}, (before or registry).batch(body))
        else:
            sent = BAD[outcome]


def asking(disk: Disk | None = None, clock: Any = None) -> Asking:
    clock = clock or (lambda: 0.0)
    return Asking("http://registry", Cache(disk), Pace(random=Random(1)), clock, clock, print)


class CacheMachine(RuleBasedStateMachine):
    """Two clients that share a disk, as processes of one application do."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = SmallRegistry()
        self.before: SmallRegistry | None = None
        self.registries = {self.registry.incarnation: self.registry}
        self.disk = Disk()
        self.now = 0.0
        self.clients = [self.client(), self.client()]
        self.served: list[dict[Question, tuple[str, int]]] = [{}, {}]
        self.seen: list[set[Question]] = [set(), set()]

    def client(self) -> Asking:
        return asking(self.disk, lambda: self.now)

    @initialize()
    def begin(self) -> None:
        self.registry.point("one", 1)

    @rule(name=NAMES, version=VERSIONS)
    def rebuild(self, name: str, version: int) -> None:
        """With fewer moves, or with as many, and other ones."""
        self.before, self.registry = self.registry, self.registry.rebuilt()
        self.registries[self.registry.incarnation] = self.registry
        for known in sorted({"one", name}):
            self.registry.point(known, version)

    @rule(which=st.integers(0, 1))
    def hear_of_another(self, which: int) -> None:
        """A stream says which incarnation it tells of."""
        client = self.clients[which]
        assert client.cache.follows(self.registry.incarnation)
        if self.before is not None:
            assert not client.cache.follows(self.before.incarnation)

    @rule(name=NAMES, tag=TAGS, version=VERSIONS, weight=st.sampled_from([0, 40, 100]))
    def move(self, name: str, tag: str, version: int, weight: int) -> None:
        self.registry.point(name, version, tag, weight if tag == "canary" else None)

    @rule(name=NAMES, tag=st.sampled_from(["canary", "beta"]))
    def clear(self, name: str, tag: str) -> None:
        if name in self.registry.states[-1]:
            self.registry.clear(name, tag)

    @rule(which=st.integers(0, 1), name=NAMES, behind=st.integers(0, 3))
    def hear(self, which: int, name: str, behind: int) -> None:
        """Events may come late, twice, in any order, and about what did not change."""
        self.hear_of_another(which)
        self.clients[which].cache.moved(name, max(0, self.registry.revision - behind))

    @rule(which=st.integers(0, 1), kind=st.sampled_from(["reset", "doubt", "live", "lost"]))
    def stream(self, which: int, kind: str) -> None:
        cache = self.clients[which].cache
        cache.live(self.now) if kind == "live" else getattr(cache, kind)()

    @rule(which=st.integers(0, 1), behind=st.integers(0, 3))
    def heartbeat(self, which: int, behind: int) -> None:
        self.hear_of_another(which)
        self.clients[which].cache.told_until(max(0, self.registry.revision - behind))

    @rule(seconds=st.sampled_from([0.1, 3, 100]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(which=st.integers(0, 1), outcomes=st.lists(OUTCOMES, min_size=1, max_size=4))
    def poll(self, which: int, outcomes: list[Any]) -> None:
        client = self.clients[which]
        with suppress(AssayApiError, AssayError):
            steps = client.ask_in_parts(client.cache.held())
            carry_out(steps, self.registry, outcomes, self.before)

    @rule(which=st.integers(0, 1))
    def restart(self, which: int) -> None:
        self.clients[which] = self.client()

    @rule(
        which=st.integers(0, 1),
        name=NAMES,
        tag=TAGS,
        key=KEYS,
        version=st.one_of(st.none(), st.integers(1, 10)),
        outcomes=st.lists(OUTCOMES, min_size=1, max_size=6),
    )
    def get(
        self,
        which: int,
        name: str,
        tag: str,
        key: str,
        version: int | None,
        outcomes: list[Any],
    ) -> None:
        question = Question(name, version) if version else Question(name, tag, key)
        client = self.clients[which]
        try:
            steps = client.get(question)
            prompt: Prompt = carry_out(steps, self.registry, outcomes, self.before)
        except (AssayApiError, AssayError):
            assert question not in self.seen[which]
            return
        self.seen[which].add(question)
        revision, incarnation = (
            prompt.provenance.registry_revision,
            prompt.provenance.incarnation or "",
        )
        assert revision is not None
        assert (incarnation, revision) >= self.served[which].get(question, ("", 0))
        self.served[which][question] = (incarnation, revision)
        assert (prompt.provenance.age_seconds or 0) >= 0
        # It is what the registry itself said then, to this very key.
        registry = self.registries[incarnation]
        said = registry.body(Item(name, question.asked, question.key), revision)
        assert (prompt.version, prompt.arm, prompt.template) == (
            (said["version"], said["arm"], said["template"])
        )

    @rule(which=st.integers(0, 1), name=NAMES, tag=TAGS, key=KEYS)
    def catch_up(self, which: int, name: str, tag: str, key: str) -> None:
        """Whatever was before: one good answer to all that is doubtful, and it is what is live."""
        client, question = self.clients[which], Question(name, tag, key)
        client.cache.doubt()
        carry_out(client.ask_in_parts(client.cache.dirty()), self.registry, [0])
        assert client.cache.dirty() == []
        prompt = client.cache.find(question, self.now)
        with suppress(AssayError):
            said = self.registry.body(Item(name, tag, key))
            if client.cache.is_confirmed(question.line):
                assert prompt is not None
                assert (prompt.version, prompt.arm) == (said["version"], said["arm"])
                assert not any("refuses" in warning for warning in prompt.warnings)


def test_no_step_back_and_no_lost_prompt() -> None:
    run_state_machine_as_test(
        CacheMachine,
        settings=settings(max_examples=40, stateful_step_count=30, deadline=None),
    )
