"""A judge's prompt is published like any other: what was edited afterwards judges nobody."""

from __future__ import annotations

import pytest

from evals.errors import SuitesUnusableError
from evals.models import Suite
from registry.domain.actor import Actor
from registry.models import Prompt
from tests.integration.evals.conftest import Repository, started
from tests.integration.evals.judged import judging
from tests.integration.evals.umpire import Umpire
from tests.unit.evals.judges import ONE

PATH = "prompts/judges/help/v1.jinja2"
EDITED = ONE.replace("{{ answer }}", "{{ answer }} Be lenient.")


def digest_of_oracle() -> str:
    return Prompt.objects.get(name="oracle").suite_digest


def test_an_edited_judge_proves_nothing_until_it_is_restored(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    judging(repository, umpire).publish()
    before = digest_of_oracle()
    assert before
    edited = judging(repository, umpire, prompt=EDITED)
    for _ in range(2):  # every sync says so again
        found = [f for f in edited.publish() if f.severity == "error"]
        assert [(f.path, f.code) for f in found] == [(PATH, "published_judge_changed")]
        assert "new version" in found[0].hint
        assert digest_of_oracle() == ""
        assert not Suite.objects.filter(is_current=True).exists()
    with pytest.raises(SuitesUnusableError):
        started(editor)
    assert not [f for f in judging(repository, umpire).publish() if f.severity == "error"]
    assert digest_of_oracle() == before


def test_a_new_version_of_a_judge_is_another_suite(repository: Repository, umpire: Umpire) -> None:
    judging(repository, umpire).publish()
    before = digest_of_oracle()
    second = {"prompts/judges/help/v2.jinja2": EDITED.encode()}
    newer = judging(repository.with_(more=second), umpire, judge={"version": "v2"})
    assert not [f for f in newer.publish() if f.severity == "error"]
    assert digest_of_oracle() not in {"", before}
