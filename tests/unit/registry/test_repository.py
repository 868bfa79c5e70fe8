from __future__ import annotations

import pytest

from registry.domain.files import MemoryFiles
from registry.domain.live import LiveTag
from registry.domain.model_pin import ModelPin
from registry.domain.policy import GatePolicy
from registry.domain.repository import ParsedPrompt, ParsedRepository, parse_repository

GOOD = {
    "models.yaml": """\
models:
  smollm2:
    served_id: smollm2
    revision: "sha256:abc"
    engine: llama.cpp
    quantization: Q4_1
    max_context: 2048
    concurrency: 2
    base_url_env: ASSAY_MODEL_DEMO_URL
    price: {prompt: 0.5, completion: 1}
    timeout_seconds: 60
""",
    "gates.yaml": """\
policies:
  release: {description: Strict., confidence: 0.95, min_cases: 30, min_pass_rate: 0.8,
            certificate_days: null, allow_unpinned_model: true}
  trial: {min_cases: 20, min_pass_rate: 0.6}
  plain:
tags: {stable: release, canary: trial}
""",
    "tags.yaml": """\
support/chat:
  stable: {version: v1, model: smollm2}
  canary: {version: v2, weight: 10}
greet:
  stable: v1
""",
    "prompts/support/chat/prompt.yaml": """\
description: Answers customers.
owners: [support@example.org]
suites: [support-chat]
gate: release
model: smollm2
""",
    "prompts/support/chat/v1.jinja2": "one",
    "prompts/support/chat/v2.jinja2": "{% include 'partials/tone/v1' %} two",
    "prompts/partials/tone/v1.jinja2": "Be kind.",
    "prompts/greet/v1.jinja2": "Hello.",
    "prompts/README.md": "notes",
    "README.md": "more notes",
}


def with_files(texts: dict[str, str | bytes]) -> MemoryFiles:
    return MemoryFiles({k: v.encode() if isinstance(v, str) else v for k, v in texts.items()})


def parse(changes: dict[str, str | bytes]) -> ParsedRepository:
    return parse_repository(with_files({**GOOD, **changes}))


def found(parsed: ParsedRepository) -> list[tuple[str, int, int, str]]:
    return [(f.path, f.line, f.column, f.code) for f in parsed.findings]


