"""A report as JUnit XML, as continuous integration reads it.

Ids are stable: `classname` is prompt and suite, `name` the case's key with its repeat, whatever the
version and the outcome. The gate is a case of its own, so that a run can pass although some of its
cases failed, and the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from assay.answers import CaseAnswer
from assay.answers.reports import RunCase
from assay.report.explaining import doubt, in_short, reasons
from assay.report.headline import headline, subject
from assay.report.value import Report
from evals.domain.harmless import clean, cut_line

_MESSAGE_CHARACTERS = 200


def junit(report: Report) -> str:
    """The XML document."""
    root = Element("testsuites", name=subject(report.run))
    _gate(root, report)
    ordered = sorted(report.cases, key=lambda row: (row.suite, row.case))
    for suite, rows in groupby(ordered, key=lambda row: row.suite):
        _suite(root, report, suite, rows)
    _count(root, root.findall("./testsuite/testcase"))
    del root.attrib["skipped"]  # Jenkins' schema has it for each suite alone
    indent(root)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + tostring(root, encoding="unicode") + "\n"


def _gate(root: Element, report: Report) -> None:
    run = report.run
    suite = SubElement(root, "testsuite", name=clean(f"{run.prompt}.gate"))
    suite.set("timestamp", clean(run.created_at))
    case = SubElement(suite, "testcase", classname=clean(run.prompt), name="gate")
    case.set("time", f"{report.usage.seconds or 0:.3f}")
    told = "\n".join((headline(run), *(f"- {clean(reason)}" for reason in run.reasons)))
    match run.verdict:
        case "PASS":
            SubElement(case, "system-out").text = told
        case "FAIL" | "INCONCLUSIVE":
            _say(case, "failure", run.verdict, headline(run), told)
        case None if run.is_self_comparison or not run.is_over:
            SubElement(case, "skipped", message=cut_line(headline(run), _MESSAGE_CHARACTERS))
        case _:
            _say(case, "error", run.verdict or run.status, headline(run), told)
    _count(suite, [case])


def _suite(root: Element, report: Report, name: str, rows: Iterable[RunCase]) -> None:
    classname = clean(f"{report.run.prompt}.{name}")
    suite = SubElement(root, "testsuite", name=classname)
    suite.set("timestamp", clean(report.run.created_at))
    for row in rows:
        for answer in row.answers:
            _case(SubElement(suite, "testcase", classname=classname), answer, doubt(row))
    _count(suite, suite.findall("testcase"))


def _case(case: Element, answer: CaseAnswer, doubt: str) -> None:
    case.set("name", clean(f"{answer.case} [{answer.repeat}]"))
    case.set("time", f"{(answer.total_ms or 0) / 1000:.3f}")
    if answer.outcome == "fail":
        _say(case, "failure", "fail", in_short(answer) + doubt, _told(answer))
    elif answer.outcome != "pass":
        _say(case, "error", "error", in_short(answer), _told(answer))


def _say(case: Element, tag: str, kind: str, message: str, text: str) -> None:
    short = cut_line(message, _MESSAGE_CHARACTERS)
    SubElement(case, tag, message=short, type=clean(kind)).text = clean(text)


def _told(answer: CaseAnswer) -> str:
    lines = [*reasons(answer), "", "answer:", answer.text]
    if answer.baseline is not None:
        live = answer.baseline
        lines += ["", f"live version ({live.outcome}):", live.text]
    return "\n".join(lines)


def _count(element: Element, cases: Iterable[Element]) -> None:
    found = list(cases)
    element.set("tests", str(len(found)))
    for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        element.set(name, str(sum(case.find(tag) is not None for case in found)))
    element.set("time", f"{sum(float(case.get('time', '0')) for case in found):.3f}")
