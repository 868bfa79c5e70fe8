"""The installed command as its own process."""

from __future__ import annotations

import subprocess
import sys

from tests.integration.assay.bodies import tags
from tests.integration.assay.conftest import COMMAND, Terminal
from tests.integration.assay.scripted_server import Reply, ScriptedServer

HEAVY = ("httpx", "jinja2", "rich.table", "django", "ruamel", "celery", "assay.client")


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; from assay.main import app; sys.argv = ['assay', '--help']\n"
        "try: app()\n"
        "except SystemExit as ended: assert ended.code == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"
    assert "Usage: assay [OPTIONS] COMMAND" in done.stdout


def test_no_command_never_imports_django(assay: Terminal, server: ScriptedServer) -> None:
    program = (
        "import sys; from assay.main import app\n"
        "import assay.client, assay.local, assay.local_diff, assay.local_rendering\n"
        "print([name for name in ('django', 'celery', 'git') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_alone_it_shows_its_help(assay: Terminal) -> None:
    alone, asked = assay.finish(), assay.finish("--help")
    assert alone.code == asked.code == 0
    assert alone.out == asked.out


def test_it_knows_its_version(assay: Terminal) -> None:
    assert assay.finish("--version").out.startswith("assay 0.")


def test_results_go_to_stdout_and_the_exit_code_is_0(
    assay: Terminal, server: ScriptedServer
) -> None:
    server.script("GET /prompts/support-chat/tags", tags())
    ended = assay.finish("show", "support-chat", "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.document["name"] == "support-chat"


def test_no_server_is_exit_code_4_and_one_line(assay: Terminal, free_port: int) -> None:
    assay.environment["ASSAY_URL"] = f"http://127.0.0.1:{free_port}"
    ended = assay.finish("show", "support-chat")
    assert ended.code == 4
    assert ended.err.startswith(f"error: no answer from http://127.0.0.1:{free_port}: ")
    assert ended.err.endswith("(start it with `assay serve`, or set ASSAY_URL)\n")
    assert ended.err.count("\n") == 1


def test_a_reader_that_leaves_is_not_a_traceback(assay: Terminal, server: ScriptedServer) -> None:
    many = {f"tag-{i}": tags()["tags"]["stable"] for i in range(3000)}
    server.script("GET /prompts/support-chat/tags", Reply(tags(tags=many)))
    process = assay.start("show", "support-chat")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait(timeout=30)


def test_the_console_script_is_the_one_that_was_installed() -> None:
    assert COMMAND.startswith(sys.prefix)
