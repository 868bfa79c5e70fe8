"""What Assay says of itself under /metrics, in Prometheus' text format.

A scrape reaches any one of several web processes. So every figure but one is read from the database
when it is asked for, and is the same whichever process answers. Lookups are too many to write down
there: each process counts its own in a file, and the answer is the sum over the files.
"""

from __future__ import annotations

from config.metrics.counting import count_lookups
from config.metrics.view import MetricsView

__all__ = ["MetricsView", "count_lookups"]
