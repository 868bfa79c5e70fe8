"""promote, rollback, canary, override, release."""

from __future__ import annotations

import pytest

from tests.integration.assay.bodies import event, problem
from tests.integration.assay.conftest import Terminal
from tests.integration.assay.scripted_server import Reply, ScriptedServer

MOVE = ["event", "tag", "version", "model", "revision", "previous"]
PROMOTIONS = "POST /prompts/support-chat/promotions"


@pytest.mark.parametrize("version", [["v4"], ["4"], ["--version", "v4"], ["v4", "--version", "4"]])
def test_a_version_is_written_with_or_without_v(
    assay: Terminal, server: ScriptedServer, version: list[str]
) -> None:
    server.script(PROMOTIONS, Reply(event(), 201))
    ended = assay.run("promote", "support-chat", *version)
    assert ended.code == 0
    assert server.asked(PROMOTIONS)[0].body["version"] == 4
    assert "support-chat:stable  v3 -> v4 on smollm2 (promoted, revision 5)" in ended.out


def test_promote_prints_exactly_the_documented_fields(
    assay: Terminal, server: ScriptedServer
) -> None:
    server.script(PROMOTIONS, Reply(event(), 201))
    document = assay.run("promote", "support-chat", "v4", "--json").document
    assert list(document) == MOVE
    assert document["previous"] == {"event": 9, "version": 3, "model": "smollm2"}


def test_promote_sends_tag_model_reason_and_expected_revision(
    assay: Terminal, server: ScriptedServer
) -> None:
    server.script("POST /prompts/team/triage/promotions", Reply(event(), 201))
    options = ["--tag", "beta", "--model", "big", "--reason", "r", "--if-revision", "4"]
    assert assay.run("promote", "team/triage", "2", *options).code == 0
    [asked] = server.asked("POST /prompts/team/triage/promotions")
    assert asked.body == {
        "version": 2,
        "tag": "beta",
        "model": "big",
        "reason": "r",
        "expected_revision": 4,
    }
    assert asked.headers["authorization"] == "Bearer assay_secret"
    assert len(asked.headers["idempotency-key"]) == 36


def test_a_promotion_without_certificate_is_exit_code_1_with_the_reason_on_one_line(
    assay: Terminal, server: ScriptedServer
) -> None:
    said = "support-chat v4 has no valid certificate for stable on smollm2:\nthe last run failed"
    hint = "assay eval support-chat v4 --model smollm2 --wait"
    server.script(PROMOTIONS, Reply(problem(403, "not_certified", said, hint), 403))
    ended = assay.run("promote", "support-chat", "v4")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == f"error: {said.replace(chr(10), ' ')} ({hint})\n"


def test_a_lost_race_is_exit_code_2_and_json_tells_the_current_revision(
    assay: Terminal, server: ScriptedServer
) -> None:
    conflict = problem(409, "revision_conflict", "support-chat:stable is at revision 7", revision=7)
    server.script(PROMOTIONS, Reply(conflict, 409))
    ended = assay.run("promote", "support-chat", "v4", "--if-revision", "5", "--json")
    assert ended.code == 2
    assert ended.err.startswith("error: support-chat:stable is at revision 7")
    assert ended.document["error"]["code"] == "revision_conflict"
    assert ended.document["error"]["fields"] == {"revision": 7}


def test_promote_needs_one_version(assay: Terminal, server: ScriptedServer) -> None:
    missing = assay.run("promote", "support-chat")
    two = assay.run("promote", "support-chat", "v3", "--version", "v4")
    wrong = assay.run("promote", "support-chat", "newest")
    assert [ended.code for ended in (missing, two, wrong)] == [2, 2, 2]
    assert "which version? (write it after the name: NAME v3)" in missing.err
    assert "v3 and --version v4 disagree" in two.err
    assert "'newest' is not a version" in wrong.err
    assert server.received == []


