"""What a script may rely on."""

from __future__ import annotations

import pytest

from assay import exit_codes
from assay.errors import GitMissingError
from assay.fields import FIELDS, document
from assay.problems import problem, unreachable
from core.errors import AssayError, ConflictError, InvalidError, NotFoundError, RefusedError


@pytest.mark.parametrize(
    ("verdict", "code"),
    [("PASS", 0), ("FAIL", 1), ("INCONCLUSIVE", 3), ("ERROR", 4), (None, 4), ("MAYBE", 4)],
)
def test_only_pass_is_success(verdict: str | None, code: int) -> None:
    assert exit_codes.of_verdict(verdict) == code


@pytest.mark.parametrize("kind", [AssayError, NotFoundError, InvalidError, ConflictError])
def test_local_refusals_are_usage(kind: type[AssayError]) -> None:
    assert exit_codes.of_error(kind()) == exit_codes.USAGE


def test_what_cannot_be_reached_was_not_evaluated() -> None:
    assert exit_codes.of_error(GitMissingError()) == 4
    assert exit_codes.of_error(unreachable("http://x", "refused")) == 4
    assert exit_codes.of_error(problem(500, None)) == 4


def test_a_missing_certificate_is_a_failed_gate_wherever_it_is_noticed() -> None:
    class NotCertifiedError(RefusedError):
        """No certificate."""

        code = "not_certified"

    assert exit_codes.of_error(NotCertifiedError()) == 1
    assert exit_codes.of_error(problem(403, {"code": "not_certified"})) == 1
    assert exit_codes.of_error(problem(403, {"code": "refused"})) == 2


def test_every_code_is_explained() -> None:
    constants = [value for name, value in vars(exit_codes).items() if name.isupper()]
    codes = [value for value in constants if isinstance(value, int)]
    assert sorted(codes) == sorted(exit_codes.MEANINGS)


def test_a_document_has_exactly_its_fields_in_order() -> None:
    values = {"scopes": [], "id": 1, "token": "t", "secret": "not printed"}
    assert list(document("token create", values)) == list(FIELDS["token create"])
    with pytest.raises(KeyError):
        document("token create", {"id": 1})
