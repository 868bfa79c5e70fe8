"""A change as JUnit XML: each prompt's lint, and each prompt's gate where one was asked.

`classname` is the prompt and `name` is `lint` or `gate`, whatever the version: a history stays one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from assay.answers.checks import CheckedPrompt
from assay.ci.value import CiReport
from core.findings import Finding
from evals.domain.harmless import clean, cut_line
from evals.domain.proposal import ChangeReport

_MESSAGE_CHARACTERS = 200
_PROMPTS = "prompts/"


def junit(report: CiReport) -> str:
    """The XML document."""
    root = Element("testsuites", name="assay ci")
    _lint(root, report.change)
    if report.check is not None or report.failure:
        _gates(root, report)
    cases = root.findall("./testsuite/testcase")
    _count(root, cases)
    indent(root)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + tostring(root, encoding="unicode") + "\n"


def _lint(root: Element, report: ChangeReport) -> None:
    suite = SubElement(root, "testsuite", name="lint")
    by_owner: dict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        by_owner[_owner(finding.path)].append(finding)
    names = {prompt.name for prompt in report.prompts} | {name for name, _ in report.reached}
    for name in sorted({*names, *by_owner}):
        case = SubElement(suite, "testcase", classname=clean(name), name="lint", time="0")
        findings = by_owner.get(name, [])
        errors = [finding for finding in findings if finding.severity == "error"]
        told = clean("\n".join(map(str, findings)))
        if errors:
            short = cut_line(errors[0].message, _MESSAGE_CHARACTERS)
            SubElement(case, "failure", message=short, type=clean(errors[0].code)).text = told
        elif told:
            SubElement(case, "system-out").text = told
    _count(suite, suite.findall("testcase"))


def _owner(path: str) -> str:
    """The prompt that a file belongs to, or the file."""
    folder, _, file = path.removeprefix(_PROMPTS).rpartition("/")
    return folder if path.startswith(_PROMPTS) and folder else path or file


def _gates(root: Element, report: CiReport) -> None:
    suite = SubElement(root, "testsuite", name="gate")
    if report.check is None:
        case = SubElement(suite, "testcase", classname="assay", name="gate", time="0")
        short = cut_line(report.failure, _MESSAGE_CHARACTERS)
        SubElement(case, "error", message=short, type="ERROR").text = clean(report.failure)
    for prompt in report.check.prompts if report.check else ():
        _gate(SubElement(suite, "testcase", classname=clean(prompt.prompt), name="gate"), prompt)
    _count(suite, suite.findall("testcase"))


def _gate(case: Element, prompt: CheckedPrompt) -> None:
    case.set("time", "0")
    told = clean("\n".join(prompt.reasons))
    short = cut_line(prompt.reasons[0] if prompt.reasons else prompt.verdict, _MESSAGE_CHARACTERS)
    match prompt.verdict:
        case "PASS":
            SubElement(case, "system-out").text = told
        case "FAIL" | "INCONCLUSIVE":
            SubElement(case, "failure", message=short, type=prompt.verdict).text = told
        case None:
            SubElement(case, "skipped", message=short or "nothing to evaluate")
        case _:
            SubElement(case, "error", message=short, type="ERROR").text = told


def _count(element: Element, cases: Iterable[Element]) -> None:
    found = list(cases)
    element.set("tests", str(len(found)))
    for tag, name in (("failure", "failures"), ("error", "errors")):
        element.set(name, str(sum(case.find(tag) is not None for case in found)))
    if element.tag == "testsuite":  # Jenkins' schema has it for each suite alone
        element.set("skipped", str(sum(case.find("skipped") is not None for case in found)))
    element.set("time", "0")
