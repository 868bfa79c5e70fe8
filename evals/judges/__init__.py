"""Put judges to the test, and say how far they are to be trusted.

Two questions about a judge, each answered once for its identity (prompt, rubric, pinned model,
samples, temperature): does it pass canaries that no judge may pass (then it is blocked), and how
well does it agree with people (then it counts, or is advisory)?
"""

from __future__ import annotations

from evals.judges.calibrations import calibrate, start_calibration
from evals.judges.canaries import why_blocked
from evals.judges.standing import Listed, listed, trial, trial_for, trust_in

__all__ = [
    "Listed",
    "calibrate",
    "listed",
    "start_calibration",
    "trial",
    "trial_for",
    "trust_in",
    "why_blocked",
]
