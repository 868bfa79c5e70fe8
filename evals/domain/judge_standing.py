"""What judges may not decide: about themselves."""

from __future__ import annotations

from evals.domain.spec import SuiteSpec
from registry.domain.model_pin import ModelPin


def self_judging(suite: SuiteSpec, pin: ModelPin) -> tuple[str, ...]:
    """Why this suite must not judge answers of `pin`, a sentence for each judge; mostly none.

    Models prefer what they wrote themselves. Equal weights count as one model, whatever the pins
    are called.
    """
    if suite.allow_self_judging:
        return ()
    return tuple(
        f"the judge {name} of the suite {suite.name} runs on {judge.model.name}, the model under "
        "test; `allow_self_judging: true` in the suite would allow it"
        for name, judge in sorted(suite.judges.items())
        if judge.model.is_same_as(pin)
    )
