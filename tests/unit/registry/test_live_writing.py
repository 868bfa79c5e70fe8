"""Entries of tags.yaml are changed one by one; what people wrote around them stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.domain.live import LiveTag, parse_live
from registry.domain.live_writing import TagsFileError, rewritten

TEXT = """\
# What is live.
greet:   # the greeter
  stable: {version: v2,   model: tiny}  # since spring
  canary:
    version: v4   # brave
    weight: 10
    model: tiny

# next
team/reply: {stable: v1}
other:
    stable: "v3"
"""


def tag(prompt: str, name: str, version: int, model: str | None = "tiny", weight=None) -> LiveTag:
    return LiveTag(prompt, name, version, model, weight)


def changed(text: str, *tags: LiveTag, gone: tuple[tuple[str, str], ...] = ()) -> str:
    wanted = {(one.prompt, one.tag): one for one in tags} | dict.fromkeys(gone)
    return rewritten(text.encode(), wanted).decode()


def test_only_the_entry_is_replaced():
    said = changed(TEXT, tag("greet", "stable", 3))
    assert said == TEXT.replace("{version: v2,   model: tiny}", "{version: v3, model: tiny}")


def test_an_entry_over_several_lines_becomes_one():
    said = changed(TEXT, tag("greet", "canary", 5, weight=20))
    assert "  canary:\n    {version: v5, model: tiny, weight: 20}\n\n# next" in said
    assert "# brave" not in said


def test_new_entries_are_written_as_their_neighbours_are():
    said = changed(
        TEXT,
        tag("other", "beta", 4),
        tag("team/reply", "beta", 2, "7b"),
        tag("fresh", "stable", 1, None),
    )
    assert 'other:\n    stable: "v3"\n    beta: {version: v4, model: tiny}\n' in said
    assert 'team/reply: {stable: v1, beta: {version: v2, model: "7b"}}\n' in said
    assert said.endswith("fresh:\n  stable: v1\n")


def test_what_is_cleared_goes_with_its_lines():
    said = changed(TEXT, gone=(("greet", "canary"), ("other", "stable"), ("no", "such")))
    assert "canary" not in said
    assert "other" not in said
    assert "  stable: {version: v2,   model: tiny}  # since spring\n\n# next\n" in said


def test_what_it_says_already_is_not_touched():
    data = TEXT.replace("\n", "\r\n").encode()
    assert rewritten(data, {("greet", "stable"): tag("greet", "stable", 2)}) is data


@pytest.mark.parametrize("text", ["", "# nothing yet", "{}", "---\n", "\ufeff"])
def test_a_file_that_says_nothing_gets_its_first_entry(text):
    said = changed(text, tag("greet", "stable", 1))
    entries, findings = parse_live("tags.yaml", said.encode())
    assert ([entry.live for entry in entries], findings) == ([tag("greet", "stable", 1)], ())


def test_line_ends_and_a_missing_last_one_are_kept_and_mended():
    said = changed("greet:\r\n  stable: v1", tag("greet", "beta", 2))
    assert said == "greet:\r\n  stable: v1\r\n  beta: {version: v2, model: tiny}\r\n"


def test_an_alias_is_replaced_where_it_stands():
    text = "a: {stable: &it {version: v1, model: tiny}, beta: *it}\n"
    said = changed(text, tag("a", "beta", 2))
    entries, _ = parse_live("tags.yaml", said.encode())
    assert {entry.live for entry in entries} == {tag("a", "stable", 1), tag("a", "beta", 2)}


@pytest.mark.parametrize(
    "text",
    [
        "a: &all {stable: v1}\ngreet: *all\n",  # one change would be two
        "greet: {stable: v1\n",
        "greet:\n  stable: 1\n",
        "greet:\n  stable: v1\n  stable: v2\n",
        "greet: [v1]\n",
        "- greet\n",
        "a: " + "[" * 500,
    ],
)
def test_what_cannot_be_changed_safely_is_refused(text):
    with pytest.raises(TagsFileError):
        changed(text, tag("greet", "stable", 3))


NAMES = st.sampled_from(["greet", "team/reply", "a.b", "7b", "null", "1.5", "on", "x_y"])
TAGS = st.sampled_from(["stable", "canary", "beta", "true", "2026-01-01"])
MODELS = st.none() | st.sampled_from(["tiny", "7b", "1.0", "null", "no", "0x1f", "1e3", "a.b-c"])
LIVE = st.builds(LiveTag, NAMES, TAGS, st.integers(1, 999), MODELS, st.none() | st.integers(0, 100))


@settings(max_examples=50)
@given(st.lists(st.lists(LIVE | st.tuples(NAMES, TAGS), max_size=4), max_size=4))
def test_after_any_changes_the_file_says_exactly_what_was_asked_for(rounds):
    data, known = TEXT.encode(), {}
    for entry in parse_live("tags.yaml", data)[0]:
        known[entry.live.prompt, entry.live.tag] = entry.live
    for changes in rounds:
        wanted = {
            (one.prompt, one.tag) if isinstance(one, LiveTag) else one: (
                one if isinstance(one, LiveTag) else None
            )
            for one in changes
        }
        data = rewritten(data, wanted)
        known = {key: live for key, live in (known | wanted).items() if live is not None}
    entries, findings = parse_live("tags.yaml", data)
    assert ({(e.live.prompt, e.live.tag): e.live for e in entries}, findings) == (known, ())
    assert data.startswith(b"# What is live.\n")
