"""The share of a prompt that calls have in common, and how to raise it."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from registry.domain.lint.prefix_cache import RULE, PrefixScore, prefix_of, scores
from registry.domain.model_pin import ModelPin
from registry.domain.token_count import Counted, Row, estimated
from registry.domain.version import VersionContent
from tests.unit.registry.lint.repositories import HEAD, found

RULES = "Be kind, be brief, and quote figures exactly as they are given to you.\n" * 8


def prefix(source: str, **partials: str):
    named = {f"partials/{name}/v1": text for name, text in partials.items()}
    return prefix_of(VersionContent("a", 1, "p", source=source, partials=named))


def score(source: str, **partials: str) -> PrefixScore:
    [found] = scores(estimated(None, [prefix(source, **partials).texts])[0])
    return found


def words(pin: ModelPin | None, rows: Sequence[Row]) -> list[Counted]:
    """A tokenizer whose tokens are words."""
    how = f"counted in words for {pin.name if pin else 'nobody'}"
    return [Counted(tuple(len(text.split()) for text in row), how) for row in rows]


def test_rules_behind_the_first_variable_are_named_with_what_moving_them_wins() -> None:
    [finding] = found(RULE, {"prompts/a/v1.jinja2": f"{HEAD}Ticket: {{{{ ticket }}}}\n{RULES}"})
    assert (finding.path, finding.line, finding.severity) == ("prompts/a/v1.jinja2", 4, "warning")
    assert finding.message.startswith("1% of the tokens stand before the first variable")
    assert finding.hint == (
        "moving line 5-12 (142 tokens, estimated at 4 characters a token) above line 4 makes it 99%"
    )


def test_tokens_are_those_of_the_model_that_the_prompt_is_for() -> None:
    head = {
        "models.yaml": "models: {small: {served_id: s, revision: r}}\n",
        "prompts/a/v1.jinja2": f"{HEAD}Ticket: {{{{ ticket }}}}\n{RULES}",
    }
    for named in (
        {"prompts/a/prompt.yaml": "model: small\n"},
        {"tags.yaml": "a: {stable: {version: v1, model: small}}\n"},
    ):
        [finding] = found(RULE, head | named, count_tokens=words)
        told = (
            "moving line 5-12 (112 tokens, counted in words for small) above line 4 makes it 100%"
        )
        assert finding.hint == told
    [finding] = found(RULE, head, count_tokens=words)
    assert "counted in words for nobody" in finding.hint


def test_what_are_few_tokens_is_not_worth_the_trouble_however_many_characters() -> None:
    long = "Donaudampfschifffahrtsgesellschaft\n" * 20
    head = {"prompts/a/v1.jinja2": f"{HEAD}{{{{ ticket }}}}\n{long}"}
    assert len(found(RULE, head)) == 1
    assert found(RULE, head, count_tokens=words) == []


def test_rules_first_and_the_variable_last_is_as_good_as_it_gets() -> None:
    assert found(RULE, {"prompts/a/v1.jinja2": f"{HEAD}{RULES}Ticket: {{{{ ticket }}}}\n"}) == []
    assert score(f"{RULES}{{{{ ticket }}}}").share == 1.0


def test_a_few_words_are_not_worth_the_trouble() -> None:
    assert found(RULE, {"prompts/a/v1.jinja2": f"{HEAD}{{{{ ticket }}}}\nBe kind.\n"}) == []


def test_lines_with_variables_conditions_and_loops_stay_where_they_are() -> None:
    source = "{{ x }}\nfixed\n{% if y %}\nsometimes\n{% endif %}\nall {{ z }} of it\nfixed too\n"
    measured = prefix(source)
    assert measured.lines == (2, 7)
    assert measured.movable == "fixed\nfixed too"  # a last line end is none of the text
    assert measured.rest.split() == ["sometimes", "all", "of", "it"]


def test_a_later_message_cannot_move_into_an_earlier_one() -> None:
    source = (
        '{% chat role="system" %}{{ x }}\nmine\n{% endchat %}\n'
        '{% chat role="user" %}yours\n{% endchat %}\n'
    )
    assert prefix(source).lines == (2,)


def test_partials_count_where_they_are_included() -> None:
    fixed = prefix("{% include 'partials/tone/v1' %}\n{{ x }}", tone="Be kind.")
    assert (fixed.first_line, fixed.before) == (2, "Be kind.\n")
    varying = prefix("{% include 'partials/tone/v1' %}\nfixed\n", tone="Be {{ tone }}.")
    assert (varying.first_line, varying.lines) == (1, (2,))


def test_the_lines_of_a_partial_are_all_on_the_line_that_includes_it() -> None:
    source = "{{ x }}\n{% include 'partials/tone/v1' %}\nfixed {{ y }}\n"
    measured = prefix(source, tone="Be kind.\nBe brief.\nBe honest.")
    assert measured.lines == (2,)
    assert measured.movable == "Be kind.\nBe brief.\nBe honest.\n"


def test_a_placeholder_ends_what_is_shared() -> None:
    assert prefix('{% placeholder "history" %}\n').first_line == 1


def test_a_prompt_without_variables_is_shared_whole() -> None:
    assert (score("Hello\n").share, score("").share) == (1.0, 1.0)


@given(st.lists(st.sampled_from(["text\n", "{{ x }}", "{{ x }}\n", "two\nlines\n"]), max_size=12))
def test_every_character_is_in_one_of_the_parts(parts: list[str]) -> None:
    source = "".join(parts)
    measured = prefix(source)
    fixed = source.removesuffix("\n").replace("{{ x }}", "")
    assert sorted("".join(measured.texts)) == sorted(fixed)
    assert fixed.startswith(measured.before)
    assert 0 <= score(source).share <= score(source).possible <= 1
