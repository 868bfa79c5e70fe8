"""Who may do what: scopes, roles and globs."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.actor import SYSTEM, Actor, NotAllowedError, Role, Scope

SCOPES = st.frozensets(st.sampled_from(Scope))
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}(/[a-z0-9][a-z0-9._-]{0,8})?", fullmatch=True)


def actor(*scopes: Scope, prompts: tuple[str, ...] = ()) -> Actor:
    return Actor("token:ci", frozenset(scopes), prompts)


def test_each_role_includes_the_one_before() -> None:
    ladder = [role.scopes for role in Role]
    assert all(lower < higher for lower, higher in pairwise(ladder))
    assert Role.VIEWER.scopes == {Scope.LOOKUP, Scope.READ}
    assert Role.EDITOR.scopes - Role.VIEWER.scopes == {Scope.EVALUATE}
    assert Role.PROMOTER.scopes - Role.EDITOR.scopes == {Scope.PROMOTE}
    assert Role.ADMIN.scopes == set(Scope)


@given(SCOPES, st.sampled_from(Scope))
def test_no_scope_includes_another(scopes: frozenset[Scope], wanted: Scope) -> None:
    assert Actor("token:ci", scopes).may(wanted) == (wanted in scopes)


@given(SCOPES, st.sampled_from(Scope), NAMES, st.lists(NAMES | st.just("*"), max_size=3))
def test_require_refuses_exactly_what_may_denies(
    scopes: frozenset[Scope], wanted: Scope, prompt: str, globs: list[str]
) -> None:
    who = Actor("token:ci", scopes, tuple(globs))
    if who.may(wanted, prompt):
        who.require(wanted, prompt)
        return
    with pytest.raises(NotAllowedError):
        who.require(wanted, prompt)


@pytest.mark.parametrize(
    ("globs", "seen", "hidden"),
    [
        ((), ["anything", "a/b"], []),
        (("support-chat",), ["support-chat"], ["support-chat2", "Support-chat", "x/support-chat"]),
        (("team/*",), ["team/a", "team/a/b"], ["team", "teams/a", "a/team/b"]),
        (("a?",), ["ab", "a1"], ["a", "abc"]),
        (("[ab]x",), ["ax", "bx"], ["cx", "[ab]x"]),
        (("a", "b"), ["a", "b"], ["c", "ab"]),
        (("*",), ["anything", "a/b"], []),
        (("",), [], ["a"]),
    ],
)
def test_globs_name_what_is_seen(
    globs: tuple[str, ...], seen: list[str], hidden: list[str]
) -> None:
    who = actor(*Scope, prompts=globs)
    assert who.visible([*seen, *hidden]) == seen
    for prompt in hidden:
        with pytest.raises(
            NotAllowedError, match=f"{prompt!s} is not among them".replace("[", r"\[")
        ):
            who.require(Scope.READ, prompt)


def test_a_refusal_says_what_is_missing_and_whom_to_ask() -> None:
    with pytest.raises(NotAllowedError) as caught:
        actor(Scope.READ).require(Scope.PROMOTE, "chat")
    assert caught.value.message == "token:ci has no promote scope"
    assert caught.value.fields == {"scope": "promote"}
    assert caught.value.hint == "ask an admin for a token or role with promote"


def test_a_missing_scope_is_said_before_a_hidden_prompt() -> None:
    """Or the answer would tell which prompts exist."""
    with pytest.raises(NotAllowedError, match="has no read scope"):
        actor(Scope.LOOKUP, prompts=("a",)).require(Scope.READ, "b")


def test_the_ledger_records_the_highest_scope() -> None:
    assert actor(Scope.LOOKUP, Scope.PROMOTE).role == "promote"
    assert actor(Scope.ADMIN, Scope.LOOKUP).role == "admin"
    assert actor().role == "nobody"
    assert Actor("user:ada", Role.VIEWER.scopes).role == "read"


def test_the_system_may_everything_everywhere() -> None:
    assert all(SYSTEM.may(scope, "any/prompt") for scope in Scope)
