"""The prompt repository that every dialect is tested on: small, with one of each difficulty."""

from __future__ import annotations

#: Sixteen users of whom the canary of `greeting` takes about half.
USERS = tuple(f"user-{number}" for number in range(16))

_TEXT = "---\nvariables:\n  name: {type: string}\n"
_PLACE = "  place: {type: string, default: Rome}\n"
FILES = {
    "models.yaml": "models:\n  tiny: {served_id: tiny-served, revision: r1, engine: vllm, "
    "base_url: 'http://127.0.0.1:9'}\n",
    "gates.yaml": "policies:\n  release: {}\ntags: {stable: release}\n",
    # stable and canary differ, and neither is the newest.
    "prompts/greeting/prompt.yaml": "description: Greets.\nmodel: tiny\nowners: [ann]\n",
    "prompts/greeting/v1.jinja2": _TEXT + "---\nHello {{ name }}!\n",
    "prompts/greeting/v2.jinja2": _TEXT
    + _PLACE
    + "parameters: {temperature: 0.2, max_tokens: 64}\n---\n"
    + "Good day {{ name }}, welcome to {{ place }}.\n",
    "prompts/greeting/v3.jinja2": _TEXT + _PLACE + "---\nWelcome to {{ place }}, {{ name }}.\n",
    "prompts/greeting/v4.jinja2": _TEXT + "---\nNot released, {{ name }}.\n",
    # A chat in a folder, with an include and the turns before this one.
    "prompts/support/chat/prompt.yaml": "description: Answers customers.\nmodel: tiny\n",
    "prompts/support/chat/v1.jinja2": "---\ntype: chat\nvariables:\n  company: {type: string}\n"
    "  question: {type: string}\nparameters: {temperature: 0, seed: 1}\n---\n"
    '{% chat role="system" -%}\nYou help the customers of {{ company }}. '
    '{% include "partials/tone/v1" %}\n{%- endchat %}\n{% placeholder "history" %}\n'
    '{% chat role="user" %}{{ question }}{% endchat %}\n',
    "prompts/partials/tone/v1.jinja2": "Be kind.",
    # Without a placeholder, so that every client can have it.
    "prompts/reply/prompt.yaml": "model: tiny\n",
    "prompts/reply/v1.jinja2": "---\ntype: chat\nvariables:\n  topic: {type: string}\n---\n"
    '{% chat role="system" %}Reply in one line.{% endchat %}\n'
    '{% chat role="user" %}About {{ topic }}?{% endchat %}\n',
    # What substitution of variables cannot express.
    "prompts/polite/prompt.yaml": "model: tiny\n",
    "prompts/polite/v1.jinja2": _TEXT + "---\nDear {{ name | upper }},\n",
    "prompts/listing/prompt.yaml": "model: tiny\n",
    "prompts/listing/v1.jinja2": "---\nvariables:\n  items: {type: array, items: {type: string}}\n"
    "---\nBuy:{% for item in items %}\n- {{ item }}{% endfor %}\n",
    # stable and canary that every client can fill in; constants that are worked out for it.
    "prompts/team/welcome/prompt.yaml": "model: tiny\n",
    "prompts/team/welcome/v1.jinja2": _TEXT + "parameters: {temperature: 0.2, stop: [END]}\n"
    '---\n{% set tone = "kind" %}Be {{ tone }}, {{ name }}.{% include "partials/tone/v1" %}\n',
    "prompts/team/welcome/v2.jinja2": _TEXT + "---\nWelcome, {{ name }}!\n",
    # Braces that are text, beside a variable.
    "prompts/shape/prompt.yaml": "model: tiny\n",
    "prompts/shape/v1.jinja2": _TEXT + '---\nAnswer {"name": "{name}"} for {{ name }}.\n',
    "prompts/latex/prompt.yaml": "model: tiny\n",
    "prompts/latex/v1.jinja2": _TEXT + "---\n{% raw %}{{name}}{% endraw %} is {{ name }}.\n",
    "tags.yaml": "team/welcome:\n  stable: {version: v1, model: tiny}\n"
    "  canary: {version: v2, model: tiny, weight: 30}\n"
    "greeting:\n  stable: {version: v2, model: tiny}\n"
    "  canary: {version: v3, model: tiny, weight: 50}\n  blue: {version: v1, model: tiny}\n"
    + "".join(
        f"{name}:\n  stable: v1\n"
        for name in ("support/chat", "reply", "polite", "listing", "shape", "latex")
    ),
}