def test_rollback_restores_what_was_live_before(assay: Terminal, server: ScriptedServer) -> None:
    path = "POST /prompts/support-chat/rollbacks"
    before = {"event": 12, "version": 4, "model": "smollm2"}
    body = event(kind="rolled_back", version=3, certificate=None, restores=9, previous=before)
    warning = "smollm2 serves something else than when support-chat v3 was certified"
    server.script(path, Reply({**body, "warnings": [warning]}, 201))
    ended = assay.run("rollback", "support-chat", "--reason", "complaints")
    assert ended.code == 0
    assert server.asked(path)[0].body == {"tag": "stable", "reason": "complaints"}
    assert "v4 -> v3 on smollm2 (rolled back, revision 5)" in ended.out
    assert ended.err == f"warning: {warning}\n"
    assert list(assay.run("rollback", "support-chat", "--to", "v3", "--json").document) == MOVE
    assert server.asked(path)[1].body["to_version"] == 3


def test_the_canary_is_set_and_cleared(assay: Terminal, server: ScriptedServer) -> None:
    path = "/prompts/support-chat/canary"
    server.script(f"POST {path}", Reply(event(tag="canary", weight=10), 201))
    cleared = event(tag="canary", kind="cleared", version=None, model=None)
    server.script(f"DELETE {path}", cleared)
    is_set = assay.run("canary", "set", "support-chat", "v4", "--weight", "10")
    assert is_set.code == 0
    assert "support-chat:canary  v3 -> v4 on smollm2 (promoted, 10 %, revision 5)" in is_set.out
    assert server.asked(f"POST {path}")[0].body == {"version": 4, "weight": 10, "reason": ""}
    is_cleared = assay.run("canary", "clear", "support-chat", "--reason", "done", "--json")
    assert list(is_cleared.document) == MOVE
    assert server.asked(f"DELETE {path}")[0].body == {"reason": "done"}
    assert server.asked(f"DELETE {path}")[0].headers["idempotency-key"]


@pytest.mark.parametrize("weight", ["0", "101", "half"])
def test_a_canary_needs_a_weight_in_percent(assay: Terminal, weight: str) -> None:
    ended = assay.run("canary", "set", "support-chat", "v4", "--weight", weight)
    assert ended.code == 2
    assert ended.err.startswith("error: Invalid value for '--weight'")
    assert ended.err.count("\n") == 1


def test_an_override_is_loud_and_needs_a_reason(assay: Terminal, server: ScriptedServer) -> None:
    path = "POST /prompts/support-chat/overrides"
    server.script(path, Reply(event(kind="overridden", certificate=None), 201))
    assert assay.run("override", "support-chat", "v4").code == 2
    assert server.received == []
    ended = assay.run("override", "support-chat", "v4", "--reason", "outage")
    assert ended.code == 0
    assert "warning: support-chat:stable is now overridden; nothing proves v4" in ended.err
    assert server.asked(path)[0].body["reason"] == "outage"


def test_a_release_moves_several_tags(assay: Terminal, server: ScriptedServer) -> None:
    moves = [event(), event(prompt="triage", tag="canary", weight=10)]
    server.script("POST /releases", Reply({"release": 3, "moves": moves}, 201))
    targets = ["support-chat=v4", "triage:canary=2@big%10"]
    document = assay.run("release", *targets, "--reason", "spring", "--json").document
    assert list(document) == ["release", "moves"]
    assert [list(move) for move in document["moves"]] == [["prompt", *MOVE]] * 2
    assert server.asked("POST /releases")[0].body == {
        "targets": [
            {"prompt": "support-chat", "version": 4, "tag": "stable"},
            {"prompt": "triage", "version": 2, "tag": "canary", "model": "big", "weight": 10},
        ],
        "reason": "spring",
    }


def test_a_release_with_an_unreadable_target_is_not_sent(
    assay: Terminal, server: ScriptedServer
) -> None:
    ended = assay.run("release", "support-chat=v4", "triage")
    assert ended.code == 2
    assert ended.err.startswith("error: 'triage' does not say where a tag should point (write NAME")
    assert server.received == []
