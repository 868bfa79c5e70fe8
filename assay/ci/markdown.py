"""A change and its evaluation as GitHub Markdown, fit for a comment or a job's summary."""

from __future__ import annotations

from collections.abc import Iterator

from assay.ci.value import CiReport
from evals.domain.markdown import SIGNS, text
from evals.domain.proposal import blocks, fitting, headline

_REST = "_The rest does not fit here; the job's log has it._\n"


def markdown(report: CiReport) -> str:
    """The whole page. What does not fit is left out, the end first, and it says so."""
    top = f"### {SIGNS[report.verdict]} {report.verdict}: {told(report)}\n"
    return fitting([top, *blocks(report.change, _evaluation(report))], _REST)


def told(report: CiReport) -> str:
    """What changed, in a sentence."""
    evaluated = "" if report.check or report.failure else "; nothing was evaluated"
    return f"{headline(report.change)}{evaluated}"


def _evaluation(report: CiReport) -> Iterator[str]:
    if report.failure:
        yield f"**Not evaluated**: {text(report.failure)}\n"
    if report.check is not None and report.check.report_markdown:
        yield report.check.report_markdown.rstrip() + "\n"  # the server's own, escaped by it
