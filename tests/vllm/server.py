"""A real vLLM on the CPU, started with the arguments that `serving.launch` writes for a pin."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from serving.launch import Launch, Node, command

#: Longer than any start seen on two busy cores (44 s alone, 80 s beside other work).
_START_SECONDS = 300
_STOP_SECONDS = 60
_OFFLINE = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
#: torch.compile takes minutes on a CPU, and its cache cannot be loaded again (vLLM 0.32).
EAGER = ("--enforce-eager",)


class ServerError(Exception):
    """vLLM did not start or did not stop; the message has the end of its log."""


@dataclass(frozen=True)
class Recipe:
    """A pin, and how its server is run: cores to compute on, further arguments and environment
    variables, where its log goes, and, of several that serve together, which one it is.

    Servers that run at the same time need different `cores`: by default vLLM binds all to the
    first one.
    """

    launch: Launch
    environment: Path
    log: Path
    cores: str = "0"
    more: Sequence[str] = EAGER
    variables: Mapping[str, str] = field(default_factory=dict)
    node: Node | None = None

    @property
    def url(self) -> str:
        return f"http://{self.launch.host}:{self.launch.port}"

    def with_(self, **changes: object) -> Recipe:
        """With another launch (by the names of Launch), run alike."""
        return replace(self, launch=replace(self.launch, **changes))  # type: ignore[arg-type]

    def argv(self) -> list[str]:
        program, *arguments = command(self.launch, self.node)
        return [str(self.environment / "bin" / program), *arguments, *self.more]

    def environ(self) -> Mapping[str, str]:
        kept = {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR") if name in os.environ}
        return {**kept, **_OFFLINE, **self.variables, "VLLM_CPU_OMP_THREADS_BIND": self.cores}


class Server:
    """One started vLLM and all its processes."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.url = recipe.url
        with recipe.log.open("ab") as log:
            self._process = subprocess.Popen(
                recipe.argv(),
                env=dict(recipe.environ()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Return when it answers. Raises ServerError."""
        until = time.monotonic() + _START_SECONDS
        while not self._is_healthy():
            if self._process.poll() is not None:
                raise ServerError(f"vLLM ended while it started:\n{self._end_of_log()}")
            if time.monotonic() > until:
                raise ServerError(f"vLLM is not ready after minutes:\n{self._end_of_log()}")
            time.sleep(0.25)

    def ask_to_stop(self) -> None:
        """SIGTERM: it finishes what it answers, for as long as the pin says."""
        self._process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Stop it and wait for all its processes: engine and worker outlive their parent a little.

        Raises ServerError when the parent has to be killed.
        """
        family = self._family()
        if self._process.poll() is None:
            self.ask_to_stop()
        try:
            self._process.wait(_STOP_SECONDS)
            is_obedient = True
        except subprocess.TimeoutExpired:
            is_obedient = False
            self._process.kill()
            self._process.wait()
        _gone, left = psutil.wait_procs(family, timeout=10)
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=10)
        if not is_obedient:
            raise ServerError(f"vLLM did not stop at SIGTERM:\n{self._end_of_log()}")

    def wait_for_end(self, seconds: float) -> None:
        """Wait until it has ended by itself, with all its processes."""
        family = self._family()
        self._process.wait(seconds)
        psutil.wait_procs(family, timeout=10)

    def _family(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return int(answer.status) == 200
        except (urllib.error.URLError, OSError):
            return False

    def _end_of_log(self) -> str:
        lines = self.recipe.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-40:])


@contextmanager
def serving(recipe: Recipe) -> Iterator[Server]:
    """A server that is ready, stopped at the end."""
    server = Server(recipe)
    try:
        server.wait()
        yield server
    finally:
        server.stop()
