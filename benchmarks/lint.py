"""What `assay lint` costs on a large repository, and on a change of one prompt in it.

`python benchmarks/lint.py [PROMPTS] [VERSIONS]`; the floor is reading every file once (of the whole
repository), and starting the command and asking Git for the difference (of the change). Processor
seconds, of all processes together, stand beside the clock: on a busy machine only they can be
compared. Python keeps what it compiled, as in any installation, whatever the environment says.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from running_assay import git, make_repository
from table import show

ASSAY = str(Path(sys.executable).with_name("assay"))
_DIFF = 'cd "$0" && git diff --name-only HEAD~1 && git ls-files --others --exclude-standard'
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
        show_lint(repository, f"{prompts} prompts × {versions} versions")


def show_lint(repository: Path, title: str) -> None:
    """Print both tables. A version is committed to the repository on the way."""
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def timed(*command: str) -> tuple[str, str]:
            """Seconds by the clock, and of processor time; the best of three."""
            wall, spent = min(_once(command, environment) for _ in range(3))
            return f"{wall:.2f}", f"{spent:.2f}"

        head, folder = ("what", "s by the clock", "processor s", "goal"), str(repository)
        read = timed(sys.executable, "-c", _READ, folder)
        whole = timed(ASSAY, "lint", folder)
        rows = [("read every file (floor)", *read, ""), ("assay lint", *whole, "≤ 15 s")]
        show(title, head, rows)
        commit_a_version(repository, 0)
        of_change = [
            ("assay --version (floor)", *timed(ASSAY, "--version"), ""),
            ("git diff, untracked files (floor)", *timed("sh", "-c", _DIFF, folder), ""),
            ("assay lint --base", *timed(ASSAY, "lint", folder, "--base", "HEAD~1"), "≤ 1 s"),
            ("assay ci", *timed(ASSAY, "ci", folder, "--base", "HEAD~1"), ""),
        ]
        show("a change of one prompt in it", head, of_change)


def commit_a_version(repository: Path, number: int) -> int:
    """One more version of the prompt with that number, in a commit. Returns which."""
    folder = repository / "prompts" / f"prompt-{number:05}"
    version = len(list(folder.glob("v*.jinja2"))) + 1
    (folder / f"v{version}.jinja2").write_text(f"One more, take {version}.\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "One version.")
    return version


def _once(command: tuple[str, ...], environment: dict[str, str]) -> tuple[float, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, spent


if __name__ == "__main__":
    main(*[int(word) for word in sys.argv[1:3]] or (10_000, 3))
