"""Two versions of a prompt, rendered side by side on cases of its suites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from evals import queries as evals_queries
from evals.domain.suite import CaseSpec
from registry import slow
from registry.domain.template.render import Rendered
from registry.domain.version import VersionContent
from registry.models import Prompt, PromptVersion
from registry.rendering import RenderFailure, RenderJob, render_batch
from webui.differing import Line, side_by_side

#: So many cases are offered, and so many of them rendered at once.
_MOST_OFFERED = 200
_MOST_CHOSEN = 5


@dataclass(frozen=True, slots=True)
class RenderedCase:
    """What both versions make of one case: the rows that differ, or what keeps them from it."""

    name: str
    lines: Sequence[Line] = ()
    problems: Sequence[str] = ()


def cases_of(prompt: Prompt) -> dict[str, CaseSpec]:
    """Cases to choose from, as `suite/key`: the first 200 of its current suites."""
    found = (
        (f"{suite.name}/{case.key}", case)
        for suite in evals_queries.current_specs(prompt)
        for case in suite.cases
    )
    return dict(islice(found, _MOST_OFFERED))


def render_cases(
    old: PromptVersion, new: PromptVersion, cases: Mapping[str, CaseSpec], chosen: Sequence[str]
) -> list[RenderedCase]:
    """The first five of the chosen cases with both versions. Raises BusyError, and
    RenderUnavailableError.
    """
    names = [name for name in dict.fromkeys(chosen) if name in cases][:_MOST_CHOSEN]
    if not names:
        return []
    with slow.RENDERINGS.one():
        outcomes = iter(
            render_batch([_job(row, cases[name]) for name in names for row in (old, new)])
        )
    return [_beside(name, (old, next(outcomes)), (new, next(outcomes))) for name in names]


def _job(row: PromptVersion, case: CaseSpec) -> RenderJob:
    """As runs ask: a variable that came later is none of an older version's."""
    content = VersionContent.from_json(row.content)
    variables = {key: value for key, value in case.variables.items() if key in content.variables}
    return RenderJob(content, variables, case.placeholders)


def _beside(name: str, *sides: tuple[PromptVersion, Rendered | RenderFailure]) -> RenderedCase:
    problems = [
        f"v{row.number}: {outcome.message}"
        for row, outcome in sides
        if isinstance(outcome, RenderFailure)
    ]
    if problems:
        return RenderedCase(name, problems=problems)
    old, new = (_text(outcome) for _, outcome in sides if isinstance(outcome, Rendered))
    return RenderedCase(name, side_by_side(old, new))


def _text(rendered: Rendered) -> str:
    if rendered.type == "text":
        return rendered.text
    return "\n\n".join(f"{message.role}:\n{message.content}" for message in rendered.messages)
