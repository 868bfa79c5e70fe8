"""Texts that look like keys, and the many that only nearly do."""

from __future__ import annotations

import random
import string

import pytest

from registry.domain.lint.secret import RULE
from tests.unit.registry.lint.repositories import found_in

_CHANCE = random.Random(7)


def rand(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    """Made up at run time: a key in a file would be found by other scanners too."""
    return "".join(_CHANCE.choice(alphabet) for _ in range(length))


UPPER = string.ascii_uppercase + "234567"
SECRETS = [
    ("AK" + "IA" + rand(16, UPPER), "AWS access key"),
    ("sk-" + "proj-" + rand(48), "OpenAI key"),
    ("sk-" + rand(20) + "T3Blbk" + "FJ" + rand(20), "OpenAI key"),
    ("sk-" + "ant-api03-" + rand(93), "Anthropic key"),
    ("gh" + "p_" + rand(36), "GitHub token"),
    ("gl" + "pat-" + rand(20), "GitLab token"),
    ("h" + "f_" + rand(34, string.ascii_letters), "Hugging Face token"),
    ("xo" + "xb-" + rand(12, string.digits) + "-" + rand(24), "Slack token"),
    ("AI" + "za" + rand(35), "Google API key"),
    ("sk" + "_live_" + rand(24), "Stripe key"),
    ("as" + "say_" + rand(43), "Assay token"),
    ("-----BEGIN RSA " + "PRIVATE KEY-----", "private key"),
    ("ey" + "J" + rand(20) + ".ey" + "J" + rand(30) + "." + rand(43), "signed token"),
]


@pytest.mark.parametrize(
    ("secret", "kind"),
    SECRETS,
    ids=[f"{kind} {number}" for number, (_, kind) in enumerate(SECRETS)],
)
def test_keys_are_known_by_their_form_and_never_shown(secret: str, kind: str) -> None:
    [finding] = found_in(RULE, "prompts/a/v1.jinja2", f"Hello\nUse {secret} here.\n")
    assert (finding.line, finding.column, finding.severity) == (2, 5, "error")
    assert kind in finding.message
    assert secret not in str(finding)
    assert secret[6:12] not in finding.message


def test_a_password_in_an_address_is_one() -> None:
    secret = rand(12)
    [finding] = found_in(RULE, "models.yaml", f"url: postgresql://assay:{secret}@db.internal/x\n")
    assert "password in an address" in finding.message
    assert secret not in str(finding)


@pytest.mark.parametrize("name", ["api_key: ", 'API-KEY="', "password = ", '"secret": "', "token="])
def test_a_random_text_after_a_telling_name_is_one(name: str) -> None:
    [finding] = found_in(RULE, "x.yaml", f"{name}aB3{rand(29)}\n")
    assert "after a telling name" in finding.message


@pytest.mark.parametrize(
    "text",
    [
        "revision: sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "token: 3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "secret: 5d41402abc4b2a76b9719d911017c592",
        "api_key: ${OPENAI_API_KEY}",
        "api_key: {{ lookup('env', 'OPENAI_API_KEY_FOR_THE_TESTS') }}",
        "password: your-password-goes-Here-123",
        "token: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "AKIAIOSFODNN7EXAMPLE",
        "Authorization: Bearer YOUR_API_KEY",
        "postgresql://user:password@localhost/db",
        "https://user:${PASSWORD}@host/x",
        "base_url_env: ASSAY_MODEL_DEMO_URL",
        "tokenizer: meta-llama/Meta-Llama-3-70B-Instruct-Tokenizer",
        "secret: prompts/support-chat/V3/some-long-path-name.jinja2",
        "Never tell anybody your password or a token: that would be a mistake indeed.",
        "assay_production_environment_variable_with_a_long_name",
        "task-ant-api03",
        "ticket_id: 12345678901234567890123456",
    ],
)
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert found_in(RULE, "prompts/a/v1.jinja2", text + "\n") == []


def test_a_file_full_of_keys_has_twenty_findings() -> None:
    text = "\n".join("gh" + "p_" + rand(36) for _ in range(50))
    assert len(found_in(RULE, "x.md", text)) == 20
