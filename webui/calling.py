"""The code that calls a prompt, with its own name and variables, to be copied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from keyword import iskeyword
from urllib.parse import quote

from registry.domain.template.analysis import placeholder_names
from registry.domain.version import VersionContent


@dataclass(frozen=True, slots=True)
class Snippet:
    """What it is for, and the code."""

    title: str
    code: str


def snippets(name: str, content: VersionContent | None, address: str) -> Iterator[Snippet]:
    """For curl, Assay's client, with OpenAI's, and Langfuse's SDK. `content` is that of the newest
    version, None without one; `address` is the server's, without a slash at the end.
    """
    yield Snippet(
        "curl",
        f'curl -H "Authorization: Bearer $ASSAY_TOKEN" \\\n'
        f'  "{address}/api/v1/prompts/{quote(name)}?tag=stable"',
    )
    given = _arguments(content) if content else ""
    yield Snippet(
        "Python, kept fresh in memory",
        "from assay import Client\n\n"
        f'client = Client("{address}")  # ASSAY_TOKEN with the scope lookup; one for the process\n'
        f'prompt = client.get("{name}")\n'
        f"messages = prompt.render({given}).messages",
    )
    yield Snippet(
        "then OpenAI's client",
        "from dataclasses import asdict\n\n"
        "from openai import OpenAI\n\n"
        "answer = OpenAI(base_url=model_address, api_key=key).chat.completions.create(\n"
        "    model=prompt.model.served_id,\n"
        "    messages=[asdict(message) for message in messages],\n"
        "    **prompt.parameters,\n"
        ")",
    )
    kind = ', type="chat"' if content and content.type == "chat" else ""
    variables = ", ".join(_named(content)) if content else ""
    yield Snippet(
        "Langfuse's SDK",
        f"# LANGFUSE_BASE_URL={address}\n"
        "# LANGFUSE_PUBLIC_KEY=pk-lf-my-app  LANGFUSE_SECRET_KEY=$ASSAY_TOKEN\n"
        "from langfuse import Langfuse\n\n"
        f'prompt = Langfuse().get_prompt("{name}"{kind})\n'
        f"filled = prompt.compile({variables})",
    )


def _arguments(content: VersionContent) -> str:
    """Placeholders as a mapping, then variables by name."""
    histories = ", ".join(f'"{one}": {one}' for one in placeholder_names(content))
    return ", ".join([*([f"{{{histories}}}"] if histories else []), *_named(content)])


def _named(content: VersionContent) -> list[str]:
    """`question=question`; what is no name in Python comes in a mapping."""
    names = list(content.variables)
    if all(one.isidentifier() and not iskeyword(one) for one in names):
        return [f"{one}={one}" for one in names]
    return ["**variables"]
