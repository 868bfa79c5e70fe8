"""A proposed commit is read by what it changes, and what a whole look would tell is told."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from evals.commit_checks import reading
from registry.domain.token_count import estimated
from registry.mirror import Mirror
from tests.integration.registry.certified_repository import SUITED
from tests.integration.registry.git_repositories import PromptRepository

pytestmark = pytest.mark.django_db
_JUDGED = (
    '{"dataset": "datasets/greet.jsonl", "checks": [{"type": "judge", "judge": "kind"}], '
    '"judges": {"kind": {"rubric": "kind", "model": "tiny", "prompt": "team/reply"}}}'
)
#: What a file may become; None: it is removed.
_FILES: Mapping[str, tuple[str | None, ...]] = {
    "prompts/greet/v2.jinja2": ("Edited\n", None),
    "prompts/greet/v3.jinja2": ("Hello {{ name }}\n", 'Hi {% include "partials/tone/v1" %}\n'),
    "prompts/greet/prompt.yaml": ("suites: [judged]\nmodel: tiny\n", "model: huge\n", None),
    "prompts/new/v1.jinja2": ("New\n", '{% include "partials/tone/v2" %}'),
    "prompts/team/reply/v1.jinja2": ("Edited\n", '{% include "partials/tone/v1" %}', None),
    "prompts/partials/tone/v1.jinja2": ("coldly", "{% if %}", None),
    "prompts/partials/tone/v2.jinja2": ('{% include "partials/tone/v1" %}',),
    "prompts/partials/odd.txt": ("Odd\n",),
    "prompts/notes.txt": ("Notes\n",),
    "prompts/Greet/v1.jinja2": ("Another case\n",),
    "suites/greet.yaml": ("checks: [\n", None),
    "suites/judged.yaml": (_JUDGED,),
    "datasets/greet.jsonl": ('{"id": "c1", "expected": "x", "variables": {"x": 1}}', None),
    "rubrics/kind.md": ("---\nmode: pass_fail\n---\nIs it kind?\n",),
    "tags.yaml": ("greet:\n  stable: v1\n  canary: v9\n", "greet: [\n", None),
    "models.yaml": (SUITED["models.yaml"].replace("r1", "r2"), None),
    "gates.yaml": ("policies: {}\n",),
    "docs/guide.md": ("Read me\n", f"version https://git-lfs.github.com/spec/v1\noid {'0' * 64}\n"),
}
_CHANGE = st.sampled_from(sorted(_FILES)).flatmap(
    lambda path: st.tuples(st.just(path), st.sampled_from(_FILES[path]))
)
_COMMIT = st.lists(_CHANGE, min_size=1, max_size=4).map(dict)


def committed(repository: PromptRepository, files: Mapping[str, str | None]) -> str:
    for path, text in files.items():
        if text is not None:
            repository.write({path: text})
        elif (repository.path / path).exists():
            repository.remove(path)
    return repository.commit()


@pytest.mark.slow
@given(before=_COMMIT, change=_COMMIT, link=st.booleans())
@profile(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_both_ways_tell_the_same(
    before: Mapping[str, str | None], change: Mapping[str, str | None], link: bool
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        repository = PromptRepository(Path(scratch) / "prompts")
        repository.write(SUITED).symlink("docs/link", "x").commit()
        base = committed(repository, before)
        if link:
            repository.symlink("suites/link.yaml", "greet.yaml")
        head = committed(repository, change)
        with override_settings(
            REPOSITORY_URL=repository.url,
            REPOSITORY_PROTOCOLS=("file",),
            DATA_DIR=Path(scratch) / "data",
        ):
            in_part = reading.read_commit(head, base, estimated)
            with mock.patch.object(reading, "_MOST_PATHS", -1):
                whole = reading.read_commit(head, base, estimated)
    assert in_part == whole


def test_a_version_of_one_prompt_is_read_without_listing_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = PromptRepository(tmp_path / "prompts")
    base = repository.write(SUITED).commit()
    monkeypatch.setattr(Mirror, "tree", None)
    with override_settings(
        REPOSITORY_URL=repository.url, REPOSITORY_PROTOCOLS=("file",), DATA_DIR=tmp_path / "data"
    ):
        head = committed(repository, {"prompts/greet/v3.jinja2": "Good day\n"})
        [proposed] = reading.read_commit(head, base, estimated).prompts
    assert (proposed.prompt, proposed.content and proposed.content.number) == ("greet", 3)
