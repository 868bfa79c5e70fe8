"""The same run in each format: complete, stable, and harmless whatever a model wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from assay.answers import EvalRun
from assay.answers.reports import RunCase, RunReport
from assay.commands.reporting import Format, text
from assay.reading import read
from assay.report.making import report_of
from assay.report.value import Report
from evals.domain import markdown as md
from evals.domain.harmless import clean, cut_line
from tests.integration.assay.bodies import finished, run
from tests.integration.assay.compared import (
    OUTCOMES,
    answer,
    answers,
    arm,
    cases,
    check,
    compared_run,
    tables,
    usage,
    variance,
)

EVIL = [
    "<script>alert(1)</script>",
    "</pre></details><img src=x onerror=alert(1)>",
    "```\n# out\n</details>\n````",
    "a|b\\|c `d` ``e``",
    "[click](https://evil.example) ![x](https://evil.example/x.png)",
    "@octocat fixes #1, owner/repo#2, GH-3 https://evil.example www.evil.example",
    "\x1b[2J\x1b]0;title\x07 \u202eabc \ud800 \x00 \ufffe",
    "]]><!-- <!ENTITY x 'y'> &amp; &#0;",
    "- item\n\n1. one\n\n    code\n\n***\n===\n~~~",
    "{{ 7*7 }} [bold]rich[/bold]",
    "/merge\n/close",
    "\r\n\r\n<details open><summary>",
]
HOSTILE = st.one_of(
    st.sampled_from(EVIL),
    st.lists(st.sampled_from([*EVIL, *"`|<>&@#*_[]()\\~!\n -+=1.:/\"'"]), max_size=8).map("".join),
    st.text(max_size=60),
)
MARKDOWN = MarkdownIt("commonmark").enable("table")


def reported(body: dict[str, Any], results: list[dict[str, Any]], **changes: Any) -> Report:
    found = [read(RunCase, case) for case in cases(results)]
    return report_of(read(EvalRun, body), read(RunReport, tables(**changes)), found)


def hostile_report(evil: str) -> Report:
    """A run in which everything that others write is `evil`."""
    said = {"name": evil, "type": evil, "detail": evil}
    bad = arm("fail", evil, checks=[check(False, **said)])
    broken = arm("error", evil, error=evil)
    results = [
        answer(evil or "-", "fail", "pass", suite=evil, **bad),
        answer("b", "error", "pass", **broken),
        {**answer("c", "pass", "fail"), "baseline": bad},
    ]
    names = {"prompt": evil, "model": evil, "policy": evil, "tag": evil, "run": evil}
    words = {"reasons": [evil, evil], "suites": [evil], "advisory": {evil: evil}}
    body = compared_run(**names, **words, certificate=evil)
    whole = tables()
    rows = {
        part: [row | {"suite": evil} for row in whole[part]] for part in ("checks", "variances")
    }
    rows["checks"][0] |= {"name": evil, "type": evil}
    rows["variances"][0] |= {"of": evil, "missing": [evil]}
    rows["suites"] = [whole["suites"][0] | {"name": evil, "verdict": evil}]
    rows["times"] = [row | {"metric": evil, "arm": evil} for row in whole["times"]]
    return reported(body, results, **rows, remarks=[evil])


def tokens(page: str) -> Iterator[Token]:
    for token in MARKDOWN.parse(page):
        yield token
        yield from token.children or ()


def test_a_comment_shows_verdict_and_reasons_and_folds_the_rest() -> None:
    page = text(reported(compared_run(), answers()), Format.MARKDOWN)
    head, folded = page.split("<details>", 1)
    assert head.splitlines()[0] == "### ❔ INCONCLUSIVE: `support-chat v4 against v3 on smollm2`"
    assert "- with 95 % confidence the difference is above -21.0" in head
    assert "Cases: 1 regressed, 1 fixed, 1 failing, 7 passing." in head
    assert "planned cost: `$0.0123`" in head
    assert "| `support-chat` | `label` | `exact` | `10` | `80.0 %` | `49.0–94.3 %` |" in folded
    assert "| `support-chat` | `latency_p50` | `INCONCLUSIVE` | `+25.0 %` |" in folded
    angry = folded.split("regressed: <code>support-chat / angry</code> (0.0 %, live 100.0 %)")[1]
    assert "```text\ncandidate fail\n```" in angry
    assert angry.index("candidate fail") < angry.index("live pass")


@given(HOSTILE)
@settings(max_examples=150, deadline=None)
def test_nothing_in_a_comment_is_active(evil: str) -> None:
    found = list(tokens(text(hostile_report(evil), Format.MARKDOWN)))
    kinds = {token.type for token in found}
    assert not kinds & {"link_open", "image", "html_inline", "em_open", "strong_open", "hr"}
    assert not kinds & {"code_block", "blockquote_open", "ordered_list_open"}
    blocks = "".join(token.content for token in found if token.type == "html_block")
    known = r"</?details>|</?summary>|</?code>"
    assert not re.search("[<>]", re.sub(known, "", blocks))
    assert blocks.count("<details>") == blocks.count("</details>")
    plain = "".join(token.content for token in found if token.type == "text")
    assert not re.search(r"@\w|#\d|GH-\d|://|www\.", plain, re.IGNORECASE)


@given(HOSTILE)
def test_code_holds_exactly_what_was_written_but_for_commands(evil: str) -> None:
    spans = [t.content for t in tokens(md.code(evil)) if t.type == "code_inline"]
    assert spans in ([], [cut_line(evil, 120)])
    [block] = [t for t in tokens(md.fence(evil)) if t.type == "fence"]
    written = re.sub("^/", "\N{ZERO WIDTH SPACE}/", clean(evil)[:1000], flags=re.MULTILINE)
    assert block.content == written + "\n" or "(cut)" in block.content
    row = f"| a | b |\n| --- | --- |\n| {md.cell(evil)} | x |\n"
    cells = [t.content for t in tokens(row) if t.type == "code_inline"]
    assert cells in ([], [cut_line(evil, 120)])
    assert sum(t.type == "td_open" for t in tokens(row)) == 2


def test_a_comment_is_never_longer_than_github_takes() -> None:
    long = "word `|` " * 3_000
    results = [answer(f"{n} {long}", "fail", "pass", text=long) for n in range(300)]
    body = compared_run(reasons=[long] * 100, prompt=long, suites=[long] * 300)
    page = text(reported(body, results, cases={"regressed": 300}), Format.MARKDOWN)
    assert len(page) < 65_536
    assert re.search(r"\d more: `assay runs show", page)


def junit(report: Report) -> Element:
    return fromstring(text(report, Format.JUNIT).encode())


def test_junit_has_stable_ids_and_the_gate_as_a_case() -> None:
    root = junit(reported(compared_run(), answers()))
    found = {(c.get("classname"), c.get("name")): c for c in root.iter("testcase")}
    assert next(iter(found)) == ("support-chat", "gate")
    ids = [("support-chat.support-chat", f"{case} [1]") for case in sorted(OUTCOMES)]
    assert list(found)[1:] == ids
    assert found["support-chat", "gate"].find("failure") is not None
    angry = found["support-chat.support-chat", "angry [1]"]
    failure = angry.find("failure")
    assert failure is not None
    assert failure.get("message") == "label failed: expected negative"
    assert "live version (pass):\nlive pass" in (failure.text or "")
    assert angry.get("time") == "0.100"
    assert [root.get(name) for name in ("tests", "failures", "errors")] == ["11", "3", "0"]
    assert [suite.get("tests") for suite in root] == ["1", "10"]


#: jenkins-junit.xsd: element -> required attributes, others, children in their order.
SCHEMA: dict[str, tuple[set[str], set[str], list[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "disabled", "errors"}, []),
    "testsuite": (
        {"name", "tests"},
        {"failures", "errors", "time", "skipped", "timestamp", "hostname", "id", "package"},
        ["properties", "testcase", "system-out", "system-err"],
    ),
    "testcase": (
        {"name"},
        {"assertions", "time", "classname", "status"},
        ["skipped", "error", "failure", "system-out", "system-err"],
    ),
    "skipped": (set(), {"type", "message"}, []),
    "error": (set(), {"type", "message"}, []),
    "failure": (set(), {"type", "message"}, []),
    "system-out": (set(), set(), []),
}


def fits_the_schema(root: Element) -> None:
    for element in root.iter():
        required, others, children = SCHEMA[element.tag]
        assert required <= set(element.attrib) <= required | others
        if children:
            order = [children.index(child.tag) for child in element]
            assert order == sorted(order)
        for count in {"tests", "failures", "errors", "skipped"} & set(element.attrib):
            assert element.attrib[count].isdigit()
        if "time" in element.attrib:
            assert re.fullmatch(r"\d+\.\d{3}", element.attrib["time"])
    for suite in root:
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
        for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(suite.attrib[name]) == len(suite.findall(f"testcase/{tag}"))


def test_junit_fits_the_schema_that_jenkins_checks() -> None:
    broken = answer("lost", "error", "pass")
    fits_the_schema(junit(reported(compared_run(), [*answers(), broken])))
    fits_the_schema(junit(reported(run(status="running"), [])))
    fits_the_schema(junit(reported(finished("PASS"), answers())))


def test_ids_do_not_move_with_the_version_or_the_outcome() -> None:
    def ids(body: dict[str, Any], results: list[dict[str, Any]]) -> list[tuple[str, str]]:
        found = junit(reported(body, results)).iter("testcase")
        return [(case.get("classname", ""), case.get("name", "")) for case in found]

    turned = [answer(case, live, candidate) for case, (candidate, live) in OUTCOMES.items()]
    assert ids(compared_run(), answers()) == ids(compared_run(version=9, baseline=4), turned)


@pytest.mark.parametrize(
    ("verdict", "tag"),
    [("PASS", "system-out"), ("FAIL", "failure"), ("INCONCLUSIVE", "failure"), ("ERROR", "error")],
)
def test_the_gate_s_case_is_green_for_pass_alone(verdict: str, tag: str) -> None:
    [child] = next(junit(reported(finished(verdict), [])).iter("testcase"))
    assert child.tag == tag


@pytest.mark.parametrize(("status", "tag"), [("running", "skipped"), ("cancelled", "error")])
def test_a_gate_without_a_verdict_is_never_green(status: str, tag: str) -> None:
    [child] = next(junit(reported(run(status=status), [])).iter("testcase"))
    assert child.tag == tag


def test_what_broke_is_an_error_and_repeats_have_ids_of_their_own() -> None:
    results = [answer("a", outcome, None, repeat=n) for n, outcome in enumerate(["error", "pass"])]
    broken, passed = list(junit(reported(run(), results)).iter("testcase"))[1:]
    assert broken.get("name") == "a [0]"
    assert broken.find("error") is not None
    assert (passed.get("name"), len(passed)) == ("a [1]", 0)


@given(HOSTILE)
@settings(deadline=None)
def test_junit_is_xml_whatever_a_model_wrote(evil: str) -> None:
    root = junit(hostile_report(evil))
    known = {"testsuites", "testsuite", "testcase", "failure", "error", "skipped", "system-out"}
    assert {element.tag for element in root.iter()} <= known
    assert len(list(root.iter("testcase"))) == 4
    fits_the_schema(root)


class Page(HTMLParser):
    """What a browser would find."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@given(HOSTILE)
