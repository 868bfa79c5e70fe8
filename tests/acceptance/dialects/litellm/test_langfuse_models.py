"""LiteLLM's own `langfuse/` models, through its proxy, with a real model behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from assay.target import Target
from tests.acceptance.conftest import Platform, platform
from tests.acceptance.dialects.litellm.proxy import Proxy, running
from tests.acceptance.dialects.litellm.upstream import serving
from tests.integration.registry.git_repositories import PromptRepository

#: How long LiteLLM keeps a prompt when nobody says otherwise.
CACHE_SECONDS = 60
_TEXT = (
    "---\nvariables:\n  name: {type: string}\nparameters: {temperature: 0, max_tokens: 4}\n---\n"
)
FILES = {
    "models.yaml": "models:\n  tiny: {served_id: tiny-served, revision: r1, engine: vllm, "
    "base_url: 'http://127.0.0.1:9'}\n",
    "gates.yaml": "policies:\n  release: {}\ntags: {stable: release}\n",
    "prompts/team/welcome/prompt.yaml": "model: tiny\n",
    **{
        f"prompts/team/welcome/v{number}.jinja2": f"{_TEXT}{word}, {{{{ name }}}}!\n"
        for number, word in enumerate(("Hello", "Welcome", "Good day"), start=1)
    },
    "prompts/reply/prompt.yaml": "model: tiny\n",
    "prompts/reply/v1.jinja2": "---\ntype: chat\nvariables:\n  topic: {type: string}\n---\n"
    '{% chat role="system" %}Reply in one line.{% endchat %}\n'
    '{% chat role="user" %}About {{ topic }}?{% endchat %}\n',
    "tags.yaml": "team/welcome:\n  stable: {version: v1, model: tiny}\n"
    "  canary: {version: v2, model: tiny, weight: 30}\n"
    "reply:\n  stable: {version: v1, model: tiny}\n",
}


@dataclass(frozen=True)
class Whole:
    """A registry of its own, whose tags move, and LiteLLM in front of a model."""

    registry: Platform
    proxy: Proxy

    def sent(self, prompt_id: str = "team/welcome", **body: Any) -> dict[str, Any]:
        """What reached the model server; a real model has answered it."""
        body = {"model": "prompts", "prompt_id": prompt_id, **body}
        status, answer = self.proxy.ask(**body)
        assert status == 200, answer
        assert answer["choices"][0]["message"]["content"]
        assert answer["usage"]["completion_tokens"] > 0
        return self.proxy.upstream.asked[-1]

    def text(self, **body: Any) -> str:
        """The prompt as it reached the model server."""
        said = self.sent(prompt_variables={"name": "Ann"}, **body)["messages"]
        assert said[1:] == [{"role": "user", "content": "Hi"}]
        assert said[0]["role"] == "system"
        return str(said[0]["content"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    folder = tmp_path_factory.mktemp("moving")
    PromptRepository(folder / "repository").write(FILES).commit()
    with platform(folder) as started:
        with started.client() as client:
            client.sync()
        assert started.tree.model_url
        with serving(started.tree.model_url) as upstream:
            little = {"model": "openai/tiny-served", "api_base": upstream.url, "api_key": "none"}
            models = [
                {"model_name": "tiny-served", "litellm_params": little},
                {"model_name": "prompts", "litellm_params": {"model": "langfuse/tiny-served"}},
            ]
            settings = {
                "LANGFUSE_HOST": started.tree.base_url,
                "LANGFUSE_PUBLIC_KEY": "pk-lf-any",
                "LANGFUSE_SECRET_KEY": started.token,
            }
            with running(folder, upstream, {"model_list": models}, settings) as proxy:
                yield Whole(started, proxy)


def test_label_variables_model_and_parameters_reach_the_model(whole: Whole) -> None:
    sent = whole.sent(prompt_variables={"name": "Ann"})
    assert sent["messages"][0] == {"role": "system", "content": "Hello, Ann!"}
    assert (sent["model"], sent["temperature"], sent["max_tokens"]) == ("tiny-served", 0, 4)
    # Assay's own word in `config` would have become a parameter.
    assert "assay" not in sent
    assert whole.text(prompt_label="production") == "Hello, Ann!"
    assert whole.text(prompt_label="canary") == "Welcome, Ann!"
    assert whole.text(prompt_label="latest") == "Good day, Ann!"
    chat = whole.sent("reply", prompt_variables={"topic": "tea"}, max_tokens=4)["messages"]
    assert chat == [
        {"role": "system", "content": "Reply in one line."},
        {"role": "user", "content": "About tea?"},
        {"role": "user", "content": "Hi"},
    ]


def test_an_unknown_prompt_or_label_reaches_no_model(whole: Whole) -> None:
    for body in ({"prompt_id": "nobody"}, {"prompt_id": "team/welcome", "prompt_label": "gone"}):
        status, told = whole.proxy.refused(model="prompts", **body)
        assert status == 404, told


def test_a_move_arrives_when_what_litellm_keeps_is_a_minute_old(whole: Whole) -> None:
    """It is not asked again before, and does not keep it longer."""
    with whole.registry.client() as client:
        client.override(Target("team/welcome", 2, tag="blue", model="tiny"), reason="test")
        began = time.monotonic()
        assert whole.text(prompt_label="blue") == "Welcome, Ann!"
        fetched = time.monotonic()
        client.override(Target("team/welcome", 3, tag="blue", model="tiny"), reason="test")
        while (text := whole.text(prompt_label="blue")) == "Welcome, Ann!":
            assert time.monotonic() - fetched < CACHE_SECONDS + 20
            time.sleep(1)
    assert text == "Good day, Ann!"
    assert time.monotonic() - began >= CACHE_SECONDS
