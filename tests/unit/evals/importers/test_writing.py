"""An import writes all of its files or none, and never over others unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.importers.errors import ImportRefusedError, TargetExistsError
from evals.importers.run import read_import, write_import
from evals.importers.writing import write_all
from tests.unit.evals.importers.sample_suites import SAMPLES

FILES = {"a/one.txt": b"1", "a/b/two.txt": b"2", "three.txt": b"3"}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_all_files_are_there_and_nothing_else(tmp_path: Path) -> None:
    write_all(tmp_path / "new/out", FILES)
    assert tree(tmp_path / "new/out") == FILES


def test_existing_files_are_kept_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.txt").write_text("mine")
    with pytest.raises(TargetExistsError, match=r"a/one\.txt"):
        write_all(tmp_path, FILES)
    assert tree(tmp_path) == {"a/one.txt": b"mine"}
    write_all(tmp_path, FILES, force=True)
    assert tree(tmp_path) == FILES


def test_a_failure_in_the_middle_puts_everything_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.txt").write_text("mine")
    before = tree(tmp_path)
    replace = Path.replace
    done = 0

    def full_disk(self: Path, target: Path) -> Path:
        nonlocal done
        done += self.suffix == ".new"
        if done == 3 and self.suffix == ".new":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(ImportRefusedError, match="No space left"):
        write_all(tmp_path, FILES, force=True)
    assert tree(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_links_in_the_target_lead_nowhere(tmp_path: Path) -> None:
    outside, target = tmp_path / "outside", tmp_path / "target"
    outside.mkdir()
    target.mkdir()
    (target / "a").symlink_to(outside)
    with pytest.raises(ImportRefusedError, match="symbolic link"):
        write_all(target, FILES, force=True)
    assert tree(outside) == {}


def test_a_folder_in_the_way_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "three.txt").mkdir()
    with pytest.raises(ImportRefusedError, match="is a folder"):
        write_all(tmp_path, FILES, force=True)
    with pytest.raises(ImportRefusedError, match="cannot be written"):
        write_all(Path("/dev/null/x"), FILES)


def test_models_are_added_to_those_that_are_there(tmp_path: Path) -> None:
    before = "# ours\nmodels:\n  gpt-4o:\n    served_id: our-own\n    revision: abc\n"
    (tmp_path / "models.yaml").write_text(before)
    imported = read_import("promptfoo", SAMPLES / "promptfoo/06-providers", "s")
    with pytest.raises(TargetExistsError):
        write_import(imported, tmp_path)
    write_import(imported, tmp_path, force=True)
    after = (tmp_path / "models.yaml").read_text()
    assert after.startswith(before)
    assert "served_id: gpt-4.1-mini" in after
    assert after.count("gpt-4o:") == 1
