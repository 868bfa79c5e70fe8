"""LiteLLM's own proxy, in front of a model server that keeps what it was asked."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from config.embedded import ports
from tests.acceptance.dialects.conftest import Registry
from tests.acceptance.dialects.environments import environment_of, python_with, session
from tests.acceptance.dialects.litellm.upstream import Upstream, serving
from tests.acceptance.dialects.prompts import USERS

REPOSITORY = Path(__file__).resolve().parents[4]
KEY = "sk-of-the-proxy"
GENERIC = Path(__file__).with_name("session.py")
ARGUMENTS = ("--config", "config.yaml", "--host", "127.0.0.1", "--port")
#: Half a minute on an idle machine, more by as much as others keep it busy.
STARTING_SECONDS = 400
CALLBACK = """\
from assay.integrations.litellm import AssayPrompts
prompts = AssayPrompts(ttl_seconds=0.2)
"""


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


@pytest.fixture(scope="module")
def proxy(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """With the callback. It takes half a minute to start."""
    python, folder = python_with("litellm"), tmp_path_factory.mktemp("litellm")
    with serving() as upstream, (folder / "log").open("wb") as log:
        (folder / "own.py").write_text(CALLBACK)
        (folder / "config.yaml").write_text(json.dumps(config(upstream)))
        port = ports.free_port()
        settings = {
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONUNBUFFERED": "1",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "ASSAY_URL": registry.url,
            "ASSAY_TOKEN": registry.token,
        }
        child = subprocess.Popen(
            [str(python.with_name("litellm")), *ARGUMENTS, str(port)],
            cwd=folder,
            env=environment_of(settings),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait(f"http://127.0.0.1:{port}", child, folder / "log")
            yield Proxy(f"http://127.0.0.1:{port}", upstream)
        finally:
            child.kill()
            child.wait()


def config(upstream: Upstream) -> dict[str, Any]:
    """config.yaml, which may as well be JSON."""
    little = {"model": "openai/little", "api_base": upstream.url, "api_key": "none"}
    return {
        "model_list": [{"model_name": "little", "litellm_params": little}],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"callbacks": ["own.prompts"]},
    }


def wait(url: str, child: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTING_SECONDS
    while child.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{url}/health/liveliness", timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"the proxy did not start: {log.read_text()[-3000:]}", pytrace=False)


def test_the_callback_passes_label_version_and_variables(proxy: Proxy) -> None:
    values = {"name": "Ann {place}", "place": "{{ name }}"}
    asked: dict[str, Any] = {"prompt_id": "greeting", "prompt_variables": values}
    stable, hi = proxy.sent(**asked)
    assert hi == {"role": "user", "content": "Hi"}
    assert stable["content"] == "Good day Ann {place}, welcome to {{ name }}."
    assert proxy.sent(**asked, prompt_label="canary")[0]["content"].startswith("Welcome to")
    asked["prompt_variables"] = {"name": "Ann {place}"}
    assert proxy.sent(**asked, prompt_label="blue")[0]["content"] == "Hello Ann {place}!"
    assert proxy.sent(**asked, prompt_version=4)[0]["content"] == "Not released, Ann {place}."


def test_the_callback_renders_every_template_as_assay_does(
    proxy: Proxy, registry: Registry
) -> None:
    cases: list[tuple[str, dict[str, Any]]] = [
        ("polite", {"name": "ann"}),
        ("listing", {"items": ["tea", "milk"]}),
        ("shape", {"name": "Ann"}),
        ("latex", {"name": "Ann"}),
        ("greeting", {"name": "Ann"}),
    ]
    with registry.platform.client() as client:
        for name, values in cases:
            [said, _] = proxy.sent(prompt_id=name, prompt_variables=values)
            assert said["content"] == client.render(name, variables=values).text


def test_the_callback_puts_the_conversation_at_the_placeholder(proxy: Proxy) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "See"}, picture]},
        {"role": "assistant", "content": "I see"},
    ]
    values = {"company": "ACME", "question": "And now?"}
    said = proxy.sent(prompt_id="support/chat", prompt_variables=values, messages=messages)
    assert said == [
        {"role": "system", "content": "You help the customers of ACME. Be kind."},
        *messages,
        {"role": "user", "content": "And now?"},
    ]


def test_a_user_is_on_the_arm_of_the_native_lookup(proxy: Proxy, registry: Registry) -> None:
    arms = set()
    for user in USERS[:8]:
        arm = registry.native("greeting", key=user)["arm"]
        said = proxy.sent(prompt_id="greeting", prompt_variables={"name": "Ann"}, user=user)
        assert said[0]["content"].startswith("Welcome" if arm == "canary" else "Good day")
        arms.add(arm)
    assert arms == {"stable", "canary"}


def test_without_a_prompt_nothing_is_changed(proxy: Proxy) -> None:
    assert proxy.sent() == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("asked", "status", "message"),
    [
        ({"prompt_id": "nobody"}, 404, "there is no prompt 'nobody'"),
        ({"prompt_id": "greeting", "prompt_label": "gone"}, 404, "it has blue, canary, stable"),
        ({"prompt_id": "greeting", "prompt_version": 99}, 404, "it has v1, v2, v3, v4"),
        ({"prompt_id": "greeting"}, 400, "/name"),
        ({"prompt_id": "greeting", "prompt_variables": {"nam": "x"}}, 400, "/nam"),
    ],
)
def test_the_callback_refuses_what_would_be_wrong(
    proxy: Proxy, asked: dict[str, Any], status: int, message: str
) -> None:
    found, told = proxy.refused(**asked)
    assert found == status, told
    assert message in told


@pytest.fixture(scope="module")
def pinned(registry: Registry) -> Iterator[Callable[..., dict[str, Any]]]:
    """LiteLLM's own manager of the generic endpoint, as its proxy uses it."""
    command = (python_with("litellm"), GENERIC, registry.url, registry.token)
    settings = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with session(*command, settings=settings, seconds=STARTING_SECONDS) as litellm:

        def run(prompt_id: str, **values: Any) -> dict[str, Any]:
            found: dict[str, Any] = litellm({"prompt_id": prompt_id, "values": values})
            return found

        yield run


def test_pinned_versions_come_by_the_generic_endpoint(
    pinned: Callable[..., dict[str, Any]], registry: Registry
) -> None:
    with registry.platform.client() as client:
        for name, values in (("reply", {"topic": "tea"}), ("greeting", {"name": "Ann"})):
            found = pinned(f"{name}@v1", **values)
            here = client.render(name, version=1, variables=values)
            told = [{"role": one.role, "content": one.content} for one in here.messages]
            assert found["messages"] == [*told, {"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("prompt_id", ["greeting", "greeting@stable", "shape@v1", "polite@v1"])
def test_what_would_go_stale_or_wrong_is_refused(
    pinned: Callable[..., dict[str, Any]], prompt_id: str
) -> None:
    assert "400 Bad Request" in pinned(prompt_id, name="Ann")["error"]
