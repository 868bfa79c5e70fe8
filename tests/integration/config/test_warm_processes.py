"""What every process needs is loaded before anybody waits for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[3]
#: In a process of its own: this one has loaded all of it.
_FORKED = """
import gc
import os
import sys

from config.celery import app
app.Worker(pool="solo")
if os.fork() == 0:
    from registry.mirror import MirrorLimits
    from registry.sync import basis
    hits = basis._code.cache_info().hits
    basis.basis(MirrorLimits())
    assert "git" in sys.modules
    assert basis._code.cache_info().hits == hits + 1
    assert gc.get_freeze_count() > 100_000, gc.get_freeze_count()
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.mark.slow
def test_a_pool_process_begins_with_what_a_sync_needs(tmp_path: Path) -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run(
        [sys.executable, "-c", _FORKED],
        cwd=_ROOT,
        env=environment | {"ASSAY_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
