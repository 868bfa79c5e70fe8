"""Last good answers on disk: private, whole or nothing, and never an error."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.prompts.disk import Folder
from assay.prompts.lines import Held, Line, Record
from tests.integration.assay.bodies import served

LINE = Line("support-chat", "stable")
RECORD = Record(served(), '"4-ab"')


def held(revision: int, line: Line = LINE) -> Held:
    count = len(line.questions)
    return Held(line, revision, 1000.5, (RECORD, Record(None, "", {"status": 404}))[:count])


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "cache", "http://a", "secret")


def the_file(folder: Folder) -> Path:
    [path] = folder.path.glob("*.json")
    return path


def test_what_is_kept_is_loaded_by_another_process(folder: Folder, tmp_path: Path) -> None:
    assert folder.load(LINE) is None
    for line in (LINE, Line("support-chat", 3), Line("support-chat", "3"), Line("a/b", "beta")):
        folder.keep(held(5, line))
        assert Folder(tmp_path / "cache", "http://a", "secret").load(line) == held(5, line)
    assert Folder(tmp_path / "cache", "http://b", "secret").load(LINE) is None
    assert Folder(tmp_path / "cache", "http://a", "other").load(LINE) is None
    folder.clear()
    assert folder.load(LINE) is None


def test_nobody_else_can_read_it_and_the_token_is_not_there(folder: Folder) -> None:
    os.umask(umask := os.umask(0))
    folder.keep(held(5))
    for path in (folder.path, *folder.path.iterdir()):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077
        assert "secret" not in path.name
    assert b"secret" not in the_file(folder).read_bytes()
    assert umask is not None


def test_the_newer_answer_wins(folder: Folder) -> None:
    folder.keep(held(7))
    folder.keep(held(5))
    assert folder.load(LINE) == held(7)
    newest = replace(held(7), at=2.0)
    folder.keep(newest)
    assert folder.load(LINE) == newest


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_file_that_was_cut_or_changed_is_as_none(
    folder: Folder, caplog: pytest.LogCaptureFixture, data: st.DataObject
) -> None:
    folder.keep(held(5))
    path = the_file(folder)
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    kind = data.draw(st.sampled_from(["cut", "flip"]))
    changed = whole[:at] if kind == "cut" else whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    path.write_bytes(changed)
    found = Folder(folder.path.parent, "http://a", "secret").load(LINE)
    assert found is None or found == held(5)
    folder.keep(held(5))
    assert folder.load(LINE) == held(5)


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 50_000, b'{"digest": 1}', b'{"digest":{}}'],
)
def test_what_is_no_such_file_is_ignored_with_one_warning(
    folder: Folder, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    folder.keep(held(5))
    the_file(folder).write_bytes(content)
    caplog.set_level(logging.WARNING)
    assert folder.load(LINE) is None
    assert folder.load(LINE) is None
    [record] = caplog.records
    assert "is ignored" in record.getMessage()


def test_a_file_of_another_line_or_release_is_ignored(folder: Folder) -> None:
    folder.keep(held(5))
    path = the_file(folder)
    other = Line("other", "stable")
    path.rename(folder._file(other))
    assert folder.load(other) is None
    folder.keep(held(5))
    said = json.loads(folder._file(LINE).read_bytes())
    folder._file(LINE).write_text(json.dumps({**said, "format": 2}))
    assert folder.load(LINE) is None


def test_a_folder_that_others_may_write_to_is_not_believed(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.keep(held(5))
    folder.path.chmod(0o777)
    caplog.set_level(logging.WARNING)
    assert folder.load(LINE) is None
    folder.keep(held(6))
    folder.path.chmod(0o700)
    assert folder.load(LINE) == held(5)
    assert "others may write" in caplog.text


def test_a_disk_in_trouble_is_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    folder = Folder(tmp_path / "cache", "http://a", "secret")
    caplog.set_level(logging.WARNING)
    for revision in range(3):
        folder.keep(held(revision))
        assert folder.load(LINE) is None
    assert len(caplog.records) == 1
    folder.clear()


def _keep_many(root: Path, start: int) -> None:
    folder = Folder(root, "http://a", "secret")
    for revision in range(start, 60, 2):
        folder.keep(held(revision))
        found = folder.load(LINE)
        assert found is not None
        assert found.revision >= revision


def test_processes_that_share_it_never_go_back(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_keep_many, args=(tmp_path, n)) for n in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    found = Folder(tmp_path, "http://a", "secret").load(LINE)
    assert found is not None
    assert found.revision == 59
    assert {path.suffix for path in next(tmp_path.iterdir()).iterdir()} == {".json", ""}
