"""The names of promptfoo's assertion types, and what is known about those without a counterpart."""

from __future__ import annotations

from collections.abc import Mapping

#: Types whose `not-` was ignored by promptfoo 0.118.17 and is honoured by newer releases.
NOT_WAS_IGNORED = frozenset(
    "llm-rubric g-eval factuality model-graded-factuality model-graded-closedqa latency cost "
    "levenshtein finish-reason python perplexity perplexity-score context-faithfulness "
    "context-recall context-relevance moderation trace-span-count trace-span-duration "
    "trace-error-spans".split()
)

_CODE = "it is a program, and programs of a source are never run"
_BY_HAND = "say it with checks of Assay, or leave it out"
_JUDGED = "it asks a model in a way that Assay's judge does not"
_WRITE_A_RUBRIC = "write a rubric for the `judge` check"
_TRACES = "Assay does not see traces or tool calls, only the text of the answer"

#: Type -> (why it is not mapped, what to do instead).
LISTED: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("javascript", "python", "ruby"), (_CODE, _BY_HAND)),
    "webhook": ("an import and its suites call nothing outside", _BY_HAND),
    **dict.fromkeys(
        (
            "answer-relevance",
            "context-faithfulness",
            "context-recall",
            "context-relevance",
            "conversation-relevance",
            "classifier",
            "pi",
            "search-rubric",
            "agent-rubric",
            "trajectory:goal-success",
        ),
        (_JUDGED, _WRITE_A_RUBRIC),
    ),
    "moderation": ("there is no moderation endpoint in Assay", _WRITE_A_RUBRIC),
    "guardrails": ("it reads what the provider's own guardrails said", _WRITE_A_RUBRIC),
    "select-best": (
        "it compares the outputs of one row with each other",
        "use the `pairwise` check: it compares with the live version",
    ),
    "max-score": (
        "it compares the outputs of one row with each other",
        "use the `pairwise` check: it compares with the live version",
    ),
    "human": ("a person decides", "label answers for calibration/"),
    **dict.fromkeys(
        ("is-sql", "contains-sql", "is-html", "contains-html", "is-xml", "contains-xml"),
        ("Assay has no check for this syntax", "use `regex` for what matters most"),
    ),
    **dict.fromkeys(
        (
            "is-valid-function-call",
            "is-valid-openai-function-call",
            "is-valid-openai-tools-call",
            "tool-call-f1",
            "skill-used",
            "trajectory:step-count",
            "trajectory:tool-args-match",
            "trajectory:tool-sequence",
            "trajectory:tool-used",
            "trace-span-count",
            "trace-span-duration",
            "trace-error-spans",
        ),
        (_TRACES, "use the `json` check if the answer's text is the call"),
    ),
    **dict.fromkeys(
        ("similar:dot", "similar:euclidean"),
        ("`embedding_similarity` takes the cosine only", "use `similar` with a threshold for it"),
    ),
    "gleu": ("Assay has no GLEU", "use `bleu` or `rouge` with a threshold of its own"),
    "meteor": ("Assay has no METEOR", "use `rouge` with a threshold of its own"),
    **dict.fromkeys(
        ("perplexity", "perplexity-score"),
        ("Assay does not read the log-probabilities of an answer", "use the `likelihood` judge"),
    ),
    "finish-reason": (
        "no check asks how an answer ended",
        "Assay says in every check's detail when an answer was cut off",
    ),
}

#: Types that a judge decides.
JUDGED = frozenset(
    "llm-rubric g-eval factuality model-graded-factuality model-graded-closedqa".split()
)
#: Types with a rule in assertions.py.
MAPPED = frozenset(
    "equals contains icontains contains-any contains-all icontains-any icontains-all starts-with "
    "regex is-json contains-json levenshtein rouge-n bleu similar similar:cosine latency cost "
    "is-refusal word-count".split()
)
BASE_TYPES = MAPPED | JUDGED | LISTED.keys()
#: What starts with this is graded by promptfoo's own service for attacks.
RED_TEAM = "promptfoo:redteam:"
_RED_TEAM = "promptfoo's own red-team graders decide it"


def listed_reason(base: str) -> tuple[str, str] | None:
    """(why a type is not mapped, what to do instead); None when it may have a rule."""
    if base.startswith(RED_TEAM):
        return _RED_TEAM, _WRITE_A_RUBRIC
    return LISTED.get(base)
