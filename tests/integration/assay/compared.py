"""A finished run with a live version beside it, made by hand, as the REST contract has it.

Ten cases in one suite: one went worse, one better, one is broken both times, the rest passed.
"""

from __future__ import annotations

from typing import Any

from tests.integration.assay.bodies import finished, forecast

SUITE = "support-chat"
#: Case -> (candidate, live).
OUTCOMES = {
    "angry": ("fail", "pass"),
    "broken": ("fail", "fail"),
    "cancel": ("pass", "fail"),
    **{f"refund-{number}": ("pass", "pass") for number in range(1, 8)},
}
REASON = "with 95 % confidence the difference is above -21.0 and below +21.0 points: undecided"


def check(passed: bool, **changes: Any) -> dict[str, Any]:
    return {
        "name": "label",
        "type": "exact",
        "passed": passed,
        "critical": False,
        "detail": "" if passed else "expected negative",
        "score": 1.0 if passed else 0.0,
        "weight": 1.0,
        **changes,
    }


def arm(outcome: str, text: str, **changes: Any) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "score": None if outcome in {"error", "skipped"} else float(outcome == "pass"),
        "text": text,
        "checks": [check(outcome == "pass")] if outcome in {"pass", "fail"} else [],
        "error": "the server closed the connection" if outcome == "error" else "",
        "from_cache": False,
        "ttft_ms": 20.0,
        "total_ms": 100.0,
        "prompt_tokens": 100,
        "completion_tokens": 4,
        "cached_tokens": 50,
        **changes,
    }


def answer(case: str, candidate: str, live: str | None, **changes: Any) -> dict[str, Any]:
    beside = None if live is None else arm(live, f"live {live}", total_ms=80.0)
    said = arm(candidate, f"candidate {candidate}")
    return {"suite": SUITE, "case": case, "repeat": 1, **said, "baseline": beside, **changes}


def answers() -> list[dict[str, Any]]:
    """As the server gives them: in the order in which they came."""
    return [answer(case, *outcomes) for case, outcomes in reversed(OUTCOMES.items())]


def comparison(**changes: Any) -> dict[str, Any]:
    return {
        "verdict": "INCONCLUSIVE",
        "sentences": [REASON],
        "method": "tango",
        "cases": 10,
        "clusters": 10,
        "candidate_rate": 0.8,
        "baseline_rate": 0.8,
        "difference": 0.0,
        "confidence": 0.95,
        "interval": {"low": -0.25, "high": 0.25},
        "lower_bound": -0.21,
        "upper_bound": 0.21,
        "regressions": 1,
        "improvements": 1,
        "p_value": 0.75,
        "margin": 0.05,
        "detectable_margin": 0.35,
        "cases_to_decide": 500,
        "repeats_to_decide": None,
        **changes,
    }


def guardrail() -> dict[str, Any]:
    return {
        "name": "latency_p50",
        "verdict": "INCONCLUSIVE",
        "sentence": "guardrail latency_p50 +25.0 %: above its limit, but not with confidence",
        "limit": 0.2,
        "pairs": 10,
        "increase": 0.25,
        "interval": {"low": 0.1, "high": 0.4},
        "p_value": 0.2,
        "adjusted_p": 0.2,
    }


def measured() -> dict[str, Any]:
    suite = {
        "name": SUITE,
        "verdict": "INCONCLUSIVE",
        "reasons": [REASON],
        "pass_rate": 0.8,
        "interval": [0.490, 0.943],
        "cases": 10,
        "passed": 8,
        "comparison": comparison(),
        "guardrails": [guardrail()],
    }
    figures = {"cases": 10, "passed": 8, "pass_rate": 0.8, "interval": [0.490, 0.943]}
    return {**figures, "suites": [suite]}


def compared_run(**changes: Any) -> dict[str, Any]:
    figures = {
        "baseline": 3,
        "cases": 10,
        "passed": 8,
        "pass_rate": 0.8,
        "interval": [0.490, 0.943],
        "measured": measured(),
        "progress": {"done": 10, "total": 10, "errors": 0},
        "cached": 2,
        "prompt_tokens": 2000,
        "completion_tokens": 80,
        "forecast": forecast(cases=10, requests=20, cost_usd=0.0123),
        "started_at": "2026-03-01T11:00:10Z",
        "finished_at": "2026-03-01T11:01:25Z",
        "reasons": [REASON],
    }
    return finished("INCONCLUSIVE", **{**figures, **changes})
