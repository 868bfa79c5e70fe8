"""A finished run with a live version beside it, made by hand, as the REST contract has it.

Ten cases in one suite: one went worse, one better, one is broken both times, the rest passed.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from evals.domain.case_change import CaseCounts, Change
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


def cases(results: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """What the server makes of these answers, case by case: regressions first."""

    def name(result: dict[str, Any]) -> tuple[str, str]:
        return (result["suite"], result["case"])

    found = sorted(answers() if results is None else results, key=name)
    rows = [_case(*key, list(group)) for key, group in groupby(found, key=name)]
    return sorted(rows, key=lambda row: list(Change).index(row["change"]))


def _case(suite: str, case: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    own = [result["outcome"] for result in results]
    live = [result["baseline"]["outcome"] for result in results if result["baseline"]]
    words = ("pass", "fail", "error")
    counts = CaseCounts(*map(own.count, words), *map(live.count, words))
    return {
        "suite": suite,
        "case": case,
        "change": counts.change(is_self_comparison=False).value,
        "pass_rate": counts.pass_rate,
        "baseline_rate": counts.baseline_rate,
        "history": "stable",
        "answers": results,
    }


def usage(**changes: Any) -> dict[str, Any]:
    return {
        "prompt_tokens": 2000,
        "completion_tokens": 80,
        "judge_prompt_tokens": 0,
        "judge_completion_tokens": 0,
        "cached_answers": 2,
        "cost": {"model_usd": 0.011, "latency_usd": 0.0, "judges_usd": 0.0, "total_usd": 0.011},
        "planned_cost_usd": 0.0123,
        "prefix_cache": {
            "prompt_tokens": 2000,
            "cached_tokens": 1000,
            "rate": 0.5,
            "prefill_saved": {"seconds": 1.5, "interval": [0.9, 12.0], "ms_per_token": 1.5},
            "prefill_unknown": "",
        },
        "seconds": 75.0,
        **changes,
    }


def time(metric: str, arm: str, value: float) -> dict[str, Any]:
    cell = {"q": 0.5, "value": value, "low": value - 1, "high": None}
    return {"metric": metric, "arm": arm, "count": 10, "percentiles": [cell]}


def variance(**changes: Any) -> dict[str, Any]:
    return {
        "suite": SUITE,
        "of": "score",
        "cases": 10,
        "case": 0.16,
        "generation": None,
        "judge": None,
        "case_share": 1.0,
        "generation_share": 0.0,
        "judge_share": 0.0,
        "missing": ["no case was asked twice: `repeats: 3` in the suite shows it"],
        **changes,
    }


def tables(**changes: Any) -> dict[str, Any]:
    """The server's tables of `compared_run` with `answers`."""
    suite = {"name": SUITE, "verdict": "INCONCLUSIVE", "cases": 10, "passed": 8}
    rates = {"pass_rate": 0.8, "interval": [0.490, 0.943]}
    check = {
        "suite": SUITE,
        "name": "label",
        "type": "exact",
        "critical": False,
        "decides": True,
        "cases": 10,
        "baseline_rate": 0.8,
        "score": 0.8,
        **rates,
    }
    times = [time("total_ms", "candidate", 100.0), time("total_ms", "live", 80.0)]
    return {
        "confidence": 0.95,
        "suites": [{**suite, **rates}],
        "checks": [check],
        "cases": {"regressed": 1, "fixed": 1, "failing": 1, "passing": 7},
        "times": times,
        "usage": usage(),
        "variances": [variance()],
        "remarks": [],
        **changes,
    }
