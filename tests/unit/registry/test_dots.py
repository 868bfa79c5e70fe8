"""A name without folders may mean every prompt that is written so without its slashes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry.domain.dots import dotted, meant_by

PARTS = st.lists(st.sampled_from(["a", "b1", "c-d_e"]), min_size=1, max_size=7)


@given(PARTS, st.data())
def test_a_name_is_among_those_that_its_dotted_form_may_mean(
    parts: list[str], data: st.DataObject
) -> None:
    marks = [data.draw(st.sampled_from("./")) for _ in parts[1:]]
    name = parts[0] + "".join(m + p for m, p in zip(marks, parts[1:], strict=True))
    found = meant_by(dotted(name))
    assert name in found
    assert {dotted(one) for one in found} == {dotted(name)}
    assert found[0] == dotted(name)
    assert len(set(found)) == 2 ** len(marks)


def test_a_name_with_its_slashes_is_taken_as_it_is_where_it_has_no_dots() -> None:
    assert meant_by("support/chat") == ("support/chat",)


def test_a_name_of_many_dots_means_only_itself() -> None:
    assert meant_by("a.b.c.d.e.f.g.h") == ("a.b.c.d.e.f.g.h",)