def test_a_good_repository_is_read_whole_and_without_findings() -> None:
    parsed = parse({})
    assert parsed.findings == ()
    assert parsed.models == {
        "smollm2": ModelPin(
            name="smollm2",
            served_id="smollm2",
            revision="sha256:abc",
            engine="llama.cpp",
            quantization="Q4_1",
            max_context=2048,
            concurrency=2,
            base_url_env="ASSAY_MODEL_DEMO_URL",
            price_prompt=0.5,
            price_completion=1.0,
            timeout_seconds=60.0,
        )
    }
    release = GatePolicy("release", "Strict.", 0.95, 30, 0.8, None, True)
    trial = GatePolicy("trial", min_cases=20, min_pass_rate=0.6)
    assert parsed.policies == {"release": release, "trial": trial, "plain": GatePolicy("plain")}
    assert parsed.tag_policies == {"stable": "release", "canary": "trial"}
    assert parsed.live == (
        LiveTag("support/chat", "stable", 1, "smollm2", None),
        LiveTag("support/chat", "canary", 2, "smollm2", 10),
        LiveTag("greet", "stable", 1, None, None),
    )
    assert set(parsed.prompts) == {"support/chat", "greet"}
    assert parsed.prompts["greet"].gate is None
    prompt = parsed.prompts["support/chat"]
    assert prompt == ParsedPrompt(
        "support/chat",
        "Answers customers.",
        ("support@example.org",),
        ("support-chat",),
        "release",
        "smollm2",
        prompt.versions,
    )
    assert [(v.name, v.number, v.partials) for v in prompt.versions] == [
        ("support/chat", 1, {}),
        ("support/chat", 2, {"partials/tone/v1": "Be kind."}),
    ]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("tags.yaml", "nobody:\n  stable: v1\n", [("tags.yaml", 2, 3, "unknown_prompt")]),
        ("tags.yaml", "greet:\n  stable: v7\n", [("tags.yaml", 2, 3, "unknown_version")]),
        (
            "tags.yaml",
            "greet:\n  stable: {version: v1, model: gpt}\n",
            [("tags.yaml", 2, 3, "unknown_model")],
        ),
        ("tags.yaml", "greet:\n  stable: 1\n", [("tags.yaml", 2, 11, "wrong_type")]),
        ("tags.yaml", "greet:\n  stable: one\n", [("tags.yaml", 2, 11, "bad_value")]),
        ("tags.yaml", "greet:\n  latest: v1\n", [("tags.yaml", 2, 3, "bad_name")]),
        ("tags.yaml", "Greet!:\n  stable: v1\n", [("tags.yaml", 1, 1, "bad_name")]),
        (
            "tags.yaml",
            "greet:\n  stable: {version: v1, weight: 101}\n",
            [("tags.yaml", 2, 33, "bad_value")],
        ),
        (
            "tags.yaml",
            "greet:\n  stable: {model: smollm2}\n",
            [("tags.yaml", 2, 11, "missing_key")],
        ),
        ("tags.yaml", "- a\n", [("tags.yaml", 1, 1, "wrong_type")]),
        (
            "tags.yaml",
            "greet: {stable: v1, stable: v1}\n",
            [("tags.yaml", 1, 21, "yaml_duplicate_key")],
        ),
        (
            "prompts/greet/prompt.yaml",
            "gate: nope\n",
            [
                ("prompts/greet/prompt.yaml", 1, 7, "unknown_policy"),
                ("tags.yaml", 5, 3, "unknown_prompt"),
            ],
        ),
        (
            "prompts/greet/prompt.yaml",
            "modle: a\n",
            [
                ("prompts/greet/prompt.yaml", 1, 1, "unknown_key"),
                ("tags.yaml", 5, 3, "unknown_prompt"),
            ],
        ),
        (
            "prompts/greet/prompt.yaml",
            "owners: a\n",
            [
                ("prompts/greet/prompt.yaml", 1, 9, "wrong_type"),
                ("tags.yaml", 5, 3, "unknown_prompt"),
            ],
        ),
        (
            "prompts/greet/prompt.yaml",
            "suites: [a, B]\n",
            [
                ("prompts/greet/prompt.yaml", 1, 13, "bad_name"),
                ("tags.yaml", 5, 3, "unknown_prompt"),
            ],
        ),
        ("prompts/greet/v03.jinja2", "a", [("prompts/greet/v03.jinja2", 0, 0, "bad_version_name")]),
        ("prompts/greet/v0.jinja2", "a", [("prompts/greet/v0.jinja2", 0, 0, "bad_version_name")]),
        ("prompts/Greet/v1.jinja2", "a", [("prompts/Greet/v1.jinja2", 0, 0, "bad_name")]),
        ("prompts/greet/v4.jinja2", "a", [("prompts/greet/v4.jinja2", 0, 0, "version_gap")]),
        (
            "prompts/greet/v2.jinja2",
            "Hello.",
            [("prompts/greet/v2.jinja2", 0, 0, "repeated_version")],
        ),
        ("prompts/greet/v2.j2", "a", [("prompts/greet/v2.j2", 0, 0, "unexpected_file")]),
        ("prompts/empty/prompt.yaml", "", [("prompts/empty/prompt.yaml", 0, 0, "no_versions")]),
        (
            "prompts/partials/bad/v1.jinja2",
            "x\n{{ y|nope }}",
            [("prompts/partials/bad/v1.jinja2", 2, 6, "template_refused")],
        ),
        (
            "gates.yaml",
            "policies: {release: {min_case: 3}, trial: {}}\n",
            [
                ("gates.yaml", 1, 22, "unknown_key"),
                ("prompts/support/chat/prompt.yaml", 4, 7, "unknown_policy"),
                ("tags.yaml", 2, 3, "unknown_prompt"),
                ("tags.yaml", 3, 3, "unknown_prompt"),
            ],
        ),
        (
            "gates.yaml",
            "policies: {release: {}}\ntags: {stable: nope}\n",
            [
                ("gates.yaml", 2, 16, "unknown_policy"),
            ],
        ),
    ],
    ids=range(25),
)
def test_findings_name_file_line_and_column(
    path: str, text: str, expected: list[tuple[str, int, int, str]]
) -> None:
    assert found(parse({path: text})) == expected


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        ("revision: 7", 15, "wrong_type"),
        ("base_url: ftp://a", 15, "bad_value"),
        ("base_url: http://user:pw@a", 15, "bad_value"),
        ("base_url: 'http://a?x=1'", 15, "bad_value"),
        ("base_url_env: DATABASE_URL", 19, "bad_value"),
        ("base_url_env: ASSAY_MODEL_X_KEY", 19, "bad_value"),
        ("price: {prompt: -1}", 21, "bad_value"),
        ("price: {input: 1}", 13, "unknown_key"),
        ("concurrency: 0", 18, "bad_value"),
        ("max_context: 2k", 18, "wrong_type"),
        ("url: http://a", 5, "unknown_key"),
    ],
)
def test_a_broken_model_is_left_out_alone(line: str, column: int, code: str) -> None:
    revision = "" if line.startswith("revision") else "    revision: abc\n"
    text = GOOD["models.yaml"] + f"  other:\n    served_id: o\n{revision}    {line}\n"
    parsed = parse({"models.yaml": text})
    number = text.count("\n")
    assert found(parsed) == [("models.yaml", number, column, code)]
    assert set(parsed.models) == {"smollm2"}


