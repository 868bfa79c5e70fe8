"""A repository in which nearly everything that can be wrong is wrong, a file for each mistake."""

from __future__ import annotations

import os
from pathlib import Path

KEY = "sk-proj-" + "aB3dE5fG7hJ9kL2mN4pQ6rS8" * 2
LONG = " ".join(f"word{number}" for number in range(400))


def version(front: str, body: str = "Hello.\n") -> str:
    return f"---\n{front}---\n{body}"


def variable(schema: str) -> str:
    return version(f"variables:\n  x: {schema}\n", "Say {{ x }}.\n")


_BODIES = {
    "fine": variable("{type: string}"),
    "anchors": version("description: &a text\n", "{{ y }}\n"),
    "alias": version("description: *nothing\n"),
    "character": version('description: "\\ud800"\n'),
    "deep": version("variables: " + "[" * 30 + "]" * 30 + "\n"),
    "twice": version("type: text\ntype: chat\n"),
    "no-key": version("1: text\n"),
    "number": version("parameters: {temperature: .inf}\n"),
    "digits": version(f"parameters: {{seed: {'1' * 60}}}\n"),
    "tag": version("description: !!str text\n"),
    "many": version("description: x\n", "---\n"),
    "yaml": version("variables: [\n"),
    "old-yaml": version(
        "description: yes\nvariables: {x: {type: string, default: off}}\n", "{{ x }}"
    ),
    "unknown-key": version("descripton: typo\n"),
    "wrong-type": version("variables: 3\nparameters: {temperature: hot}\n"),
    "bad-value": version("type: letter\nparameters: {temperature: 9}\n"),
    "unclosed": "---\ndescription: x\n",
    "front-too-large": version(f"description: {'x' * 33_000}\n"),
    "schema-invalid": variable("{type: text}"),
    "schema-keyword": variable("{typ: string}"),
    "schema-pattern": variable("{type: string, pattern: '(?=x)'}"),
    "schema-large": variable("{type: string, enum: [" + ", ".join(["something"] * 2000) + "]}"),
    "default": variable("{type: string, default: 3}"),
    "default-long": variable("{type: array, default: [" + ", ".join(["12345"] * 300) + "]}"),
    "no-schema": variable("string"),
    "bounds": variable("{type: string, minLength: -1, maxLength: 1.5}"),
    "undeclared": "Say {{ x }} to {{ y }}.\n",
    "unused": version("variables: {x: {type: string}}\n"),
    "without-type": variable("{}"),
    "placeholder": version(
        "type: chat\nvariables: {h: {type: string}}\n",
        '{% chat role="user" %}{{ h }}{% endchat %}{% placeholder "h" %}\n',
    ),
    "syntax": "{{ x\n",
    "refused": "{% macro m() %}{% endmacro %}{{ x.__class__ }}\n",
    "too-large": "{{ 1 }}" * 3000,
    "not-fixed": '{% include "partials/tone/" ~ x %}{% include "partials/tone/latest" %}\n',
    "missing": '{% include "partials/nothing/v1" %}\n',
    "broken": '{% include "partials/broken/v1" %}\n',
    "circle": '{% include "partials/circle/v1" %}\n',
    "chat-empty": version("type: chat\n", "\n"),
    "chat-in-text": '{% chat role="user" %}Hi{% endchat %}\n',
    "chat-nested": version(
        "type: chat\n",
        '{% chat role="user" %}{% chat role="user" %}Hi{% endchat %}{% endchat %}\n',
    ),
    "outside-chat": version("type: chat\n", 'Hi\n{% chat role="user" %}Hi{% endchat %}\n'),
    "secret": f"Use {KEY} here.\napi_key: 'q9W8e7R6t5Y4u3I2o1P0aSdF'\n",
    "prefix": version(
        "variables: {x: {type: string}}\n", "{{ x }}\n" + f"{LONG}\n{LONG}\n" + "End.\n"
    ),
    "nul": "Hello\0.\n",
    "crlf": "---\r\nvariables: {x: {}}\r\n---\r\n{{ x }} {{ y }}\r\n",
    "bom": "\N{BOM}---\ndescription: no\n---\n{{ z }}\n".replace("\N{BOM}", "\ufeff"),
    "ignored": (
        "---\nvariables:\n  # assay: ignore=variable_without_type anything goes\n  x: {}\n"
        "  y: {} # assay: ignore=variable_without_type\n---\n"
        "{{ x }} {{ y }}\n{# assay: ignore=secret none here #}\n"
    ),
    "not-ignored": "{# assay: ignore=undeclared_variable why not #}\n{{ z }}\n",
}
_REGISTERS = {
    "models.yaml": (
        "models:\n  free: {served_id: f}\n  moving: {served_id: m, revision: main}\n"
        "  small: {served_id: s, revision: r, max_context: 100, limits: {max_tokens: 10}}\n"
        "  both: {served_id: b, revision: r, base_url: 'http://x', base_url_env: X}\n"
        "  Bad Name: {served_id: b}\n"
    ),
    "gates.yaml": (
        "policies:\n  strict: {min_pass_rate: 0.99, margin: 0.01}\n"
        "  early: {early_stop: true}\ntags: {stable: strict, beta: nothing, Bad Tag: strict}\n"
    ),
    "tags.yaml": (
        "fine: {stable: v1, beta: v9}\nnobody: {stable: v1}\nsyntax: {stable: v1}\n"
        "contract: {stable: v1, beta: {version: v1, model: none}, "
        "canary: {version: v1, weight: 300}}\n"
        "limits: {stable: v1, latest: v1}\nBad Name: {stable: v1}\nunused: {stable: 2}\n"
        "broken-metadata: {stable: v1}\n"
    ),
}
_METADATA = {
    "prompts/limits/prompt.yaml": "model: small\nsuites: [small, gone]\n",
    "prompts/limits/v1.jinja2": version(
        "variables: {x: {type: string, maxLength: 4000}}\nparameters: {max_tokens: 50}\n",
        "Say {{ x }}.\n",
    ),
    "prompts/metadata/prompt.yaml": "model: none\ngate: none\nowners: [3]\nsuites: [Not A Name]\n",
    "prompts/metadata/v1.jinja2": "Hi.\n",
    "prompts/broken-metadata/prompt.yaml": "description: [\n",
    "prompts/broken-metadata/v1.jinja2": "Hi.\n",
    "prompts/empty/prompt.yaml": "description: nothing yet\n",
    "prompts/gap/v1.jinja2": "One.\n",
    "prompts/gap/v3.jinja2": "One.\n",
    "prompts/gap/v04.jinja2": "Four.\n",
    "prompts/gap/notes.txt": "Notes.\n",
    "prompts/Upper/v1.jinja2": "Hi.\n",
    "prompts/contract/v1.jinja2": variable("{type: string}"),
    "prompts/contract/v2.jinja2": version(
        "variables: {y: {type: string}, x: {type: integer}}\n"
        "parameters: {response_format: {type: json_object}}\n",
        "{{ x }} {{ y }}\n",
    ),
    "prompts/partials/tone/v1.jinja2": "Be kind.\n",
    "prompts/partials/broken/v1.jinja2": "{% if %}\n",
    "prompts/partials/circle/v1.jinja2": '{% include "partials/circle/v1" %}\n',
    "prompts/partials/v1.jinja2": "Nowhere.\n",
    "prompts/partials/tone/prompt.yaml": "description: none\n",
    **{
        f"prompts/partials/chain{link}/v1.jinja2": (
            f'{{% include "partials/chain{link + 1}/v1" %}}\n'
        )
        for link in range(12)
    },
    "prompts/partials/chain12/v1.jinja2": "The end.\n",
    "prompts/too-deep/v1.jinja2": '{% include "partials/chain0/v1" %}\n',
}
_CASE = '{"id": "a", "variables": {"x": "1"}, "expected": "b"}\n'
_SUITES = {
    "suites/small.yaml": (
        "dataset: datasets/small.jsonl\nchecks: [{type: exact}]\nmin_pass_rate: 0.5\n"
    ),
    "datasets/small.jsonl": _CASE + '{"id": "b", "variables": {"q": 1}, "expected": "b"}\n',
    "suites/no-cases.yaml": "checks: [{type: exact}]\n",
    "suites/no-dataset.yaml": "dataset: datasets/gone.jsonl\nchecks: [{type: exact}]\n",
    "suites/empty.yaml": "dataset: datasets/empty.jsonl\nchecks: [{type: exact}]\n",
    "datasets/empty.jsonl": "\n",
    "suites/pointer.yaml": "dataset: datasets/pointer.jsonl\nchecks: [{type: exact}]\n",
    "datasets/pointer.jsonl": (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
    ),
    "suites/lines.yaml": "dataset: datasets/lines.jsonl\nchecks: [{type: exact}]\n",
    "datasets/lines.jsonl": _CASE + "[1]\n{\n" + _CASE + '{"id": "c", "expected": ["x"]}\n',
    "suites/table.yaml": "dataset: datasets/table.csv\nchecks: [{type: exact}]\n",
    "datasets/table.csv": 'id,expected,x\na,b\nc,"d"e,f\n',
    "suites/columns.yaml": "dataset: datasets/columns.csv\nchecks: [{type: exact}]\n",
    "datasets/columns.csv": "name,expected\na,b\n",
    "suites/checks.yaml": (
        "cases: [{id: a, expected: b}, {id: b}]\ncluster: subject\n"
        "checks: [{type: exactly}, {type: regex, pattern: '('}, {type: exact, name: n},\n"
        "  {type: contains, name: n, texts: []}, {type: latency, max_ms: 1, max: 2}]\n"
    ),
    "suites/none.yaml": "cases: [{id: a}]\n",
    "suites/latency.yaml": (
        "cases: [{id: a, expected: b}]\nchecks: [{type: exact}]\n"
        "latency: {levels: [1, 1, 100000], requests: 10000000}\n"
    ),
    "suites/judged.yaml": (
        "judges:\n  j: {prompt: fine, version: v9, rubric: good, model: free, samples: 3}\n"
        "  k: {prompt: syntax, version: v1, rubric: gone, model: none}\n"
        "  l: {prompt: fine, version: v1, rubric: score, model: free, temperature: 2, "
        "colour: red}\n"
        "cases: [{id: a, expected: b}]\n"
        "checks: [{type: judge, judge: j}, {type: judge, judge: k}]\n"
    ),
    "suites/old.yml": "cases: []\n",
    "rubrics/good.md": (
        "---\nmode: label\nlabels:\n  - {label: yes it does, means: x, passes: true}\n"
        "  - {label: harms, means: y}\n---\nDoes it help?\n"
    ),
    "rubrics/score.md": (
        "---\nmode: score\nscale: [{score: 2, means: a}, {score: 1, means: b}]\npass_at: 0\n---\n\n"
    ),
    "rubrics/bare.md": "No front matter.\n",
    "rubrics/key.md": "---\nmode: pairwise\npass_at: 3\n---\nx \ue000\n",
    "calibration/good.jsonl": (
        '{"id": "a", "question": "q", "answer": "r", "label": "nothing"}\n'
        '{"id": "a", "question": "q", "answer": "r", "label": "harms"}\n{"id": 1}\n'
    ),
}


def write(root: Path) -> Path:
    """The repository as a folder, with what only a folder can hold."""
    texts = _REGISTERS | _METADATA | _SUITES
    texts |= {f"prompts/{name}/v1.jinja2": body for name, body in _BODIES.items()}
    files = {path: text.encode("utf-8", "surrogatepass") for path, text in texts.items()}
    files["prompts/latin/v1.jinja2"] = "Gr\xfc\xdfe\n".encode("latin-1")
    files["prompts/large/v1.jinja2"] = b"x" * 300_000
    files["prompts/larger/v1.jinja2"] = b"x" * 1_100_000
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    (root / "prompts" / "linked").symlink_to("fine")
    (root / "prompts" / "fine" / "v2.jinja2").symlink_to("v1.jinja2")
    (root / "prompts" / ".hidden").mkdir()
    os.mkfifo(root / "prompts" / "fine" / "pipe")
    (root / os.fsdecode(b"bad\xff.md")).write_bytes(b"Hi.\n")
    return root
