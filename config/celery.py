"""The Celery application: JSON only, late acknowledgement, messages as wake-ups."""

from __future__ import annotations

import os
import signal
from typing import Any

from celery import Celery
from celery.signals import worker_init, worker_process_init
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings

from config.embedded.processes import die_with_parent
from config.settling import settle

_TIDY_SECONDS = 3600

app = Celery("assay")
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    broker_connection_retry_on_startup=True,
    # A publisher must not hang when the broker is down: the work is in PostgreSQL, the sweeper
    # rings again.
    broker_connection_timeout=2,
    broker_transport_options={
        "visibility_timeout": 3600,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        # One try: with the broker down a request that rings it must not wait.
        "max_retries": 0,
    },
    task_publish_retry=False,
    # Results live in PostgreSQL, where they are complete and typed.
    task_ignore_result=True,
    result_backend=None,
    accept_content=["json"],
    task_serializer="json",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_time_limit=1800,
    task_soft_time_limit=1700,
    worker_hijack_root_logger=False,
    worker_max_tasks_per_child=500,
    task_default_queue="assay",
    task_queues=[Queue("assay"), Queue("assay.evals")],
    task_routes={"evals.*": {"queue": "assay.evals"}},
    timezone="UTC",
    beat_schedule={
        "evals.sweep": {
            "task": "evals.sweep",
            "schedule": settings.EVAL_SWEEP_SECONDS,
            # A sweep nobody ran in time is worth nothing.
            "options": {"expires": settings.EVAL_SWEEP_SECONDS},
        },
        "evals.probe_all": {
            "task": "evals.probe_all",
            "schedule": settings.MODEL_PROBE_SECONDS,
            # Not among the evaluations: a look must not wait for a long run.
            "options": {"expires": settings.MODEL_PROBE_SECONDS, "queue": "assay"},
        },
        "registry.sync": {
            "task": "registry.sync",
            "schedule": settings.REPOSITORY_POLL_SECONDS,
            "options": {"expires": settings.REPOSITORY_POLL_SECONDS},
        },
        "registry.relay": {
            "task": "registry.relay",
            "schedule": settings.OUTBOX_SWEEP_SECONDS,
            "options": {"expires": settings.OUTBOX_SWEEP_SECONDS},
        },
        "registry.tidy": {
            "task": "registry.tidy",
            "schedule": _TIDY_SECONDS,
            "options": {"expires": _TIDY_SECONDS},
        },
        "evals.tidy": {
            "task": "evals.tidy",
            "schedule": _TIDY_SECONDS,
            # Not among the evaluations: no run waits for it.
            "options": {"expires": _TIDY_SECONDS, "queue": "assay"},
        },
    },
)
app.autodiscover_tasks(["registry", "evals"])


@worker_process_init.connect
def _follow_parent(**_: Any) -> None:
    """A pool process whose main process was killed must not work on."""
    die_with_parent(signal.SIGKILL)


@worker_init.connect
def _settle(**_: Any) -> None:
    """Once, for all pool processes: they are forked from this one."""
    # The application registry is ready only now.
    from registry import sync

    sync.prepare()
    settle()
