"""A tag moves with evidence, and back at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from core.digest import digest
from registry import certificates, lookup, promotion, queries
from registry.domain.actor import Actor, NotAllowedError, Role, Scope
from registry.errors import (
    CanaryNeedsWeightError,
    CannotClearStableError,
    NotCertifiedError,
    NothingToRollBackToError,
    ReasonMissingError,
    ReleaseTargetTwiceError,
    RevisionConflictError,
    TagNameInvalidError,
    TagUnknownError,
    VersionUnknownError,
)
from registry.models import GatePolicy, OutboxMessage
from registry.promotion import Target
from tests.integration.registry.conftest import Shelf, make_shelf, stable


def test_a_certified_version_becomes_stable(shelf: Shelf, promoter: Actor) -> None:
    certificate = shelf.certify(1)
    move = promotion.promote(target=stable(1), actor=promoter, reason="first release")
    assert (move.event.kind, move.event.certificate, move.previous) == (
        "promoted",
        certificate,
        None,
    )
    answer = lookup.by_tag("greeting")
    assert (answer.version.number, answer.proven) == (1, True)
    assert OutboxMessage.objects.get().payload == {"event": move.event.pk}


def test_without_a_certificate_nothing_moves(shelf: Shelf, promoter: Actor) -> None:
    with pytest.raises(NotCertifiedError, match="has no valid certificate for stable on tiny"):
        promotion.promote(target=stable(1), actor=promoter)
    with pytest.raises(TagUnknownError):
        lookup.by_tag("greeting")


def _suite_changes(shelf: Shelf) -> None:
    certificates.require_suites(
        prompt=shelf.prompt, suite_digest=digest("harder"), now=timezone.now()
    )


def _suite_breaks(shelf: Shelf) -> None:
    certificates.require_suites(prompt=shelf.prompt, suite_digest="", now=timezone.now())


def _model_changes(shelf: Shelf) -> None:
    certificates.record_fingerprint(
        model=shelf.model, fingerprint=digest("other"), mode="text", now=timezone.now()
    )


def _policy_changes(shelf: Shelf) -> None:
    GatePolicy.objects.filter(name="release").update(digest=digest("stricter"))
    certificates.require_policies(now=timezone.now())


def _policy_goes(shelf: Shelf) -> None:
    GatePolicy.objects.filter(name="release").delete()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_suite_changes, "its suite changed"),
        (_suite_breaks, "no usable suite"),
        (_model_changes, "tiny serves something else"),
        (_policy_changes, "policy release changed"),
        (_policy_goes, "no gate policy guards stable"),
    ],
)
def test_a_certificate_expires_when_what_it_proved_is_gone(
    shelf: Shelf, promoter: Actor, change, sentence: str
) -> None:
    shelf.certify(1)
    promotion.promote(target=stable(1), actor=promoter)
    shelf.certify(2)
    change(shelf)
    with pytest.raises(NotCertifiedError, match=sentence):
        promotion.promote(target=stable(2), actor=promoter)
    assert lookup.by_tag("greeting").version.number == 1  # what is live goes on


def test_an_old_certificate_is_too_old(shelf: Shelf) -> None:
    certificate = shelf.certify(1)
    assert certificate.valid_until is not None
    later = certificate.valid_until + timedelta(seconds=1)
    proof = certificates.find_valid(
        version=shelf.version(1), model=shelf.model, tag="stable", now=later
    )
    assert (proof.certificate, proof.reasons) == (None, ("its certificate is too old",))


def test_rolling_back_twice_goes_back_two_moves(shelf: Shelf, promoter: Actor) -> None:
    for number in (1, 2, 3):
        shelf.certify(number)
        promotion.promote(target=stable(number), actor=promoter)
    first = promotion.rollback(prompt="greeting", actor=promoter, reason="complaints")
    second = promotion.rollback(prompt="greeting", actor=promoter)
    assert [first.event.version.number, second.event.version.number] == [2, 1]  # type: ignore[union-attr]
    with pytest.raises(NothingToRollBackToError):
        promotion.rollback(prompt="greeting", actor=promoter)
    assert [e.sequence for e in queries.history(shelf.prompt)] == [5, 4, 3, 2, 1]


def test_a_rollback_skips_moves_that_changed_nothing(shelf: Shelf, promoter: Actor) -> None:
    for number in (1, 2, 2):
        shelf.certify(number)
        promotion.promote(target=stable(number), actor=promoter)
    move = promotion.rollback(prompt="greeting", actor=promoter)
    assert move.event.version is not None
    assert move.event.version.number == 1


def test_a_rollback_can_name_the_version(shelf: Shelf, promoter: Actor) -> None:
    for number in (1, 2, 3):
        shelf.certify(number)
        promotion.promote(target=stable(number), actor=promoter)
    move = promotion.rollback(prompt="greeting", actor=promoter, to_version=1)
    assert lookup.by_tag("greeting").version.number == 1
    assert move.event.restores is not None
    with pytest.raises(NothingToRollBackToError, match="no entry to go back to with v4"):
        promotion.rollback(prompt="greeting", actor=promoter, to_version=4)


def test_a_rollback_needs_no_valid_certificate_and_warns_of_drift(
    shelf: Shelf, promoter: Actor
) -> None:
    for number in (1, 2):
        shelf.certify(number)
        promotion.promote(target=stable(number), actor=promoter)
    _model_changes(shelf)
    _suite_breaks(shelf)
    move = promotion.rollback(prompt="greeting", actor=promoter)
    assert move.warnings == ("tiny serves something else than when greeting@v1 was certified",)


def test_the_expected_revision_must_match(shelf: Shelf, promoter: Actor) -> None:
    shelf.certify(1)
    promotion.promote(target=stable(1, expected_revision=0), actor=promoter)
    with pytest.raises(RevisionConflictError) as conflict:
        promotion.promote(target=stable(1, expected_revision=0), actor=promoter)
    assert conflict.value.fields["revision"] == 1


def test_an_override_is_loud_and_for_admins(shelf: Shelf, promoter: Actor, admin: Actor) -> None:
    with pytest.raises(NotAllowedError):
        promotion.override(target=stable(4), actor=promoter, reason="it burns")
    with pytest.raises(ReasonMissingError):
        promotion.override(target=stable(4), actor=admin, reason="  ")
    move = promotion.override(target=stable(4), actor=admin, reason="it burns")
    assert (move.event.kind, move.event.role, move.event.reason) == (
        "overridden",
        "admin",
        "it burns",
    )
    assert not lookup.by_tag("greeting").proven


def test_a_canary_has_a_weight_and_an_end(shelf: Shelf, promoter: Actor) -> None:
    shelf.certify(1)
    promotion.promote(target=stable(1), actor=promoter)
    before = lookup.by_tag("greeting", "canary")
    assert (before.version.number, before.fallback) == (1, True)
    shelf.certify(2)
    with pytest.raises(NotCertifiedError, match="certified for the policy release"):
        promotion.set_canary(prompt="greeting", version=2, weight=10, actor=promoter)
    shelf.certify(2, policy="trial")
    promotion.set_canary(prompt="greeting", version=2, weight=10, actor=promoter)
    during = lookup.by_tag("greeting", "canary")
    assert (during.version.number, during.fallback) == (2, False)
    promotion.clear_canary(prompt="greeting", actor=promoter, reason="done")
    assert lookup.by_tag("greeting", "canary").fallback


@pytest.mark.parametrize(
    ("target", "error"),
    [
        (Target("greeting", "canary", 1), CanaryNeedsWeightError),
        (Target("greeting", "stable", 1, weight=10), CanaryNeedsWeightError),
        (Target("greeting", "canary", 1, weight=101), CanaryNeedsWeightError),
        (Target("greeting", "latest", 1), TagNameInvalidError),
        (Target("greeting", "Bad Tag", 1), TagNameInvalidError),
        (Target("greeting", "stable", 99), VersionUnknownError),
    ],
)
def test_nonsense_is_refused(shelf: Shelf, promoter: Actor, target: Target, error) -> None:
    with pytest.raises(error):
        promotion.promote(target=target, actor=promoter)


def test_stable_cannot_be_cleared(shelf: Shelf, promoter: Actor) -> None:
    with pytest.raises(CannotClearStableError):
        promotion.clear(prompt="greeting", tag="stable", actor=promoter)


def test_a_release_moves_all_its_tags_or_none(shelf: Shelf, promoter: Actor) -> None:
    other = make_shelf("farewell")
    shelf.certify(2)
    both = [stable(2), stable(2, prompt="farewell")]
    with pytest.raises(NotCertifiedError):
        promotion.release(targets=both, actor=promoter)
    assert queries.tag_revision(shelf.prompt, "stable") == 0
    other.certify(2)
    moves = promotion.release(targets=both, actor=promoter, reason="spring")
    assert {move.event.release for move in moves} == {moves[0].event.release}
    assert lookup.by_tag("farewell").version.number == 2


def test_a_limited_actor_moves_only_its_prompts(shelf: Shelf) -> None:
    shelf.certify(1)
    outsider = Actor("token:other-team", frozenset({Scope.PROMOTE}), prompts=("billing/*",))
    with pytest.raises(NotAllowedError, match="limited to billing"):
        promotion.promote(target=stable(1), actor=outsider)
    viewer = Actor("user:vera", Role.VIEWER.scopes)
    with pytest.raises(NotAllowedError, match="no promote scope"):
        promotion.rollback(prompt="greeting", actor=viewer)


def test_a_release_names_each_tag_once(shelf: Shelf, promoter: Actor) -> None:
    shelf.certify(1)
    with pytest.raises(ReleaseTargetTwiceError, match="greeting:stable is named twice"):
        promotion.release(targets=[stable(1), stable(1)], actor=promoter)


def test_only_an_admin_goes_back_to_what_was_overridden(
    shelf: Shelf, promoter: Actor, admin: Actor
) -> None:
    for number in (1, 2):
        shelf.certify(number)
    promotion.promote(target=stable(1), actor=promoter)
    promotion.override(target=stable(3), actor=admin, reason="it burns")
    promotion.promote(target=stable(2), actor=promoter)
    with pytest.raises(NothingToRollBackToError, match="v3"):
        promotion.rollback(prompt="greeting", actor=promoter, to_version=3)
    assert _live(promotion.rollback(prompt="greeting", actor=promoter)) == 1
    promotion.promote(target=stable(2), actor=promoter)
    assert _live(promotion.rollback(prompt="greeting", actor=admin, to_version=3)) == 3


def _live(move: promotion.TagMove) -> int:
    assert move.event.version is not None
    assert lookup.by_tag("greeting").version == move.event.version
    return move.event.version.number


def test_a_mended_suite_proves_what_it_proved(shelf: Shelf, promoter: Actor) -> None:
    shelf.certify(1)
    suite = shelf.prompt.suite_digest
    certificates.require_suites(prompt=shelf.prompt, suite_digest="", now=timezone.now())
    with pytest.raises(NotCertifiedError, match="no usable suite"):
        promotion.promote(target=stable(1), actor=promoter)
    certificates.require_suites(prompt=shelf.prompt, suite_digest=suite, now=timezone.now())
    promotion.promote(target=stable(1), actor=promoter)


def test_a_policy_is_its_name_and_its_rule(shelf: Shelf, promoter: Actor) -> None:
    """Tightening `release` to what `trial` was, or renaming it, is another policy."""
    certificate = shelf.certify(1)
    trial = GatePolicy.objects.get(name="trial")
    GatePolicy.objects.filter(name="trial").update(digest=certificate.policy_digest)
    GatePolicy.objects.filter(name="release").update(digest=trial.digest)
    assert certificates.require_policies(now=timezone.now()) == 1
    with pytest.raises(NotCertifiedError, match="policy release changed"):
        promotion.promote(target=stable(1), actor=promoter)


def test_a_live_version_is_proven_until_its_certificate_is_too_old(
    shelf: Shelf, promoter: Actor
) -> None:
    certificate = shelf.certify(1)
    promotion.promote(target=stable(1), actor=promoter)
    event = lookup.by_tag("greeting").event
    assert event is not None
    assert lookup.is_proven(event)
    certificate.valid_until = timezone.now() - timedelta(seconds=1)
    event.certificate = certificate
    is_still_proven = lookup.is_proven(event)
    assert not is_still_proven
    assert lookup.expired_because(certificate) == "it is too old"