@settings(deadline=None)
def test_html_is_one_file_that_runs_and_loads_nothing(evil: str) -> None:
    source = text(hostile_report(evil), Format.HTML)
    page = Page()
    page.feed(source)
    page.close()
    assert page.open == []
    assert page.tags <= set(
        "html head meta title style body main h1 h2 h3 p span ul li dl dt dd div table thead tbody "
        "tr th td details summary pre code".split()
    )
    assert page.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class", "scope"}
    assert "default-src 'none'" in source


def test_html_follows_the_reader_s_scheme_and_shows_both_answers() -> None:
    source = text(reported(compared_run(), answers()), Format.HTML)
    assert "@media (prefers-color-scheme: dark)" in source
    assert '<span class="INCONCLUSIVE">INCONCLUSIVE</span> support-chat v4 against v3' in source
    assert "<pre>\ncandidate fail</pre>" in source
    assert "<pre>\nlive pass</pre>" in source


@given(HOSTILE)
@settings(deadline=None)
@pytest.mark.parametrize("form", list(Format))
def test_no_format_can_drive_a_terminal_or_break_a_file(form: Format, evil: str) -> None:
    page = text(hostile_report(evil), form)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)
    assert page.encode("utf-8").endswith(b"\n")


def test_a_table_is_complete_and_plain_in_a_pipe() -> None:
    lines = text(reported(compared_run(), answers()), Format.TABLE).splitlines()
    assert "  prefix cache: 50.0 %, 1,000 of 2,000 prompt tokens" in lines
    [saved] = [line for line in lines if line.startswith("  prefill saved: ")]
    assert "1.5 s in all requests together (95 %: 0.9 s to 12 s), 1.5 ms a token by" in saved
    assert "  cost: $0.0110" in lines
    assert "  planned cost: $0.0123" in lines
    assert "  from earlier runs: 2 answers" in lines
    worse = next(line for line in lines if line.startswith("regressed"))
    assert re.split("  +", worse) == [
        *("regressed", "support-chat", "angry", "0.0 %", "100.0 %", "stable"),
        *("candidate fail", "live pass"),
    ]


