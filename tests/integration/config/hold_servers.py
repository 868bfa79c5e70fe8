"""A program for tests: run PostgreSQL and Valkey in the folder given, until told to stop.

Prints `up` when both answer. An optional second argument forces PostgreSQL's identity.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from config.embedded import folder, postgres, valkey
from config.embedded.supervisor import Supervisor


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    data = folder.prepare(Path(sys.argv[1]), postgres_major=postgres.major_version())
    with folder.Claim(data), Supervisor(print, os.environ) as supervisor:
        supervisor.start(postgres.service(data))
        supervisor.start(valkey.service(data))
        supervisor.wait("postgres")
        postgres.ensure_database(data)
        supervisor.wait("valkey")
        print("up", flush=True)
        signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    main()
