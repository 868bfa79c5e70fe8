"""ci: what a change does, told by lines, files and exit codes; and the server's evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from assay.fields import FIELDS
from tests.integration.assay.conftest import Terminal
from tests.integration.assay.git_repository import Repository
from tests.integration.assay.scripted_server import DROPPED, Reply, ScriptedServer

V1 = "---\nvariables: {ticket: {type: string}}\n---\nTicket: {{ ticket }}\n"
TONE = '{% include "partials/tone/v1" %}\n'
BASE = {
    "prompts/a/prompt.yaml": "suites: [s]\nmodel: m\n",
    "prompts/a/v1.jinja2": V1,
    "prompts/b/v1.jinja2": TONE,
    "prompts/c/prompt.yaml": "suites: [judged]\n",
    "prompts/c/v1.jinja2": "Hello\n",
    "prompts/judges/j/v1.jinja2": (
        "---\nvariables:\n  rubric: {type: string}\n  scale: {type: string}\n"
        "  question: {type: string}\n  answer: {type: string}\n  nonce: {type: string}\n---\n"
        "{{ rubric }}{{ scale }}{{ question }}{{ answer }}{{ nonce }}\n"
    ),
    "prompts/partials/tone/v1.jinja2": "Be kind.\n",
    "rubrics/r.md": (
        "---\nmode: score\npass_at: 2\nscale:\n- {score: 1, means: bad}\n"
        "- {score: 2, means: good}\n---\nIs it good?\n"
    ),
    "suites/s.yaml": "cases: [{id: one, variables: {ticket: Hi}}]\n"
    "checks: [{type: contains, value: x}]\n",
    "suites/judged.yaml": "cases: [{id: one}]\n"
    "judges: {g: {prompt: judges/j, version: v1, rubric: r, model: m}}\n"
    "checks: [{type: judge, judge: g}]\n",
    "models.yaml": "models: {m: {served_id: m, revision: r1}}\n",
    "tags.yaml": "a: {stable: v1}\n",
}
V2 = V1.replace("{type: string}", "{type: string, maxLength: 10}") + "More.\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository.new(tmp_path / "repository", BASE)
    made.git("switch", "--quiet", "--create", "change")
    return made


def told(assay: Terminal, repository: Repository, *options: str) -> dict[str, Any]:
    ended = assay.run("ci", str(repository.folder), "--base", "main", "--json", *options)
    document: dict[str, Any] = ended.document
    assert list(document) == list(FIELDS["ci"])
    return document


def test_a_new_version_is_told_with_its_contract_and_its_difference(
    assay: Terminal, repository: Repository
) -> None:
    head = repository.commit({"prompts/a/v2.jinja2": V2})
    document = told(assay, repository)
    [prompt] = document["prompts"]
    assert list(prompt) == list(FIELDS["prompts[] of ci"])
    assert (prompt["name"], prompt["old"], prompt["new"], prompt["breaking"]) == ("a", 1, 2, True)
    assert "+More." in prompt["diff"]
    assert [one["code"] for one in document["findings"]] == ["breaking_contract"]
    assert (document["verdict"], document["head"]) == ("PASS", head)
    assert document["base"] == repository.git("rev-parse", "main")


def test_the_files_that_lie_there_do_not_count_only_commits(
    assay: Terminal, repository: Repository
) -> None:
    repository.write({"prompts/a/v1.jinja2": "{{ broken"})
    ended = assay.run("ci", str(repository.folder), "--base", "main")
    assert (ended.code, ended.out) == (
        0,
        "PASS 0 prompts changed; lint: 0 errors, 0 warnings; nothing was evaluated\n",
    )


def test_a_changed_partial_reaches_every_prompt_that_includes_it(
    assay: Terminal, repository: Repository
) -> None:
    repository.commit({"prompts/partials/tone/v1.jinja2": "Be formal.\n"})
    document = told(assay, repository)
    assert document["prompts"] == []
    assert document["elsewhere"] == [{"kind": "partial", "name": "partials/tone/v1"}]
    assert document["reached"] == {"b": ["includes partials/tone/v1"]}
    assert document["verdict"] == "FAIL"  # b v1 was published


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("rubrics/r.md", BASE["rubrics/r.md"] + "Really?\n", "is judged by the rubric r"),
        ("prompts/judges/j/v1.jinja2", BASE["prompts/judges/j/v1.jinja2"] + "!\n",
         "is judged by the prompt judges/j"),
        ("models.yaml", BASE["models.yaml"].replace("r1", "r2"), "is judged by the model m"),
        ("suites/judged.yaml", BASE["suites/judged.yaml"] + "# x\n", "the suite judged changed"),
    ],
)  # fmt: skip
def test_a_changed_judge_reaches_every_prompt_that_it_judges(
    assay: Terminal, repository: Repository, path: str, text: str, reason: str
) -> None:
    repository.commit({path: text})
    reached = told(assay, repository)["reached"]
    assert any(reason in one for one in reached["c"])
    assert ("a" in reached) == (path == "models.yaml")


def test_a_changed_dataset_reaches_its_suite_whatever_its_name_is(
    assay: Terminal, repository: Repository
) -> None:
    suite = BASE["suites/judged.yaml"].replace("cases: [{id: one}]", "dataset: datasets/é.jsonl")
    repository.commit({"datasets/é.jsonl": '{"id": "one"}\n', "suites/judged.yaml": suite})
    repository.commit({"datasets/é.jsonl": '{"id": "two"}\n'})
    why = told(assay, repository)["reached"]["c"]
    assert "the dataset datasets/é.jsonl changed" in why


def test_a_partial_inside_a_judge_reaches_what_the_judge_judges(
    assay: Terminal, repository: Repository
) -> None:
    judge = BASE["prompts/judges/j/v1.jinja2"]
    repository.git("switch", "--quiet", "main")
    repository.commit({"prompts/judges/j/v1.jinja2": judge + TONE})
    repository.git("switch", "--quiet", "--create", "another")
    repository.commit({"prompts/partials/tone/v1.jinja2": "Be formal.\n"})
    assert set(told(assay, repository)["reached"]) == {"b", "c", "judges/j"}


def test_files_for_other_tools_are_written_and_the_report_goes_to_the_job_s_summary(
    assay: Terminal, repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"prompts/a/v2.jinja2": V2, "prompts/a/v1.jinja2": V1 + "edited\n"})
    summary = tmp_path / "summary.md"
    summary.write_text("Before.\n")
    assay.environment.update(GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    files = {name: tmp_path / name for name in ("report", "junit", "sarif", "gitlab")}
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    ended = assay.finish("ci", "--base", "main", *options, cwd=repository.folder)
    assert ended.code == 1
    assert ended.out.startswith("::error file=prompts/a/v1.jinja2,line=1,endLine=1,col=1,")
    report = files["report"].read_text()
    assert report.startswith("### ❌ FAIL: 1 prompt changed; lint: 1 error, 1 warning")
    assert "| `a` | `prompt` | `v1 → v2, breaks callers, tokens before" in report
    assert "+More." in report
    assert summary.read_text() == f"Before.\n{report}\n"
    suites = ET.fromstring(files["junit"].read_text())
    [case] = suites.iter("testcase")
    assert (case.get("classname"), case.get("name")) == ("a", "lint")
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("type") == "version_edited"
    assert len(json.loads(files["sarif"].read_text())["runs"][0]["results"]) == 2
    assert len(json.loads(files["gitlab"].read_text())) == 2


def test_texts_of_the_repository_cannot_break_out_of_the_report(
    assay: Terminal, repository: Repository, tmp_path: Path
) -> None:
    nasty = V1 + "```\n</details><img src=x> @everyone\n"
    repository.commit({"prompts/a/v2.jinja2": nasty})
    file = tmp_path / "report.md"
    assay.run("ci", str(repository.folder), "--base", "main", "--report", str(file))
    report = file.read_text()
    assert "````text\n" in report
    assert report.count("</details>") == 2  # ours, and theirs inside the fence


# --- with a server ------------------------------------------------------------------------------

STARTED = {"id": "7", "status": "queued", "url": "https://assay.example/checks/7"}


def done(verdict: str | None, *prompts: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"id": "7", "status": "done", "verdict": verdict, "prompts": list(prompts)}
    return body | {"progress": None, "report_markdown": "**From the server**\n"} | more


def gate(verdict: str | None, **more: Any) -> dict[str, Any]:
    found = {"prompt": "a", "version": 2, "verdict": verdict, "run": "r", "reasons": ["Because."]}
    return found | {"changes": [], "findings": [], "contract": []} | more


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (done("PASS", gate("PASS")), 0),
        (done("FAIL", gate("FAIL")), 1),
        (done("INCONCLUSIVE", gate("INCONCLUSIVE")), 3),
        (done("ERROR", gate("ERROR")), 4),
        (done(None, gate(None)), 4),
        (done(None), 0),
        (done("FAIL"), 1),
        (done("SOMETHING NEW", gate("SOMETHING NEW")), 4),
    ],
)
def test_the_server_s_verdict_is_the_exit_code(
    assay: Terminal, repository: Repository, server: ScriptedServer, answer: Any, code: int
) -> None:
    head = repository.commit({"prompts/a/v2.jinja2": V1 + "More.\n"})
    running: dict[str, Any] = {"id": "7", "status": "running", "verdict": None, "prompts": []}
    progress = {"progress": {"done": 3, "total": 9, "errors": 0}}
    server.script("POST /ci/checks", Reply(STARTED, 202))
    server.script("GET /ci/checks/7", running | progress, answer)
    ended = assay.run(
        "ci", str(repository.folder), "--base", "main", "--server", server.url, "--model", "m"
    )
    assert ended.code == code
    [asked] = server.asked("POST /ci/checks")
    base = repository.git("rev-parse", "main")
    assert asked.body == {"repository_commit": head, "base": base, "model": "m"}
    assert "running, 3/9" in ended.err


def test_the_server_s_part_stands_in_the_report_and_its_gates_in_junit(
    assay: Terminal, repository: Repository, server: ScriptedServer, tmp_path: Path
) -> None:
    repository.commit({"prompts/a/v2.jinja2": V1 + "More.\n"})
    server.script("POST /ci/checks", Reply(STARTED, 202))
    server.script("GET /ci/checks/7", done("FAIL", gate("FAIL"), gate(None, prompt="b")))
    report, junit = tmp_path / "report.md", tmp_path / "junit.xml"
    files = ("--report", str(report), "--junit", str(junit))
    ended = assay.run(
        "ci", str(repository.folder), "--base", "main", "--server", server.url, *files
    )
    assert "gate a v2: FAIL\n- Because.\n" in ended.out
    assert "**From the server**" in report.read_text()
    suites = ET.fromstring(junit.read_text())
    gates = {
        case.get("classname"): [child.tag for child in case]
        for case in suites.iter("testcase")
        if case.get("name") == "gate"
    }
    assert gates == {"a": ["failure"], "b": ["skipped"]}


@pytest.mark.parametrize(
    "reply",
    [Reply({"code": "not_allowed", "detail": "No."}, 403), Reply({"nothing": 1}, 202)],
)
def test_a_server_that_does_not_evaluate_is_exit_code_4_and_the_rest_is_still_told(
    assay: Terminal, repository: Repository, server: ScriptedServer, reply: Reply
) -> None:
    repository.commit({"prompts/a/v2.jinja2": V1 + "More.\n"})
    server.script("POST /ci/checks", reply)
    ended = assay.run("ci", str(repository.folder), "--base", "main", "--server", server.url)
    assert ended.code == 4
    assert "prompt a: v1 → v2" in ended.out
    assert "not evaluated: " in ended.out


def test_a_broken_connection_is_not_a_pass(
    assay: Terminal, repository: Repository, server: ScriptedServer
) -> None:
    repository.commit({"prompts/a/v2.jinja2": V1 + "More.\n"})
    server.script("POST /ci/checks", DROPPED)
    ended = assay.run("ci", str(repository.folder), "--base", "main", "--server", server.url)
    assert ended.code == 4


def test_lint_errors_fail_whatever_the_server_says(
    assay: Terminal, repository: Repository, server: ScriptedServer
) -> None:
    repository.commit({"prompts/a/v1.jinja2": V1 + "edited\n"})
    server.script("POST /ci/checks", Reply(STARTED, 202))
    server.script("GET /ci/checks/7", done("PASS", gate("PASS")))
    ended = assay.run("ci", str(repository.folder), "--base", "main", "--server", server.url)
    assert ended.code == 1


def test_a_change_of_nothing_asks_nobody(
    assay: Terminal, repository: Repository, server: ScriptedServer
) -> None:
    ended = assay.run("ci", str(repository.folder), "--base", "main", "--server", server.url)
    assert (ended.code, server.received) == (0, [])
