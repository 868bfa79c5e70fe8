"""LiteLLM's own proxy, in front of a model server that keeps what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.dialects.conftest import Registry
from tests.acceptance.dialects.environments import python_with, session
from tests.acceptance.dialects.litellm.proxy import STARTING_SECONDS, Proxy, running
from tests.acceptance.dialects.litellm.upstream import serving
from tests.acceptance.dialects.prompts import USERS

REPOSITORY = Path(__file__).resolve().parents[4]
GENERIC = Path(__file__).with_name("session.py")
CALLBACK = """\
from assay.integrations.litellm import AssayPrompts
prompts = AssayPrompts(ttl_seconds=0.2)
"""


@pytest.fixture(scope="module")
def proxy(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """With the callback. It takes half a minute to start."""
    folder = tmp_path_factory.mktemp("litellm")
    (folder / "own.py").write_text(CALLBACK)
    settings = {
        "PYTHONPATH": str(REPOSITORY),
        "ASSAY_URL": registry.url,
        "ASSAY_TOKEN": registry.token,
    }
    with serving() as upstream:
        little = {"model": "openai/little", "api_base": upstream.url, "api_key": "none"}
        config = {
            "model_list": [{"model_name": "little", "litellm_params": little}],
            "litellm_settings": {"callbacks": ["own.prompts"]},
        }
        with running(folder, upstream, config, settings) as started:
            yield started


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
