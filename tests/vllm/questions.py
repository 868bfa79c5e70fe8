"""A small prompt repository whose model, and judge, is the real vLLM."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from evals import engine
from evals.conversation import Patience
from evals.limits import Limits
from evals.models import CaseResult, EvalRun
from registry.domain.actor import Actor
from serving.launch import Launch
from tests.integration.evals.conftest import Repository, again, started

#: A server that starts anew is waited for: it takes a minute or two.
PATIENT = Limits(patience=Patience(tries=30, first_wait_seconds=1, longest_wait_seconds=10))

TICKETS = (
    ("The delivery was quick and everything works. Thank you!", "positive"),
    ("It broke after one day and nobody answers my calls.", "negative"),
    ("I love this lamp, it looks wonderful.", "positive"),
    ("Terrible service, I want my money back.", "negative"),
    ("Great quality, I will buy here again.", "positive"),
    ("The box was empty. I am very angry.", "negative"),
    ("Your support was friendly and solved it at once.", "positive"),
    ("The worst purchase I have ever made.", "negative"),
    ("Excellent, better than I expected.", "positive"),
    ("The screen is scratched and the charger is missing.", "negative"),
    ("Perfect gift, my daughter is happy.", "positive"),
    ("It smells awful and I got a headache.", "negative"),
)
LABELS = {"enum": ["positive", "negative"]}
PARAMETERS = {
    "temperature": 0,
    "seed": 1,
    "max_tokens": 8,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "sentiment", "schema": LABELS},
    },
}
SENTIMENT = (
    "Classify the sentiment of this customer message as positive or negative.\n\n"
    "Message: {{ question }}\nSentiment:"
)


class Tickets(Repository):
    """Its cases are TICKETS, as many as `cases` says."""

    def rows(self) -> list[dict[str, Any]]:
        return [
            {"id": f"c{i}", "variables": {"question": ticket}, "expected": json.dumps(label)}
            for i, (ticket, label) in enumerate(TICKETS[: self.cases])
        ]


def pin(launch: Launch, url: str, **more: Any) -> dict[str, Any]:
    """models.yaml's entry for what is launched."""
    return {
        "served_id": launch.served_name,
        "revision": launch.revision,
        "engine": "vllm",
        "engine_version": launch.engine_version,
        "dtype": launch.dtype,
        "max_context": launch.max_context,
        "base_url": url,
        "concurrency": 8,
        "timeout_seconds": 300,
        **more,
    }


def asking(
    launch: Launch, url: str, template: str, parameters: dict[str, Any], **changes: Any
) -> Repository:
    """The repository with the prompt `oracle`, asked of the model that is launched.

    The same server is pinned twice: a model does not judge itself, so the judge has another name.
    """
    models = {"tiny": pin(launch, url), "umpire": pin(launch, url, revision="the judge")}
    head = json.dumps(
        {"variables": {"question": {"type": "string"}}, "parameters": parameters},
    )
    repository = Tickets(url, **{"cases": len(TICKETS), **changes})
    more = {
        **repository.more,
        "models.yaml": json.dumps({"models": models}).encode(),
        "prompts/oracle/v1.jinja2": f"---\n{head}\n---\n{template}".encode(),
    }
    return replace(repository, more=more)


def evaluated(actor: Actor, limits: Limits = PATIENT, **changes: Any) -> EvalRun:
    """A run, worked on to its end."""
    run = started(actor, **changes)
    engine.work(run.pk, limits=limits)
    return again(run)


def results(run: EvalRun) -> dict[str, CaseResult]:
    """By case; fails where a case has two."""
    found = list(CaseResult.objects.filter(run=run))
    by_case = {result.case: result for result in found}
    assert len(by_case) == len(found)
    return by_case
