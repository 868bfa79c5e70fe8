"""Delete kept answers: those that are too old, and the oldest of what is too much."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from evals.models import KeptAnswer

_BATCH = 1_000
_OLD = "SELECT key FROM evals_keptanswer WHERE created_at < %s"
#: The newest answers that fit stay. Their size is that on the disk, without its index: of the text
#: as it is stored, and some 150 bytes of everything else.
_TOO_MUCH = """
SELECT key FROM (
    SELECT key, sum(pg_column_size(text) + 150) OVER (ORDER BY created_at DESC, key) AS size
    FROM evals_keptanswer
) AS kept WHERE size > %s
"""


def prune_kept_answers(*, now: datetime) -> int:
    """Keep to `KEPT_ANSWERS_DAYS` and `KEPT_ANSWERS_MB`. Returns how many were deleted.

    In batches, each a transaction of its own: nobody who keeps answers meanwhile waits long.
    """
    limit = now - timedelta(days=settings.KEPT_ANSWERS_DAYS)
    gone = _delete(_OLD, limit)
    return gone + _delete(_TOO_MUCH, settings.KEPT_ANSWERS_MB * 1_000_000)


def _delete(chosen: str, limit: datetime | int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(chosen, [limit])
        keys = [row[0] for row in cursor.fetchall()]
    for start in range(0, len(keys), _BATCH):
        KeptAnswer.objects.filter(key__in=keys[start : start + _BATCH]).delete()
    return len(keys)
