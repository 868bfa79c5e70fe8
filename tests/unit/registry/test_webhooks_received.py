"""Signatures of webhooks, over raw bytes and in constant time; what an event is good for."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.webhook_event import (
    ProposalNews,
    RerunNews,
    Wake,
    proposal_of,
    rerun_of,
    wake_of,
)
from registry.domain.webhook_signature import (
    TOLERANCE_SECONDS,
    StandardHeaders,
    github_matches,
    sign,
    standard_problem,
    token_matches,
)

BODY = b'{"test": 2432232314}'
# The example of the Standard Webhooks specification's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, TIME = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330"
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
NOW = float(TIME)


def problem(body: bytes = BODY, now: float = NOW, secret: str = SECRET, **headers: str):
    known = {"id": ID, "timestamp": TIME, "signature": SIGNATURE} | headers
    return standard_problem(secret, body, StandardHeaders(**known), now)


def test_the_published_vectors_hold():
    assert sign(SECRET, ID, TIME, BODY) == SIGNATURE
    assert problem() is None
    wanted = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert github_matches("It's a Secret to Everybody", b"Hello, World!", wanted)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"body": BODY + b" "}, "not that of the body"),
        ({"secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, "not that of the body"),
        ({"id": "msg_another"}, "not that of the body"),
        ({"id": ""}, "webhook-id"),
        ({"id": "a\nb"}, "webhook-id"),
        ({"signature": ""}, "not that of the body"),
        ({"signature": SIGNATURE.removeprefix("v1,")}, "not that of the body"),
        ({"signature": SIGNATURE.replace("v1,", "v1a,")}, "not that of the body"),
        ({"timestamp": ""}, "webhook-timestamp"),
        ({"timestamp": "1e9"}, "webhook-timestamp"),
        ({"timestamp": "-1"}, "webhook-timestamp"),
        ({"now": NOW + TOLERANCE_SECONDS + 1}, "too far"),
        ({"now": NOW - TOLERANCE_SECONDS - 1}, "too far"),
    ],
)
def test_what_is_wrong_is_said_without_the_secret(changed, said):
    found = problem(**changed)
    assert found is not None
    assert said in found
    assert SECRET not in found


def test_one_of_several_signatures_is_enough_while_a_secret_is_changed():
    assert problem(signature=f"v1,AAAA {SIGNATURE} v2,xyz") is None
    assert problem(now=NOW + TOLERANCE_SECONDS) is None


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_body_is_its_bytes_not_its_meaning(one, other):
    shown = "sha256=" + hmac.new(b"secret", one, hashlib.sha256).hexdigest()
    assert github_matches("secret", other, shown) == (one == other)


def test_json_written_anew_is_another_body():
    body = b'{"ref": "refs/heads/main",  "n": 1.0}'
    shown = "sha256=" + hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    assert github_matches("secret", body, shown)
    assert not github_matches("secret", json.dumps(json.loads(body)).encode(), shown)
    assert not github_matches("secret", body, shown.upper())
    assert not github_matches("secret", body, "\udcff")


def test_a_token_is_compared_whole():
    assert token_matches("geheim-äöü", "geheim-äöü")
    assert not token_matches("geheim", "geheim ")
    assert not token_matches("geheim", "")


def push(ref: object) -> bytes:
    return json.dumps({"ref": ref, "before": "0" * 40, "after": "1" * 40, "commits": []}).encode()


@pytest.mark.parametrize(
    ("event", "body", "wake"),
    [
        ("push", push("refs/heads/main"), Wake.SYNC),
        ("Push Hook", push("refs/heads/main"), Wake.SYNC),
        ("", push("main"), Wake.SYNC),
        ("push", push("refs/heads/topic"), Wake.NOTHING),
        ("push", push("refs/tags/main"), Wake.NOTHING),
        ("push", push(None), Wake.SYNC),
        ("push", push(["refs/heads/main"]), Wake.SYNC),
        ("push", b"not json", Wake.SYNC),
        ("", b"", Wake.SYNC),
        ("", b"[" * 50_000, Wake.SYNC),
        ("ping", b'{"zen": "Keep it logically awesome."}', Wake.PING),
        ("pull_request", b"{}", Wake.NOTHING),
        ("Tag Push Hook", push("refs/tags/v1"), Wake.NOTHING),
    ],
)
def test_a_push_of_the_followed_branch_wakes(event, body, wake):
    assert wake_of(event, body, "application/json", "main") is wake


def test_githubs_older_form_is_read():
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    for ref, wake in (("refs/heads/main", Wake.SYNC), ("refs/heads/x", Wake.NOTHING)):
        body = b"payload=%7B%22ref%22%3A%20%22" + ref.replace("/", "%2F").encode() + b"%22%7D"
        assert wake_of("push", body, kind, "main") is wake


HEAD = "a" * 40
PULL = {"action": "opened", "number": 7, "pull_request": {"head": {"sha": HEAD}}}
MERGE = {"object_attributes": {"iid": 7, "action": "update", "last_commit": {"id": HEAD}}}
LABELS = {"labels": {"previous": [{"title": "x"}], "current": [{"title": "x"}, {"title": "go"}]}}


@pytest.mark.parametrize(
    ("event", "payload", "labels"),
    [
        ("pull_request", PULL, ()),
        ("pull_request", PULL | {"action": "labeled", "label": {"name": "go"}}, ("go",)),
        ("pull_request", PULL | {"label": {"name": "go"}}, ()),
        ("Merge Request Hook", MERGE, ()),
        ("Merge Request Hook", MERGE | {"changes": LABELS}, ("go",)),
    ],
)
def test_news_of_a_pull_request_are_read(event, payload, labels):
    found = proposal_of(event, json.dumps(payload).encode(), "application/json")
    assert found == ProposalNews(7, HEAD, labels)


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("push", PULL),
        ("pull_request", PULL | {"action": "assigned"}),
        ("pull_request", PULL | {"number": 0}),
        ("pull_request", PULL | {"pull_request": []}),
        ("pull_request", []),
        ("Merge Request Hook", {"object_attributes": {"iid": 7}}),
        ("Merge Request Hook", MERGE | {"changes": {"labels": {"current": [3]}}}),
    ],
)
def test_what_is_no_news_is_none(event, payload):
    assert proposal_of(event, json.dumps(payload).encode(), "application/json") is None


CHECK_RUN = {"head_sha": HEAD, "name": "assay/check", "pull_requests": [{"number": 7}]}
SUITE = {"head_sha": HEAD, "pull_requests": []}


@pytest.mark.parametrize(
    ("event", "payload", "expected"),
    [
        ("check_run", CHECK_RUN, RerunNews(HEAD, "assay/check", (7,))),
        ("check_suite", SUITE, RerunNews(HEAD, "", ())),
        ("check_suite", SUITE | {"head_sha": "main"}, None),
        ("check_suite", SUITE | {"head_sha": 7}, None),
        ("check_suite", SUITE | {"pull_requests": [{"number": True}]}, None),
        ("check_suite", SUITE | {"pull_requests": [{"number": -7}]}, None),
        ("check_suite", SUITE | {"pull_requests": None}, None),
        ("check_run", SUITE, None),
        ("check_run", [], None),
        ("push", CHECK_RUN, None),
    ],
)
def test_what_is_to_be_checked_again_is_read(event, payload, expected):
    for action, found in (("rerequested", expected), ("completed", None)):
        body = json.dumps({"action": action, event: payload}).encode()
        assert rerun_of(event, body, "application/json") == found


@given(
    st.sampled_from(["check_run", "check_suite"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(HEAD),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["head_sha", "name", "pull_requests", "number"]), inner, max_size=4
            )
        ),
        max_leaves=15,
    ),
)
def test_no_check_breaks_the_reader(event, payload):
    body = json.dumps({"action": "rerequested", event: payload}).encode()
    found = rerun_of(event, body, "application/json")
    assert found is None or (len(found.head) == 40 and all(n > 0 for n in found.numbers))


@given(
    st.sampled_from(["pull_request", "Merge Request Hook"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["action", "number", "pull_request", "head", "sha", "label", "name"]
                )
                | st.sampled_from(["object_attributes", "iid", "last_commit", "id", "changes"]),
                inner,
                max_size=5,
            )
        ),
        max_leaves=15,
    ),
)
def test_no_payload_breaks_the_reader(event, payload):
    found = proposal_of(event, json.dumps(payload).encode(), "application/json")
    assert found is None or (found.number > 0 and isinstance(found.head, str))
