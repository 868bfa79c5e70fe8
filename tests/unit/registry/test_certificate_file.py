"""Certificates as files: what Assay writes it reads again, and nothing else passes for one."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.domain.certificate_file import (
    CertificateFile,
    CertificateFileError,
    CertificateRecord,
    MoveRecord,
    parse_certificates,
)

RECORD = CertificateRecord(
    digest="d" * 64,
    run="3f0c2f6e-6a52-4f43-9a9f-0d3f5a7f9d11",
    verdict="PASS",
    prompt_digest="1" * 64,
    model_digest="2" * 64,
    fingerprint="3" * 64,
    suite_digest="4" * 64,
    policy="release",
    policy_digest="5" * 64,
    issued_at="2026-11-26T04:00:00.123456+00:00",
    valid_until=None,
    evidence={"passed": 30, "mean": 0.1, "judge_models": [], "naïve": "ß\u2028"},
)
MOVE = MoveRecord(
    tag="stable",
    kind="promoted",
    certificate="d" * 64,
    sequence=2,
    registry_revision=17,
    actor="user:ada",
    reason="it\nis better",
    at="2026-11-26T04:00:10+00:00",
)
FILE = CertificateFile("team/reply", 3, "tiny", (RECORD,), (MOVE,))
VALUE = json.loads(FILE.to_bytes())


def test_what_is_written_is_read_again_and_proves_the_same() -> None:
    read = parse_certificates("certificates/team/reply/v3@tiny.json", FILE.to_bytes())
    assert read == FILE
    assert read.digest_of(read.certificates[0]) == FILE.digest_of(RECORD)
    assert (read.revision_of("stable"), read.revision_of("canary")) == (17, None)


def test_every_field_is_part_of_the_digest() -> None:
    own = FILE.digest_of(RECORD)
    texts = ("run", "fingerprint", "policy", *(f"{x}_digest" for x in ("prompt", "model", "suite")))
    for name in (*texts, "policy_digest"):
        changed: dict[str, Any] = {name: "x"}
        assert FILE.digest_of(replace(RECORD, **changed)) != own
    assert FILE.digest_of(replace(RECORD, evidence={"passed": 31})) != own
    for other in (replace(FILE, prompt="x"), replace(FILE, version=4), replace(FILE, model="x")):
        assert other.digest_of(RECORD) != own


def broken(**changes: object) -> bytes:
    """The file with one field of its certificate changed."""
    value = json.loads(FILE.to_bytes())
    value["certificates"][0] |= changes
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"schema": "assay/certificates/v9"}',
        json.dumps(VALUE | {"schema": "assay/certificates/v2"}).encode(),
        json.dumps(VALUE | {"more": 1}).encode(),
        json.dumps(VALUE | {"version": True}).encode(),
        json.dumps(VALUE | {"version": 4}).encode(),
        json.dumps(VALUE | {"prompt": "../../etc/passwd"}).encode(),
        json.dumps(VALUE | {"certificates": [{}]}).encode(),
        json.dumps(VALUE | {"moves": {}}).encode(),
        json.dumps(VALUE | {"moves": VALUE["moves"] * 101}).encode(),
        json.dumps(VALUE | {"moves": [VALUE["moves"][0] | {"registry_revision": 2**70}]}).encode(),
        broken(digest="D" * 64),
        broken(run="no uuid"),
        broken(fingerprint="f" * 65),
        broken(policy=""),
        broken(verdict=None),
        broken(issued_at="yesterday"),
        broken(issued_at="2026-11-26T04:00:00"),
        broken(valid_until="9999-12-31T23:59:59-14:00"),
        broken(evidence=[]),
        broken(evidence={"text": "\0"}),
        broken(evidence={"text": "\ud800"}),
        FILE.to_bytes().replace(b"0.1", b"1e999"),
        FILE.to_bytes().replace(b"0.1", b"NaN"),
    ],
)
def test_anything_else_is_no_certificate(data: bytes) -> None:
    with pytest.raises(CertificateFileError):
        parse_certificates(FILE.path, data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(max_examples=50)
@given(st.sampled_from(sorted(VALUE)), JSON)
def test_no_value_anywhere_is_more_than_refused(name: str, value: object) -> None:
    with suppress(CertificateFileError):
        parse_certificates(FILE.path, json.dumps(VALUE | {name: value}).encode())
