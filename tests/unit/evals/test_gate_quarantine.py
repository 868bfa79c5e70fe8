"""Whatever somebody puts into quarantine, no verdict gets better by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from evals.domain.gate import Decision, Evidence, PairedCase, Quarantine, decide
from registry.domain.policy import GatePolicy
from tests.unit.evals.arms import pair, pairs, tallies_of
from tests.unit.evals.builders import suite

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SEVERITY = ("PASS", "INCONCLUSIVE", "FAIL", "ERROR")


def judged(
    arms: list[PairedCase],
    policy: GatePolicy,
    clusters: dict[str, str],
    *keys: str,
    is_compared: bool = False,
) -> Decision:
    """Decide on `arms` with `keys` in quarantine."""
    spec = suite(len(arms), repeats=arms[0].repeats)
    held = tuple(Quarantine(key, "kim", NOW + timedelta(days=30)) for key in keys)
    beside = tuple(replace(one, cluster=clusters.get(one.key, one.key)) for one in arms)
    evidence = Evidence(
        pairs=beside if is_compared else None, clusters=clusters, quarantine=held, now=NOW
    )
    return decide(tallies_of(arms), spec, policy, evidence)


def test_breaking_up_the_only_cluster_does_not_pass_the_floor() -> None:
    policy, twins = GatePolicy("trial", min_pass_rate=0.9), {"c0": "twins", "c1": "twins"}
    arms = pairs(0, 0, 38)
    assert judged(arms, policy, twins).verdict == "INCONCLUSIVE"
    decision = judged(arms, policy, twins, "c0")
    assert (decision.verdict, decision.cases) == ("INCONCLUSIVE", 38)
    assert decision.reasons[-2].startswith("1 case in quarantine")
    assert decision.reasons[-1] == (
        "quarantined cases count all the same here: a quarantine never improves a verdict"
    )


sides = st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 1.0]))
right = st.lists(st.just((1.0, 1.0)), max_size=70)


@given(
    st.tuples(right, st.lists(sides, min_size=1, max_size=8)).map(
        lambda parts: parts[0] + parts[1]
    ),
    st.dictionaries(st.integers(0, 77), st.integers(0, 3), max_size=8),
    st.sets(st.integers(0, 77), min_size=1, max_size=8),
    st.sampled_from([0.5, 0.8, 0.9]),
    st.booleans(),
)
@example([(1.0, 1.0)] * 38, {0: 0, 1: 0}, {0}, 0.9, False)
def test_a_quarantine_never_improves_a_verdict(
    table: list[tuple[float, float]],
    groups: dict[int, int],
    chosen: set[int],
    floor: float,
    is_compared: bool,
) -> None:
    arms = [pair(f"c{i}", *side, repeats=2) for i, side in enumerate(table)]
    clusters = {f"c{i}": f"k{group}" for i, group in groups.items()}
    policy = GatePolicy("trial", min_pass_rate=floor, min_cases=1, margin=0.1)
    plain = judged(arms, policy, clusters, is_compared=is_compared)
    keys = (f"c{i}" for i in chosen)
    held = judged(arms, policy, clusters, *keys, is_compared=is_compared)
    assert SEVERITY.index(held.verdict) >= SEVERITY.index(plain.verdict)
