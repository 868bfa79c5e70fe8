"""The share of a prompt that calls have in common, and how to raise it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry.domain.lint.prefix_cache import RULE, prefix_score
from registry.domain.version import VersionContent
from tests.unit.registry.lint.repositories import HEAD, found

RULES = "Be kind, be brief, and quote figures exactly as they are given to you.\n" * 8


def score(source: str, **partials: str):
    named = {f"partials/{name}/v1": text for name, text in partials.items()}
    return prefix_score(VersionContent("a", 1, "p", source=source, partials=named))


def test_rules_behind_the_first_variable_are_named_with_what_moving_them_wins() -> None:
    [finding] = found(RULE, {"prompts/a/v1.jinja2": f"{HEAD}Ticket: {{{{ ticket }}}}\n{RULES}"})
    assert (finding.path, finding.line, finding.severity) == ("prompts/a/v1.jinja2", 4, "warning")
    assert finding.message.startswith("1% of the text stands before the first variable")
    assert finding.hint == "moving line 5-12 (about 142 tokens) above line 4 makes it 100%"


def test_rules_first_and_the_variable_last_is_as_good_as_it_gets() -> None:
    assert found(RULE, {"prompts/a/v1.jinja2": f"{HEAD}{RULES}Ticket: {{{{ ticket }}}}\n"}) == []
    assert round(score(f"{RULES}{{{{ ticket }}}}").share, 2) == 1.0


def test_a_few_words_are_not_worth_the_trouble() -> None:
    assert found(RULE, {"prompts/a/v1.jinja2": f"{HEAD}{{{{ ticket }}}}\nBe kind.\n"}) == []


def test_lines_with_variables_conditions_and_loops_stay_where_they_are() -> None:
    source = "{{ x }}\nfixed\n{% if y %}\nsometimes\n{% endif %}\nall {{ z }} of it\nfixed too\n"
    assert sorted(score(source).movable) == [2, 7]


def test_a_later_message_cannot_move_into_an_earlier_one() -> None:
    source = (
        '{% chat role="system" %}{{ x }}\nmine\n{% endchat %}\n'
        '{% chat role="user" %}yours\n{% endchat %}\n'
    )
    assert sorted(score(source).movable) == [2]


def test_partials_count_where_they_are_included() -> None:
    fixed = score("{% include 'partials/tone/v1' %}\n{{ x }}", tone="Be kind.")
    assert (fixed.first_line, fixed.before) == (2, len("Be kind.\n"))
    varying = score("{% include 'partials/tone/v1' %}\nfixed\n", tone="Be {{ tone }}.")
    assert (varying.first_line, sorted(varying.movable)) == (1, [2])


def test_a_placeholder_ends_what_is_shared() -> None:
    assert score('{% placeholder "history" %}\n').first_line == 1


def test_a_prompt_without_variables_is_shared_whole() -> None:
    assert (score("Hello\n").share, score("").share) == (1.0, 1.0)


@given(st.lists(st.sampled_from(["text\n", "{{ x }}", "{{ x }}\n", "two\nlines\n"]), max_size=12))
def test_shares_stay_between_nothing_and_everything(parts: list[str]) -> None:
    measured = score("".join(parts))
    # Every movable line counts its line end, also the one that shares it with a variable before.
    assert 0 <= measured.share <= 1
    assert measured.share <= measured.possible <= 1 + 1e-9
