"""The figures that are read from the database at every scrape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.db.models import Count
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

import evals.queries
from registry import probing, queries

#: Other tags share one label: people name them, and there may be many.
_NAMED_TAGS = ("stable", "canary")
#: USD per million tokens in models.yaml.
_MILLION = 1_000_000


class Figures(Collector):
    """Everything about syncs, tags, runs, the queue and prices, as it is now."""

    def collect(self) -> Iterator[Metric]:
        """One family after the other, each one or two queries."""
        yield from _mirror()
        yield from _tags()
        yield from _runs()
        yield from _queue()
        yield from _models()
        yield _prices()


def _mirror() -> Iterator[Metric]:
    yield _counter(
        "assay_syncs",
        "Attempts to follow the prompt repository, by how they ended.",
        ("status",),
        {(status,): count for status, count in queries.syncs_by_status().items()},
    )
    # Before the first answer of the remote there is no age: alerts ask for its absence.
    state = queries.mirror()
    fetched_at = state.fetched_at if state else None
    age = (timezone.now() - fetched_at).total_seconds() if fetched_at else None
    help_text = "Seconds since the remote repository last answered."
    yield GaugeMetricFamily("assay_mirror_age_seconds", help_text, value=age)
    alarms = queries.open_alarms().order_by().values_list("kind").annotate(Count("pk"))
    yield _gauge(
        "assay_mirror_alarms",
        "Alarms about the repository that nobody resolved yet.",
        ("kind",),
        {(kind,): count for kind, count in alarms},
    )


def _tags() -> Iterator[Metric]:
    tags: dict[tuple[str, ...], float] = {}
    for (name, evidence), count in queries.tags_by_evidence().items():
        key = (name if name in _NAMED_TAGS else "other", evidence)
        tags[key] = tags.get(key, 0) + count
    yield _gauge("assay_tags", "Live tags by what they stand on.", ("tag", "evidence"), tags)
    yield _counter(
        "assay_tag_moves",
        "Entries of the ledger, by why the tag moved.",
        ("kind",),
        {(kind,): count for kind, count in queries.moves_by_kind().items()},
    )
    yield GaugeMetricFamily(
        "assay_outbox_messages",
        "Facts that were not passed on to the outside yet.",
        value=queries.undelivered_messages(),
    )


def _runs() -> Iterator[Metric]:
    outcomes = evals.queries.runs_by_outcome()
    yield _gauge(
        "assay_runs",
        "Evaluation runs, deleted ones too, by status and, once finished, verdict.",
        ("status", "verdict"),
        {(status, verdict): n for (status, verdict), n in outcomes.items()},
    )
    prompt, completion = evals.queries.tokens_paid_for()
    yield _counter(
        "assay_run_tokens",
        "Tokens that evaluation runs paid for.",
        ("kind",),
        {("prompt",): prompt, ("completion",): completion},
    )


def _queue() -> Iterator[Metric]:
    queue = evals.queries.queue()
    yield _gauge(
        "assay_queue_items",
        "Answers that live runs still miss; leased: a worker is at it.",
        ("state",),
        {("waiting",): queue.waiting, ("leased",): queue.leased},
    )
    yield GaugeMetricFamily(
        "assay_queue_oldest_seconds",
        "Seconds since the oldest live run was asked for.",
        value=queue.oldest_seconds,
    )


def _models() -> Iterator[Metric]:
    """Of models.yaml as it is now; names of models are few."""
    models = {model.pk: model.name for model in queries.models()}
    looks = probing.newest_probes(models.keys())
    yield _gauge(
        "assay_model_reachable",
        "Whether the model's server answered the last look at it.",
        ("model",),
        {(models[pk],): float(look.is_reachable) for pk, look in looks.items()},
    )
    yield _gauge(
        "assay_model_differences",
        "In how many things the server says otherwise than models.yaml.",
        ("model",),
        {(models[pk],): len(look.differences) for pk, look in looks.items()},
    )
    drifted = {alarm.model_id for alarm in queries.model_alarms()}
    yield _gauge(
        "assay_model_drifted",
        "1 while a model serves something else than what was certified on it.",
        ("model",),
        {(name,): float(pk in drifted) for pk, name in models.items()},
    )
    yield _counter(
        "assay_model_drifts",
        "How often a model began to serve something else than what was certified on it.",
        ("model",),
        {(name,): count for name, count in queries.drifts_by_model().items()},
    )


def _prices() -> Metric:
    """With vLLM's own label, so that rules can multiply its token counts."""
    prices: dict[tuple[str, ...], float] = {}
    for model in queries.models():
        for kind in ("prompt", "completion"):
            # Two pins may serve under one name; the dearer one counts.
            key = (str(model.pin["served_id"]), kind)
            price = float(model.pin.get(f"price_{kind}", 0.0)) / _MILLION
            prices[key] = max(price, prices.get(key, 0.0))
    return _gauge(
        "assay_model_price_usd_per_token",
        "What models.yaml says a token costs.",
        ("model_name", "kind"),
        prices,
    )


def _gauge(
    name: str, help_text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family


def _counter(
    name: str, help_text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> Metric:
    family = CounterMetricFamily(name, help_text, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family
