"""What models and repositories write does nothing in a comment at a Git host."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from evals.domain.markdown import fence

#: What ends a code block for GitLab before its commands were read from the rendered Markdown
#: (lib/gitlab/quick_actions/extractor.rb), and a command.
_GITLAB = re.compile(r"(?P<code>^```.+?\n```$)|^/(?P<command>[a-z]+)", re.MULTILINE | re.DOTALL)


@given(st.text(alphabet="`/\n\rmerge \x85\u2028", max_size=60))
@example("ok\n```\n/merge\n")
@example("````\n/merge")
@example("/close")
@example("```\r/approve")
def test_no_line_of_a_fence_is_a_command_of_gitlab(text: str) -> None:
    comment = f"### PASS\n\n{fence(text)}\n"
    assert [found["command"] for found in _GITLAB.finditer(comment) if found["command"]] == []


@given(st.text(max_size=200))
def test_a_fence_holds_its_text_whole_and_ends_after_it(text: str) -> None:
    ticks, *lines, end = fence(text).split("\n")
    assert ticks == f"{end}text"
    assert not any(line.strip() == end for line in lines)
