"""The demo model as vLLM wants it, and copies of it that differ, made by scripts in vLLM's own
environment: torch and transformers are installed nowhere else.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def converted(environment: Path, source: Path) -> Path:
    """The folder of `source`, a GGUF file; made once, inside the environment."""
    recipe = (_HERE / "convert.py").read_bytes() + str(source.stat().st_size).encode()
    folder = environment / "models" / hashlib.sha256(recipe).hexdigest()[:12]
    if not folder.is_dir():
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        _run(environment, "convert.py", source, unfinished)
        unfinished.rename(folder)
    return folder


def perturbed(environment: Path, model: Path, copy: Path, how: str) -> Path:
    """`copy`, made from `model` as `perturb.py` says."""
    _run(environment, "perturb.py", model, copy, how)
    return copy


def revision(folder: Path) -> str:
    """What stands for a commit where weights lie in a folder: the hash of all its files."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    digests = b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)
    return f"sha256:{hashlib.sha256(digests).hexdigest()}"


def _run(environment: Path, script: str, *arguments: object) -> None:
    program = [str(environment / "bin" / "python"), str(_HERE / script), *map(str, arguments)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{script} failed:\n{done.stderr[-2000:]}")