def test_unpinned_and_moving_models_are_warned_about() -> None:
    text = GOOD["models.yaml"] + "  a: {served_id: a}\n  b: {served_id: b, revision: main}\n"
    parsed = parse({"models.yaml": text})
    assert [f.code for f in parsed.findings] == ["unpinned_model", "moving_revision"]
    assert [parsed.models[name].pinned for name in ("a", "b")] == [False, False]


def test_a_tokenizer_that_moves_is_no_pin() -> None:
    text = GOOD["models.yaml"] + "  a: {served_id: a, revision: r1, tokenizer_revision: main}\n"
    parsed = parse({"models.yaml": text})
    assert [f.code for f in parsed.findings] == ["moving_revision"]
    assert not parsed.models["a"].pinned


def test_limits_say_what_a_prompt_may_ask_for() -> None:
    text = GOOD["models.yaml"] + (
        "  a: {served_id: a, revision: r1, limits: {max_tokens: 512, temperature: 0.5}}\n"
    )
    limited = parse({"models.yaml": text}).models["a"]
    assert not limited.beyond_limits({"max_tokens": 512, "temperature": 0.5, "top_p": 1})
    assert limited.beyond_limits({"max_tokens": 513, "temperature": 1.0}) == {
        "max_tokens": "max_tokens is 513, and a allows 512 at most",
        "temperature": "temperature is 1, and a allows 0.5 at most",
    }
    free = parse({}).models["smollm2"]
    assert not free.beyond_limits({"max_tokens": 2_000, "temperature": 2.0, "stop": ["a"] * 16})


def test_an_answer_leaves_room_for_its_prompt() -> None:
    text = GOOD["models.yaml"] + "  a: {served_id: a, revision: r1, max_context: 2048}\n"
    model = parse({"models.yaml": text}).models["a"]
    assert not model.beyond_limits({"max_tokens": 2047})
    assert list(model.beyond_limits({"max_tokens": 2048})) == ["max_tokens"]


@pytest.mark.parametrize(
    ("limit", "asked", "column", "says"),
    [
        ("max_tokens: 64", "max_tokens: 65", 15, "Max_tokens is 65, and small allows 64 at most."),
        ("temperature: 0.5", "temperature: 1", 16, "Temperature is 1, and small allows 0.5"),
        ("top_p: 0.9", "top_p: 0.95", 10, "Top_p is 0.95, and small allows 0.9 at most."),
        ("stop: 1", "stop: [a, b]", 9, "Stop has 2 sequences, and small allows 1 at most."),
        ("stop: 0", "stop: a", 9, "Stop has 1 sequences, and small allows 0 at most."),
    ],
)
def test_what_the_prompts_model_does_not_allow_is_found_before_a_run(
    limit: str, asked: str, column: int, says: str
) -> None:
    files = {
        "models.yaml": f"models:\n  small: {{served_id: s, revision: r1, limits: {{{limit}}}}}\n",
        "prompts/a/prompt.yaml": "model: small\n",
        "prompts/a/v1.jinja2": f"---\nparameters:\n  {asked}\n---\nHello",
    }
    parsed = parse_repository(MemoryFiles({path: text.encode() for path, text in files.items()}))
    [finding] = parsed.findings
    assert (finding.path, finding.line, finding.column) == ("prompts/a/v1.jinja2", 3, column)
    assert (finding.code, finding.severity) == ("beyond_limits", "error")
    assert finding.message.startswith(says)
    assert parsed.prompts["a"].versions  # nothing is left out: another model may allow it


