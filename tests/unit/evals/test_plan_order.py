"""In which order a run asks: what begins alike is together."""

from __future__ import annotations

from itertools import groupby, pairwise

from hypothesis import given
from hypothesis import strategies as st

from evals.domain.spec import CaseSpec, SuiteSpec
from evals.plan import plan_answers
from registry.domain.template.analysis import reading_order
from registry.domain.template.render import render
from registry.domain.version import VersionContent
from tests.unit.evals.builders import case, suite

TEXT = {"type": "string"}
VERSION = VersionContent(
    name="helpdesk",
    number=1,
    path="prompts/helpdesk/v1.jinja2",
    # Declared in another order than they are said in, and each name within another word.
    variables={"a": TEXT, "language": TEXT, "tier": {**TEXT, "default": "free"}, "document": TEXT},
    source=(
        'Speak {{ language }}.\n{% include "partials/tiers/v1" %}\n'
        "{% if document %}About:\n{{ document }}\n{% endif %}Asked: {{ a }}"
    ),
    partials={"partials/tiers/v1": "The customer is {{ tier }}."},
)
VALUES = ("language", "tier", "document", "a")
few = st.sampled_from(["x", "y", "z", '"', "\u00e9", ""])


@st.composite
def cases(draw: st.DrawFn) -> tuple[CaseSpec, ...]:
    rows = draw(st.lists(st.tuples(few, few | st.none(), few, few), max_size=12))
    return tuple(
        case(
            f"c{number}",
            variables={n: v for n, v in zip(VALUES, row, strict=True) if v is not None},
            repeats=1 + number % 2,
        )
        for number, row in enumerate(rows)
    )


def asked(*suites: SuiteSpec, mixed: bool = False) -> list[tuple[int, str, int]]:
    return [
        (answer.suite, answer.case, answer.repeat)
        for answer in plan_answers(VERSION, suites, mixed=mixed)
    ]


def test_names_are_read_where_they_are_said_and_partials_where_they_are_included() -> None:
    assert reading_order(VERSION) == VALUES


def test_a_placeholder_stands_where_its_messages_do() -> None:
    chat = VersionContent(
        name="chat",
        number=1,
        path="prompts/chat/v1.jinja2",
        type="chat",
        variables={"question": TEXT, "role": TEXT, "unused": TEXT},
        source=(
            '{% chat role="system" %}You are {{ role }}.{% endchat %}{% placeholder "history" %}'
            '{% chat role="user" %}{{ question }} as {{ role }}{% endchat %}'
        ),
    )
    assert reading_order(chat) == ("role", "history", "question", "unused")


@given(cases(), cases())
def test_every_answer_is_planned_once_whatever_the_order(
    first: tuple[CaseSpec, ...], second: tuple[CaseSpec, ...]
) -> None:
    suites = (suite(first), suite(second))
    wanted = sorted(
        (index, one.key, repeat)
        for index, these in enumerate(suites)
        for one in these.cases
        for repeat in range(1, these.repeats_of(one) + 1)
    )
    for mixed in (False, True):
        assert sorted(asked(*suites, mixed=mixed)) == wanted


@given(cases(), st.randoms())
def test_the_order_of_a_file_changes_nothing(found: tuple[CaseSpec, ...], random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for mixed in (False, True):
        assert asked(suite(found), mixed=mixed) == asked(suite(tuple(shuffled)), mixed=mixed)


@given(cases(), cases())
def test_prompts_that_begin_alike_are_neighbours(
    first: tuple[CaseSpec, ...], second: tuple[CaseSpec, ...]
) -> None:
    suites = (suite(first), suite(second))
    by_key = [{one.key: one for one in these.cases} for these in suites]
    texts = [
        render(VERSION, by_key[index][key].variables).messages[0].content
        for index, key, _ in asked(*suites)
    ]
    for until in ("\n", "\nAsked:"):
        heads = [text[: text.rindex(until)] if until in text else "" for text in texts]
        runs = [head for head, _ in groupby(heads)]
        assert len(runs) == len(set(runs))


def test_a_run_that_may_stop_early_asks_in_an_order_that_says_nothing() -> None:
    language = ["x", "y"]
    found = tuple(
        case(f"c{n}", variables={"language": language[n % 2], "document": "", "a": str(n)})
        for n in range(40)
    )
    order = [key for _, key, _ in asked(suite(found), mixed=True)]
    changes = sum(int(a[1:]) % 2 != int(b[1:]) % 2 for a, b in pairwise(order))
    assert changes > 10  # and 1, if it were sorted by what is asked
