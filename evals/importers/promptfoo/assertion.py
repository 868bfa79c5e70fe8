"""One promptfoo assertion, ready to be mapped: values filled in, options of its test applied."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evals.importers.nodes import Node
from evals.importers.vocabulary import Check

KEYS = frozenset(
    "type value threshold weight metric provider rubricPrompt transform contextTransform config "
    "assert description metricOnly".split()
)
_TRIM = re.compile(r"(?:String\()?output\)?\.trim\(\);?")
_LOWER = re.compile(r"(?:String\()?output\)?(?:\.trim\(\))?\.toLowerCase\(\)(?:\.trim\(\))?;?")
_PATH = re.compile(r"(?:JSON\.parse\(output\)|output)((?:\.[A-Za-z_$][\w$]*)+);?")

#: What a transform that is understood may stand before; everything is judged untransformed else.
_TRANSFORMABLE = frozenset(
    "equals contains icontains contains-any contains-all icontains-any icontains-all starts-with "
    "regex".split()
)
#: These do not look at the output's text.
_BLIND = frozenset({"latency", "cost"})
_TRIMMABLE = frozenset(
    {"is-json", "contains-json", "word-count", "is-refusal", "rouge-n", "bleu", "similar"}
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What the transforms do to the output before it is judged. `path` leads into its JSON."""

    trim: bool = False
    lower: bool = False
    path: tuple[str, ...] | None = None
    problem: str = ""


@dataclass(frozen=True)
class Assertion:
    """`type` as written, `base` without `not-`; `value` None when there is none.

    `grader` is the model that judges, a name of models.yaml, or empty; `grader_problem` says why
    there is none. `is_scored` tells that the test passes by its score.
    """

    node: Node
    type: str
    base: str
    value: Any = None
    threshold: float | None = None
    shape: Shape = field(default=Shape())
    grader: str = ""
    embedder: str = ""
    grader_problem: str = ""
    grader_note: str = ""
    rubric_prompt: bool = False
    is_scored: bool = False
    is_default: bool = False

    @property
    def negate(self) -> bool:
        """Whether the assertion is turned around."""
        return self.type.startswith("not-")


@dataclass(frozen=True)
class Verdict:
    """A check with its differences, or why there is none. `expected` goes to the case."""

    check: Check | None = None
    differences: tuple[str, ...] = ()
    problem: str = ""
    todo: str = ""
    expected: Any = None
    #: False when the check already says what the assertion's own threshold means.
    uses_threshold: bool = True
    #: Whether `not-` is still to be said by the check's `not`.
    is_plain: bool = True


def lost(problem: str, todo: str = "") -> Verdict:
    """There is no counterpart."""
    return Verdict(problem=problem, todo=todo)


def shape_of(transforms: Mapping[str, Any]) -> Shape:
    """What known transforms do; anything else is JavaScript, which is never run."""
    shape = Shape()
    for text in transforms.values():
        code = text.strip() if isinstance(text, str) else ""
        if _TRIM.fullmatch(code):
            shape = Shape(True, shape.lower, shape.path)
        elif _LOWER.fullmatch(code):
            shape = Shape(shape.trim or "trim" in code, True, shape.path)
        elif code == "JSON.parse(output)" and shape == Shape():
            shape = Shape(path=())
        elif (found := _PATH.fullmatch(code)) and shape == Shape():
            shape = Shape(path=tuple(found[1].removeprefix(".").split(".")))
        else:
            return Shape(problem="it judges the output of a transform, and no program is ever run")
    return shape


def transform_problem(base: str, shape: Shape) -> str:
    """Why a type cannot judge an output of this shape; empty when it can."""
    if base in _BLIND or shape == Shape():
        return ""
    if shape.problem:
        return shape.problem
    if shape.path is not None and base != "equals":
        return "it judges a field of the answer's JSON, and only `equals` can be said that way"
    if base in _TRANSFORMABLE or (base in _TRIMMABLE and not shape.lower):
        return ""
    return "it judges the output of a transform"
