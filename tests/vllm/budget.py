"""`budget.py SECONDS_LEFT`: whether CI may run the vLLM tests now; exit code 1, with the reason, if
not. They need time, memory for two servers, and disk for vLLM and some copies of the model.
"""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

import psutil

#: Measured on two cores: installing, converting, three starts, the tests; and as much again for a
#: machine with other work.
_SECONDS = 15 * 60
_MEMORY_MIB = 8_000
_DISK_MIB = 6_000


def missing(seconds_left: float) -> str:
    """What is not there; empty when all is."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return f"vLLM's CPU wheel is for Linux on x86_64, not {platform.platform()}"
    if seconds_left < _SECONDS:
        return f"they may take {_SECONDS} seconds, and {seconds_left:.0f} are left"
    memory = psutil.virtual_memory().available // 2**20
    if memory < _MEMORY_MIB:
        return f"they need {_MEMORY_MIB} MiB of memory, and {memory} MiB are free"
    disk = shutil.disk_usage(Path(__file__).parent).free // 2**20
    if disk < _DISK_MIB:
        return f"they need {_DISK_MIB} MiB of disk, and {disk} MiB are free"
    return ""


if __name__ == "__main__":
    if reason := missing(float(sys.argv[1])):
        print(f"SKIPPED, not passed: the tests with a real vLLM, because {reason}")
        raise SystemExit(1)
