"""The data folder: private, checked, claimed by one Assay at a time, wherever it lies."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from config.embedded import folder, locations, postgres, valkey
from config.embedded.folder import AlreadyRunningError, Claim, DataFolderError
from config.embedded.supervisor import Supervisor
from tests.services import cluster_template

MAJOR = postgres.major_version()


def test_the_folder_and_everything_in_it_belong_to_its_owner_alone(tmp_path):
    data = folder.prepare(tmp_path / "deep" / "data", postgres_major=MAJOR)
    for path in (data, *data.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path


@pytest.mark.parametrize(
    "name",
    ["d" * 120, "a folder with spaces & signs?", "ordner-für-daten"],
    ids=["deep", "signs", "unicode"],
)
def test_servers_answer_in_a_folder_whose_path_no_socket_or_url_can_hold(
    tmp_path, name, sql, valkey_says
):
    data = folder.prepare(tmp_path / name, postgres_major=MAJOR)
    shutil.copytree(cluster_template(), locations.postgres_folder(data))
    sockets = locations.socket_folder(data)
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    with Supervisor(print, os.environ) as supervisor:
        supervisor.start(postgres.service(data))
        supervisor.start(valkey.service(data))
        supervisor.wait("postgres")
        supervisor.wait("valkey")
        postgres.ensure_database(data)
        assert sql(data, "SELECT 1") == 1
        assert valkey_says(data, "PING") == "+PONG\r\n"
    sockets.rmdir()  # empty: both servers removed their sockets


def test_the_socket_folder_is_the_same_for_everybody_who_asks(tmp_path):
    data = tmp_path / ("d" * 120)
    assert locations.socket_folder(data) == locations.socket_folder(data / ".." / data.name)
    assert locations.socket_folder(data) != locations.socket_folder(tmp_path / ("e" * 120))


def test_a_socket_folder_somebody_else_prepared_is_refused(tmp_path):
    data = tmp_path / ("d" * 120)
    sockets = locations.socket_folder(data)
    sockets.mkdir(mode=0o777)
    sockets.chmod(0o777)
    try:
        with pytest.raises(DataFolderError, match="not a private folder"):
            folder.prepare(data, postgres_major=MAJOR)
    finally:
        sockets.rmdir()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DataFolderError, match="is not a folder"):
            folder.prepare(path, postgres_major=MAJOR)


def test_a_folder_that_cannot_be_written_is_refused():
    """/proc refuses everybody, root too."""
    with pytest.raises(DataFolderError, match="cannot be written") as caught:
        folder.prepare(Path("/proc/assay"), postgres_major=MAJOR)
    assert "--data" in caught.value.hint


def test_databases_of_another_major_version_are_refused_with_a_way_out(data):
    (locations.postgres_folder(data) / "PG_VERSION").write_text("15\n")
    with pytest.raises(DataFolderError, match=f"PostgreSQL 15.*brings {MAJOR}") as caught:
        folder.prepare(data, postgres_major=MAJOR)
    assert "pg_dump" in caught.value.hint


def test_somebody_elses_postgres_folder_is_refused(data):
    with pytest.raises(DataFolderError, match="is itself a PostgreSQL data folder"):
        folder.prepare(locations.postgres_folder(data), postgres_major=MAJOR)


def test_a_second_claim_names_the_first(data):
    with Claim(data) as first:
        first.announce("http://127.0.0.1:8000")
        with pytest.raises(AlreadyRunningError) as caught:
            Claim(data)
    assert str(os.getpid()) in caught.value.message
    assert "http://127.0.0.1:8000" in caught.value.message
    Claim(data).release()


def test_a_log_that_outgrew_its_bound_makes_room_for_a_new_one(tmp_path):
    log = tmp_path / "web.log"
    log.write_text("x" * 11)
    folder.bounded_log(log, limit_bytes=10)
    assert not log.exists()
    assert (tmp_path / "web.log.1").stat().st_size == 11
    log.write_text("short")
    folder.bounded_log(log, limit_bytes=10)
    assert log.read_text() == "short"