def test_only_the_newest_version_can_still_be_changed() -> None:
    files = {
        "models.yaml": "models:\n  s: {served_id: s, revision: r1, limits: {max_tokens: 9}}\n",
        "prompts/a/prompt.yaml": "model: s\n",
        "prompts/a/v1.jinja2": "---\nparameters: {max_tokens: 10}\n---\nHello",
        "prompts/a/v2.jinja2": "---\nparameters: {max_tokens: 9}\n---\nHello",
    }
    assert (
        parse_repository(
            MemoryFiles({path: text.encode() for path, text in files.items()})
        ).findings
        == ()
    )


def test_a_model_with_mistakes_in_the_middle_is_still_located() -> None:
    parsed = parse({"models.yaml": "models:\n  smollm2:\n    engine: x\n    served_id: 3\n"})
    assert ("models.yaml", 4, 16, "wrong_type") in found(parsed)


def test_a_broken_version_costs_only_itself() -> None:
    parsed = parse({"prompts/support/chat/v2.jinja2": "{% if %}"})
    assert [v.number for v in parsed.prompts["support/chat"].versions] == [1]
    assert [(f.path, f.code) for f in parsed.findings] == [
        ("prompts/support/chat/v2.jinja2", "template_syntax"),
        ("tags.yaml", "unknown_version"),
    ]
    assert [(tag.prompt, tag.tag) for tag in parsed.live] == [
        ("support/chat", "stable"),
        ("greet", "stable"),
    ]


def test_a_prompt_whose_rules_cannot_be_read_is_left_out() -> None:
    parsed = parse({"prompts/support/chat/prompt.yaml": "gate: [release"})
    assert set(parsed.prompts) == {"greet"}


def test_an_empty_repository_is_fine() -> None:
    assert parse_repository(MemoryFiles({})) == ParsedRepository()


def test_every_file_may_be_rubbish() -> None:
    parsed = parse_repository(MemoryFiles(dict.fromkeys(GOOD, b"\xff\x00\xfe")))
    assert parsed.prompts.keys() == {"greet"}
    assert {f.code for f in parsed.findings} >= {"file_not_utf8"}


class CountingFiles(MemoryFiles):
    """Real files that remember which were opened."""

    def read(self, path: str) -> bytes:
        self.opened().append(path)
        return super().read(path)

    def opened(self) -> list[str]:
        opened: list[str] = self.__dict__.setdefault("_opened", [])
        return opened


def test_what_was_published_is_not_read_again() -> None:
    first = parse({})
    contents = {path: text.encode() for path, text in GOOD.items()}
    again = CountingFiles(contents)
    published = {
        (version.path, again.blob_id(version.path)): version
        for prompt in first.prompts.values()
        for version in prompt.versions
    }
    assert parse_repository(again, published) == first
    assert not [path for path in again.opened() if "/v" in path and "partials" not in path]


def test_a_published_version_is_read_again_when_its_partial_changed() -> None:
    first = parse({})
    changed = with_files({**GOOD, "prompts/partials/tone/v1.jinja2": "Be rude."})
    version = first.prompts["support/chat"].versions[1]
    published = {(version.path, changed.blob_id(version.path)): version}
    [_, fresh] = parse_repository(changed, published).prompts["support/chat"].versions
    assert fresh.partials == {"partials/tone/v1": "Be rude."}
    assert fresh.digest != version.digest


def test_pins_and_policies_survive_json_and_their_addresses_ignore_what_does_not_count() -> None:
    pin = ModelPin("a", "b", revision="c")
    assert ModelPin.from_json(pin.to_json()) == pin
    assert ModelPin("a", "b", revision="c", price_prompt=3, concurrency=9).digest == pin.digest
    assert ModelPin("a", "b", revision="d").digest != pin.digest
    policy = GatePolicy("a")
    assert GatePolicy.from_json(policy.to_json()) == policy
    assert GatePolicy("b", description="c").digest == policy.digest
    assert GatePolicy("a", min_cases=31).digest != policy.digest
