"""Judges: a rubric, a prompt and a pinned model that together say what an answer is worth.

Pure, and below the checks: nothing here imports `evals.domain.checks`, and nothing asks a model.
"""

from __future__ import annotations
