"""LiteLLM's own proxy as a process, and what reaches the model server behind it."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from config.embedded import ports
from tests.acceptance.dialects.environments import environment_of, python_with
from tests.acceptance.dialects.litellm.upstream import Upstream

KEY = "sk-of-the-proxy"
_ARGUMENTS = ("--config", "config.yaml", "--host", "127.0.0.1", "--port")
#: Half a minute on an idle machine, more by as much as others keep it busy.
STARTING_SECONDS = 400


@dataclass(frozen=True)
class Proxy:
    """A running proxy and what its model server was asked."""

    url: str
    upstream: Upstream

    def ask(self, **body: Any) -> tuple[int, dict[str, Any]]:
        """Status and body of one chat; its `messages` are `Hi` when none are given."""
        said = {"model": "little", "messages": [{"role": "user", "content": "Hi"}], **body}
        request = urllib.request.Request(
            f"{self.url}/v1/chat/completions",
            data=json.dumps(said).encode(),
            headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def sent(self, **body: Any) -> list[dict[str, Any]]:
        """The messages that reached the model server."""
        status, answer = self.ask(**body)
        assert status == 200, answer
        messages: list[dict[str, Any]] = self.upstream.asked[-1]["messages"]
        return messages

    def refused(self, **body: Any) -> tuple[int, str]:
        """Status and message of a chat that is not to reach the model server."""
        before = len(self.upstream.asked)
        status, answer = self.ask(**body)
        assert len(self.upstream.asked) == before
        return status, json.dumps(answer)


@contextmanager
def running(
    folder: Path, upstream: Upstream, config: Mapping[str, Any], settings: Mapping[str, str]
) -> Iterator[Proxy]:
    """A proxy over `config`, which is config.yaml; that may as well be JSON."""
    python, port = python_with("litellm"), ports.free_port()
    general = {"general_settings": {"master_key": KEY}}
    (folder / "config.yaml").write_text(json.dumps({**config, **general}))
    own = {"PYTHONUNBUFFERED": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            [str(python.with_name("litellm")), *_ARGUMENTS, str(port)],
            cwd=folder,
            env=environment_of({**own, **settings}),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(f"http://127.0.0.1:{port}", child, folder / "log")
            yield Proxy(f"http://127.0.0.1:{port}", upstream)
        finally:
            child.kill()
            child.wait()


def _wait(url: str, child: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTING_SECONDS
    while child.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{url}/health/liveliness", timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"the proxy did not start: {log.read_text()[-3000:]}", pytrace=False)
