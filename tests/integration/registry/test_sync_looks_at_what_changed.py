"""What a commit changes is all that is looked at, and what a whole look would find is found."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, note
from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from registry import mirrored, promotion, sync
from registry.domain.actor import Actor, Role
from registry.domain.layout import prompt_of
from registry.domain.live_writing import TagsFileError
from registry.models import MirrorState, ModelVersion, PromptVersion, WriteBack
from registry.models.ledger import TagEvent
from registry.writeback.composing import changed_files, entries_untold
from tests.integration.registry.certified_repository import SUITED
from tests.integration.registry.dumping import dump
from tests.integration.registry.git_repositories import PromptRepository

_ADMIN = Actor("user:ada", Role.ADMIN.scopes)
_UNUSED = "---\nvariables: {name: {type: string}}\n---\nHello\n"
_JUDGED = (
    '{"dataset": "datasets/greet.jsonl", "checks": [{"type": "judge", "judge": "kind"}], '
    '"judges": {"kind": {"rubric": "kind", "model": "tiny", "prompt": "judge/v1"}}}'
)
#: What may be in a version's file.
_VERSIONS: dict[str, str | bytes] = {
    "plain": "Hello\n",
    "another": "Good day\n",
    "unused variable": _UNUSED,
    "undeclared variable": "Hello {{ name }}\n",
    "broken": "{% if %}\n",
    "not UTF-8": b"Gr\xfc\xdfe\n",
    "beyond limits": "---\nparameters: {max_tokens: 64}\n---\nHello\n",
    "partial": 'Hi {% include "partials/tone/v1" %}\n',
    "partial that may be missing": 'Hi {% include "partials/tone/v2" %}\n',
    "LFS": f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n",
    "too large": "x" * 1_048_577,
}
_PROMPTS = (
    *("description: Other.\n", "model: tiny\nsuites: [greet]\n", "model: [\n", "model: huge\n"),
    *("suites: [missing]\n", "suites: [judged]\n", "gate: trial\n", "owners: [ada]\nspare: 1\n"),
)
_REGISTERS = {
    "models.yaml": (
        *(SUITED["models.yaml"].replace("r1", "r2"), SUITED["models.yaml"], "models: [\n"),
        *(SUITED["models.yaml"].replace("tiny:", name) for name in ("huge:", "other:")),
        SUITED["models.yaml"].replace("r1,", "r1, limits: {max_tokens: 10},"),
    ),
    "gates.yaml": (SUITED["gates.yaml"].replace("30", "20"), SUITED["gates.yaml"], "policies: 3\n"),
    "tags.yaml": (
        "greet: {stable: v1}\nask: {stable: {version: v2, model: huge}}\n",
        *("greet:\n  stable: v1\n", "greet:\n  stable: v3\nask:\n  stable: v1\n"),
        *("team/reply:\n  stable: v1\n  canary: v2\n", SUITED["tags.yaml"]),
    ),
    "suites/greet.yaml": (SUITED["suites/greet.yaml"], "checks: [\n", '{"cases": []}'),
    "suites/judged.yaml": (_JUDGED,),
    "suites/odd.yml": ("checks: []\n",),
    "datasets/greet.jsonl": ('{"id": "c1", "expected": "Hello", "variables": {"x": 1}}',),
    "rubrics/kind.md": ("---\nmode: pass_fail\n---\nIs it kind?\n",),
    "README.md": ("Read me\n",),
    "docs/guide.md": ("Read me\n",),
    "docs/Guide.md": ("Read me\n",),
    "certificates/greet/v1@tiny.json": ("{}", "[]"),
    "prompts/partials/tone/v1.jinja2": ("kindly", "{{ name }}", "{% if %}"),
    "prompts/partials/tone/v2.jinja2": ("coldly", '{% include "partials/tone/v1" %}'),
    "prompts/Greet/v1.jinja2": ("Other case\n",),
    "prompts/notes.txt": ("Notes\n",),
}
_OFTEN = ("tags.yaml", "models.yaml", "prompts/partials/tone/v1.jinja2")
_NAMES = ("greet", "team/reply", "ask", "judge")
_ODD_FILES = (
    "V1.jinja2",
    "notes.txt",
    "v01.jinja2",
    "README.md",
    "v\u00e9.jinja2",
    "v\u0301.jinja2",
)


class Commits(RuleBasedStateMachine):
    """Every commit is applied in both ways, of which the whole one is taken back."""

    def __init__(self) -> None:
        super().__init__()
        self.scratch = tempfile.TemporaryDirectory()
        folder = Path(self.scratch.name)
        self.repository = PromptRepository(folder / "prompts")
        self.settings = override_settings(
            REPOSITORY_URL=self.repository.url,
            REPOSITORY_PROTOCOLS=("file",),
            DATA_DIR=folder / "data",
        )
        self.settings.enable()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.files: dict[str, tuple[str, bytes]] = {}
        self.history: list[str] = []

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)
        self.settings.disable()
        self.scratch.cleanup()

    @initialize()
    def first_contact(self) -> None:
        for path, text in SUITED.items():
            self.write(path, text)
        self.commit()
        sync.sync()

    @rule(
        names=st.sets(st.sampled_from(_NAMES), min_size=1, max_size=2),
        kinds=st.lists(st.sampled_from(sorted(_VERSIONS)), min_size=1, max_size=3),
    )
    def write_new_versions(self, names: set[str], kinds: list[str]) -> None:
        for name in sorted(names):
            for kind in kinds:
                number = sum(path.startswith(f"prompts/{name}/v") for path in self.files)
                self.write(f"prompts/{name}/v{number + 1}.jinja2", _VERSIONS[kind])
        self.follow()

    @rule(
        name=st.sampled_from(_NAMES),
        number=st.sampled_from([1, 2, 9]),
        kind=st.sampled_from(sorted(_VERSIONS)),
    )
    def write_an_old_version(self, name: str, number: int, kind: str) -> None:
        self.write(f"prompts/{name}/v{number}.jinja2", _VERSIONS[kind])
        self.follow()

    @rule(name=st.sampled_from(_NAMES), text=st.sampled_from(_PROMPTS))
    def describe_a_prompt(self, name: str, text: str) -> None:
        self.write(f"prompts/{name}/prompt.yaml", text)
        self.follow()

    @rule(path=st.sampled_from(_OFTEN), data=st.data())
    def write_what_reaches_some_prompts(self, path: str, data: st.DataObject) -> None:
        self.write(path, data.draw(st.sampled_from(_REGISTERS[path])))
        self.follow()

    @rule(path=st.sampled_from(sorted(_REGISTERS)), data=st.data())
    def write_another_file(self, path: str, data: st.DataObject) -> None:
        self.write(path, data.draw(st.sampled_from(_REGISTERS[path])))
        self.follow()

    @rule(name=st.sampled_from(_NAMES), file=st.sampled_from(_ODD_FILES))
    def write_an_odd_file(self, name: str, file: str) -> None:
        self.write(f"prompts/{name}/{file}", "Odd\n")
        self.follow()

    @rule(name=st.sampled_from(_NAMES))
    def link_a_version(self, name: str) -> None:
        self.files[f"prompts/{name}/v1.jinja2"] = ("120000", b"/etc/passwd")
        self.follow()

    @rule(data=st.data())
    def remove_a_file(self, data: st.DataObject) -> None:
        del self.files[data.draw(st.sampled_from(sorted(self.files)))]
        self.follow()

    @rule(name=st.sampled_from(_NAMES))
    def remove_a_prompt(self, name: str) -> None:
        self.files = {
            path: file
            for path, file in self.files.items()
            if not path.startswith(f"prompts/{name}/")
        }
        self.follow()

    @rule(is_everything=st.booleans())
    def mend(self, is_everything: bool) -> None:
        """Without that, what reaches further than a prompt stays broken, and all is looked at."""
        self.files = {
            path: file
            for path, file in self.files.items()
            if prompt_of(path) is not None and not is_everything
        }
        for path, text in SUITED.items():
            if is_everything or prompt_of(path) is None:
                self.write(path, text)
        self.follow()

    @rule(data=st.data())
    def go_back_by_force(self, data: st.DataObject) -> None:
        self.repository.git(
            "update-ref", "refs/heads/main", data.draw(st.sampled_from(self.history))
        )
        self.follow(commit=False)

    @rule(name=st.sampled_from(_NAMES))
    def move_a_tag(self, name: str) -> None:
        version = PromptVersion.objects.filter(prompt__name=name).first()
        if version is not None and ModelVersion.objects.filter(name="tiny", is_current=True):
            target = promotion.Target(name, "stable", version.number, "tiny")
            promotion.override(target=target, actor=_ADMIN, reason="test")

    @rule()
    def write_moves_back(self) -> None:
        """What a write-back of every move would commit, noted as ours."""
        self.follow(commit=False)
        with mirrored.configured() as mirror:
            tree, skipped = mirror.tree(self.repository.head), mirror.skipped(self.repository.head)
            try:
                moves = list(TagEvent.objects.filter(commit=""))
                files = changed_files(tree, skipped, moves, entries_untold(tree))
            except TagsFileError:
                return
        for path, content in files.items():
            self.write(path, content)
        self.commit()
        WriteBack.objects.create(commit=self.repository.head, base=self.history[-2], moves=1)
        self.follow(commit=False)

    @rule()
    def commit_without_a_sync(self) -> None:
        self.write(f"prompts/ask/v{len(self.history) + 1}.jinja2", "Asked\n")
        self.commit()

    def write(self, path: str, text: str | bytes) -> None:
        self.files[path] = ("100644", text.encode() if isinstance(text, str) else text)

    def commit(self) -> None:
        parents = [f"from {self.history[-1]}".encode()] if self.history else []
        lines = [b"commit refs/heads/main", b"committer A <a@example.org> now", b"data 1", b"x"]
        lines += [*parents, b"deleteall"]
        for path, (mode, content) in self.files.items():
            lines += [f"M {mode} inline {path}".encode(), b"data %d" % len(content), content]
        self.repository.git(
            "fast-import",
            "--quiet",
            "--force",
            "--date-format=now",
            stdin=b"\n".join([*lines, b""]),
        )
        self.history.append(self.repository.head)

    def follow(self, *, commit: bool = True) -> None:
        if commit:
            self.commit()
        else:
            self.history.append(self.repository.head)
        if MirrorState.objects.get().applied_commit == self.repository.head:
            return
        whole = self.looked_at_whole()
        with TestCase().assertNoLogs("registry.sync.following", "ERROR"):
            run = sync.sync()
        note(f"{run} {run.error}")
        for name, rows in dump().items():
            assert rows == whole[name], name

    def looked_at_whole(self) -> dict[str, list[str]]:
        with transaction.atomic():
            MirrorState.objects.update(basis="")
            sync.sync()
            found = dump()
            transaction.set_rollback(True)
        return found


class TestCommits(TestCase):
    """The machine, each example in a transaction of its own."""

    @pytest.mark.slow
    def test_both_ways_find_the_same(self) -> None:
        run_state_machine_as_test(
            Commits,
            settings=profile(
                max_examples=6,
                stateful_step_count=12,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