@pytest.mark.parametrize("form", list(Format))
def test_a_rate_that_judges_decided_is_shown_raw_and_corrected(form: Format) -> None:
    body = compared_run()
    known = {"method": "rogan-gladen", "judges": ["helpful"], "value": 0.7123}
    body["measured"]["suites"][0]["corrected"] = {**known, "interval": [0.4567, 0.9123]}
    page = text(reported(body, answers()), form)
    if form is Format.JSON:
        rates = json.loads(page)["suite_rates"][0]
        assert (rates["pass_rate"], rates["corrected"]["value"]) == (0.8, 0.7123)
    else:
        plain = clean(page).replace("\\", "")
        assert all(figure in plain for figure in ("80.0 %", "71.2 %", "45.7–91.2 %"))


def test_json_is_what_a_script_needs_to_name_the_regressions() -> None:
    document = json.loads(text(reported(compared_run(), answers()), Format.JSON))
    worse = [c["case"] for c in document["changed_cases"] if c["change"] == "regressed"]
    assert worse == ["angry"]
    assert document["measured"]["suites"][0]["comparison"]["regressions"] == 1


@pytest.mark.parametrize("form", [Format.MARKDOWN, Format.HTML, Format.JUNIT])
def test_a_flip_that_comes_and_goes_is_marked(form: Format) -> None:
    found = [read(RunCase, {**case, "history": "flaky"}) for case in cases()]
    report = report_of(read(EvalRun, compared_run()), read(RunReport, tables()), found)
    assert "flaky in the newest runs" in text(report, form)


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        ((0.01, 0.002, 0.5, 0.512), "$0.5120 ($0.0100 the model, $0.0020 latency phases, $0.50"),
        ((0.0, 0.0, 0.0, 0.0), "$0.00"),
        ((None, 0.0, 0.0, None), "not known for the model: no price, or several"),
        ((0.01, 0.0, None, None), "$0.0100 the model; not known for judges: no price, or several"),
    ],
)
def test_a_cost_says_what_it_covers(cost: tuple[float | None, ...], told: str) -> None:
    names = ("model_usd", "latency_usd", "judges_usd", "total_usd")
    spent = usage(cost=dict(zip(names, cost, strict=True)))
    page = text(reported(compared_run(), answers(), usage=spent), Format.TABLE)
    assert f"  cost: {told}" in page


def test_the_three_variances_stand_side_by_side() -> None:
    row = variance(generation=0.04, judge=0.01, case_share=0.7, generation_share=0.25)
    page = text(reported(compared_run(), answers(), variances=[row]), Format.TABLE)
    line = next(line for line in page.splitlines() if "±" in line)
    assert re.split("  +", line)[1:] == [
        *("score", "10", "±0.40, 70 %", "±0.20, 25 %", "±0.10, 0 %")
    ]
