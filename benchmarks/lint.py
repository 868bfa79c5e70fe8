"""What `assay lint` costs on a large repository, and on a change of one prompt in it.

`python benchmarks/lint.py [PROMPTS] [VERSIONS]`; the floor is reading every file once (of the whole
repository), and starting the command (of the change). Processor seconds stand beside the clock: on
a busy machine only they can be compared.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from running_assay import git, make_repository
from table import show

ASSAY = str(Path(sys.executable).with_name("assay"))
_READ = """
import sys
from pathlib import Path
from assay.folder import Folder
files = Folder(Path(sys.argv[1]))
for path in files.paths():
    files.read(path)
"""


def main(prompts: int, versions: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        repository = Path(scratch) / "repository"
        make_repository(repository, prompts, versions)
        whole = [
            ("read every file (floor)", _timed(sys.executable, "-c", _READ, str(repository))),
            ("assay lint", _timed(ASSAY, "lint", str(repository))),
        ]
        added = repository / "prompts" / "prompt-00000" / f"v{versions + 1}.jinja2"
        added.write_text("One more.\n")
        git(repository, "add", "-A")
        git(repository, "commit", "-q", "-m", "One version.")
        change = [
            ("assay --version (floor)", _timed(ASSAY, "--version")),
            ("assay lint --base", _timed(ASSAY, "lint", str(repository), "--base", "HEAD~1")),
            ("assay ci", _timed(ASSAY, "ci", str(repository), "--base", "HEAD~1")),
        ]
    head = ("what", "s by the clock", "processor s")
    show(f"{prompts} prompts × {versions} versions", head, [(n, *spent) for n, spent in whole])
    show("a change of one prompt in it", head, [(name, *spent) for name, spent in change])


def _timed(*command: str) -> tuple[str, str]:
    """Seconds by the clock, and of processor time; the better of two."""
    wall, spent = min(_once(command), _once(command))
    return f"{wall:.2f}", f"{spent:.2f}"


def _once(command: tuple[str, ...]) -> tuple[float, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, spent


if __name__ == "__main__":
    main(*[int(word) for word in sys.argv[1:3]] or (10_000, 3))
