"""Celery as a child of the supervisor: says in a file when it is ready to work.

    python -m config.embedded.celery_process READY_FILE worker|beat option…

The file then holds the process id, so that a file from an earlier process proves nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from celery.signals import beat_init, worker_ready


def main() -> None:
    """Run the Celery command given on the command line until it is told to stop."""
    ready_file, arguments = Path(sys.argv[1]), sys.argv[2:]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

    def announce(**_: Any) -> None:
        ready_file.write_text(str(os.getpid()), encoding="ascii")

    worker_ready.connect(announce, weak=False)
    beat_init.connect(announce, weak=False)
    from config.celery import app

    app.start(arguments)


if __name__ == "__main__":
    main()
