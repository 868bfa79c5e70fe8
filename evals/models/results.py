"""What the answers of a run were worth, and answers that can be used again."""

from __future__ import annotations

from django.db import models

from evals.models.runs import EvalRun, WorkItem


class JudgedAnswer(models.Model):
    """One answer and its worth. Times are null for an answer that was not asked for just now."""

    class Outcome(models.TextChoices):
        """ERROR is neither pass nor fail: the case could not be judged."""

        PASS = "pass"  # noqa: S105 - an outcome, not a password
        FAIL = "fail"
        ERROR = "error"
        #: Only of a baseline: the live version cannot be asked this, its variables are others.
        SKIPPED = "skipped"

    outcome = models.CharField(max_length=7, choices=Outcome.choices)
    #: Weighted mean of the checks, 0 to 1; null for an error.
    score = models.FloatField(null=True)
    critical_failure = models.BooleanField(default=False)
    text = models.TextField(blank=True)
    checks = models.JSONField(default=list)
    error = models.TextField(blank=True)
    finish_reason = models.CharField(max_length=30, blank=True)
    ttft_ms = models.FloatField(null=True)
    total_ms = models.FloatField(null=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(null=True)
    #: Taken from an earlier run.
    from_cache = models.BooleanField(default=False)
    #: What a later run finds it under (see `answer_cache`); empty when none may.
    answer_key = models.CharField(max_length=64, blank=True, default="", db_default="")

    class Meta:
        abstract = True


class CaseResult(JudgedAnswer):
    """What the candidate's answer was worth. Exactly one per work item."""

    item = models.OneToOneField(WorkItem, on_delete=models.CASCADE, related_name="result")
    run = models.ForeignKey(EvalRun, on_delete=models.CASCADE, related_name="results")
    case = models.CharField(max_length=200)
    repeat = models.PositiveSmallIntegerField()
    fence = models.PositiveIntegerField()
    #: What judges were asked about it, in tokens.
    judge_prompt_tokens = models.PositiveIntegerField(default=0)
    judge_completion_tokens = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["run", "id"], name="result_of_run")]

    def __str__(self) -> str:
        """Which answer, and its worth."""
        return f"{self.case} #{self.repeat}: {self.outcome}"


class BaselineResult(JudgedAnswer):
    """What the live version answered to the same question, beside the candidate's result."""

    result = models.OneToOneField(CaseResult, on_delete=models.CASCADE, related_name="baseline")

    def __str__(self) -> str:
        """Its worth."""
        return f"baseline: {self.outcome}"


class KeptAnswer(models.Model):
    """A whole answer of a model, by everything that was asked: asking again would be a waste."""

    #: SHA-256 over model fingerprint, prompt, parameters, inputs and repeat; see `answer_cache`.
    key = models.CharField(max_length=64, primary_key=True)
    text = models.TextField(blank=True)
    finish_reason = models.CharField(max_length=30)
    prompt_tokens = models.PositiveIntegerField()
    completion_tokens = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        """The start of its key."""
        return self.key[:12]
