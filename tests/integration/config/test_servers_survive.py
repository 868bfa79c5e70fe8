"""The embedded servers keep what they were given, whatever ends them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from config.embedded import locations, postgres
from config.embedded.service import ServiceFailedError
from config.embedded.supervisor import Supervisor


def eventually(condition: Callable[[], object], *, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_a_killed_postgres_is_started_again_and_keeps_what_was_committed(
    data, servers: Supervisor, sql, reports
):
    sql(data, "CREATE TABLE kept AS SELECT 42 AS answer")
    first = servers.kill("postgres")
    eventually(lambda: servers.pid("postgres") not in (None, first))
    servers.wait("postgres")
    assert sql(data, "SELECT answer FROM kept") == 42
    assert [line for line in reports if "postgres ended (signal 9)" in line]


def test_a_killed_valkey_is_started_again_and_keeps_its_queue(
    data, servers: Supervisor, valkey_says
):
    assert valkey_says(data, "RPUSH queue job") == ":1\r\n"
    eventually(lambda: "aof_pending_bio_fsync:0" in valkey_says(data, "INFO persistence"))
    first = servers.kill("valkey")
    eventually(lambda: servers.pid("valkey") not in (None, first))
    servers.wait("valkey")
    assert valkey_says(data, "LLEN queue") == ":1\r\n"


def test_a_stopped_server_stays_down_until_it_is_started_again(data, servers: Supervisor, sql):
    sql(data, "CREATE TABLE kept AS SELECT 7 AS answer")
    servers.stop("postgres")
    servers.stop("postgres")
    time.sleep(0.5)  # several looks of the supervisor
    assert servers.pid("postgres") is None
    assert not servers.answers("postgres")
    with pytest.raises(ServiceFailedError, match="not running"):
        servers.kill("postgres")
    servers.start_again("postgres")
    servers.wait("postgres")
    assert sql(data, "SELECT answer FROM kept") == 7


def test_a_server_that_cannot_start_is_reported_with_the_end_of_its_log(data):
    with Supervisor(print, os.environ) as supervisor:
        supervisor.start(postgres.service(data, settings={"shared_buffers": "nonsense"}))
        with pytest.raises(
            ServiceFailedError, match='invalid value for parameter "shared_buffers"'
        ):
            supervisor.wait("postgres")


def test_stopping_leaves_no_process(data, processes_of):
    with Supervisor(print, os.environ) as supervisor:
        supervisor.start(postgres.service(data))
        supervisor.wait("postgres")
        assert processes_of(data)
    assert processes_of(data) == []


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.1, 0.4, 0.7, 1.0, 1.6])
def test_a_first_start_killed_at_any_moment_leaves_nothing_half_made(
    tmp_path, moment, hold_servers, processes_of
):
    """The moments fall into initdb, between it and the first start, and after."""
    data = tmp_path / "data"
    victim = hold_servers(data)
    time.sleep(moment)
    victim.kill()
    victim.communicate()
    eventually(lambda: not processes_of(data))
    second = hold_servers(data)
    assert second.stdout.readline() == "up\n", second.stderr.read()


def test_killing_the_parent_ends_the_servers_and_loses_nothing(
    tmp_path, hold_servers, processes_of, sql, valkey_says
):
    data = tmp_path / "data"
    victim = hold_servers(data)
    assert victim.stdout.readline() == "up\n"
    sql(data, "CREATE TABLE kept AS SELECT 42 AS answer")
    valkey_says(data, "RPUSH queue job")
    victim.kill()
    victim.communicate()
    # Not a moment's wait: the second start has to cope with servers that are still going down.
    second = hold_servers(data)
    assert second.stdout.readline() == "up\n", second.stderr.read()
    assert sql(data, "SELECT answer FROM kept") == 42
    assert valkey_says(data, "LLEN queue") == ":1\r\n"
    second.send_signal(signal.SIGTERM)
    assert second.wait(20) == 0
    assert processes_of(data) == []


def test_a_pid_file_naming_a_stranger_does_not_stop_the_start(data: Path, sql):
    """After a restart of the machine the number in the file may be anybody's: here, ours."""
    pid_file = locations.postgres_folder(data) / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{data / 'postgres'}\n1700000000\n5432\n\n\n0 0\nready\n")
    with Supervisor(print, os.environ) as supervisor:
        supervisor.start(postgres.service(data))
        supervisor.wait("postgres")
        postgres.ensure_database(data)
        assert sql(data, "SELECT 1") == 1


def test_a_dropped_database_is_made_again(data, servers, sql):
    admin = locations.database_url(data).replace("/assay?", "/postgres?")
    import psycopg

    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("DROP DATABASE assay")
    postgres.ensure_database(data)
    assert sql(data, "SELECT current_database()") == "assay"
