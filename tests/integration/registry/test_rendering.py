from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from registry.domain.template.render import Rendered, render
from registry.domain.version import VersionContent
from registry.rendering import (
    Limits,
    RenderFailure,
    RenderJob,
    RenderUnavailableError,
    render_batch,
)
from registry.rendering.process import Child
from tests.unit.registry.template.hostile import BOMBS, ESCAPES

ROOT = Path(__file__).parents[3]
#: Passes every check of the renderer, and compares two long texts ten million times.
PATIENT = (
    "{% for i in range(9000) %}{% for j in range(100) %}"
    "{% if x == y %}{% endif %}"
    "{% endfor %}{% endfor %}"
)


def text_prompt(source: str, *names: str) -> VersionContent:
    variables: dict[str, Any] = {name: {} for name in names or ("x",)}
    return VersionContent("p", 1, "prompts/p/v1.jinja2", source=source, variables=variables)


def job(source: str, **values: Any) -> RenderJob:
    values = values or {"x": "abc"}
    return RenderJob(text_prompt(source, *values), values)


def patient_bomb() -> RenderJob:
    return job(PATIENT, x="a" * 400_000, y="a" * 400_000)


def children() -> list[psutil.Process]:
    running = psutil.Process().children(recursive=True)
    return [child for child in running if any("child.py" in word for word in child.cmdline())]


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_results_come_in_order_and_are_those_of_the_domain() -> None:
    chat = VersionContent(
        "p",
        1,
        "x",
        type="chat",
        source='{% chat role="system" %}é{% endchat %}{% placeholder "history" %}',
    )
    history = [{"role": "user", "content": "{{ x }}\n"}]
    jobs = [
        job("Hi {{ x }}", x="Zoë {{ y }}\n\u2028"),
        RenderJob(chat, {}, {"history": history}),
        job("{{ x|length }}", x=[1, None, {"a": 2.5}]),
    ]
    assert render_batch(jobs) == [render(j.content, j.variables, j.placeholders) for j in jobs]


def test_an_empty_batch_starts_nothing() -> None:
    assert render_batch([]) == []


def test_bad_values_are_named_as_in_the_domain() -> None:
    content = VersionContent("p", 1, "x", source="{{ x }}", variables={"x": {"type": "string"}})
    [mistyped, missing, unreadable] = render_batch(
        [RenderJob(content, {"x": 3}), RenderJob(content, {}), RenderJob(content, {"x": object()})]
    )
    assert mistyped == RenderFailure(
        "render_invalid",
        "/x must be of type string.",
        {"errors": [{"pointer": "/x", "message": "must be of type string"}]},
    )
    assert isinstance(missing, RenderFailure)
    assert missing.fields["errors"][0]["pointer"] == "/x"
    assert isinstance(unreadable, RenderFailure)
    assert unreadable.code == "render_invalid"


def test_the_whole_corpus_is_refused_and_every_later_job_is_answered() -> None:
    before = peak_kib()
    jobs = []
    for source in (*ESCAPES, *BOMBS):
        jobs += [job(source), job("Hi {{ x }}", x="you")]
    results = render_batch(jobs)
    hostile, innocent = results[::2], results[1::2]
    assert {type(result) for result in hostile} == {RenderFailure}
    assert {r.text for r in innocent if isinstance(r, Rendered)} == {"Hi you"}
    assert all(isinstance(result, Rendered) for result in innocent)
    assert peak_kib() - before < 64 * 1024


def test_a_template_that_burns_processor_time_is_stopped_and_costs_only_itself() -> None:
    jobs = [job("a{{ x }}"), patient_bomb(), job("b{{ x }}"), job("c{{ x }}")]
    results = render_batch(jobs, Limits(cpu_seconds=1, wall_seconds=60))
    assert [r.text for r in results if isinstance(r, Rendered)] == ["aabc", "babc", "cabc"]
    assert isinstance(results[1], RenderFailure)
    assert results[1].code == "render_stopped"
    assert "processor time" in results[1].message
    assert children() == []


def test_a_template_that_takes_too_long_is_stopped() -> None:
    results = render_batch([patient_bomb(), job("{{ x }}")], Limits(cpu_seconds=60, wall_seconds=2))
    assert isinstance(results[0], RenderFailure)
    assert "2 s" in results[0].message
    assert isinstance(results[1], Rendered)


def test_a_job_that_needs_too_much_memory_is_stopped_and_costs_only_itself() -> None:
    greedy = job("{{ x }}", x=["a" * 100] * 9000)
    limits = Limits(memory_bytes=1 << 28)
    large = RenderJob(text_prompt("{{ x }}"), {"x": "a" * (1 << 27)})
    results = render_batch([job("{{ x }}"), large, job("{{ x }}"), greedy], limits)
    assert [type(result) for result in results] == [Rendered, RenderFailure, Rendered, Rendered]
    assert isinstance(results[1], RenderFailure)
    assert results[1].code == "render_stopped"


def test_the_same_bomb_is_not_tried_for_every_case_of_a_suite() -> None:
    bomb = patient_bomb()
    jobs = [*[bomb] * 40, job("{{ x }}")]
    results = render_batch(jobs, Limits(cpu_seconds=1, wall_seconds=60))
    assert all(isinstance(result, RenderFailure) for result in results[:-1])
    assert isinstance(results[-1], Rendered)
    messages = [result.message for result in results if isinstance(result, RenderFailure)]
    assert sum("not tried again" in message for message in messages) == 37


def test_a_result_over_the_limit_is_refused() -> None:
    limits = Limits(output_chars=1000)
    fits, too_long = render_batch(
        [job("{{ x }}", x="é" * 1000), job("{{ x }}", x="é" * 1001)], limits
    )
    assert isinstance(fits, Rendered)
    assert isinstance(too_long, RenderFailure)
    assert too_long.code == "render_refused"


def test_a_child_that_cannot_start_is_unavailable_and_no_fault_of_the_job() -> None:
    with pytest.raises(RenderUnavailableError):
        render_batch([job("{{ x }}")], Limits(memory_bytes=1 << 20))


def test_threads_can_render_at_the_same_time() -> None:
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda n=n: results.extend(render_batch([job("{{ x }}", x=n)])))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.text for result in results) == ["0", "1", "2", "3"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_child_has_no_environment_and_no_room() -> None:
    os.environ["ASSAY_TEST_SECRET"] = "hunter2"
    try:
        with Child(memory_bytes=1 << 28, cpu_seconds=2, output_chars=1000) as child:
            child.ask(b"", 30)
            inside = psutil.Process(child.process.pid)
            assert inside.environ() == {"LC_ALL": "C.UTF-8"}
            assert inside.cwd() == "/"
            assert inside.rlimit(psutil.RLIMIT_AS) == (1 << 28, 1 << 28)
            for name in (psutil.RLIMIT_FSIZE, psutil.RLIMIT_CORE, psutil.RLIMIT_NPROC):
                assert inside.rlimit(name) == (0, 0)
            assert os.getsid(child.process.pid) == child.process.pid
    finally:
        del os.environ["ASSAY_TEST_SECRET"]
    assert not inside.is_running()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent death signal")
def test_the_child_dies_with_the_process_that_started_it() -> None:
    script = (
        "from registry.rendering.process import Child\n"
        "child = Child(memory_bytes=1 << 28, cpu_seconds=2, output_chars=1000)\n"
        "child.ask(b'', 30)\n"
        "print(child.process.pid, flush=True)\n"
        "import time; time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    inside = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    inside.wait(30)
    assert not inside.is_running()


def test_a_process_that_keeps_one_ready_gives_each_jail_a_fresh_child() -> None:
    code = """
import json, os, psutil
from registry.rendering import Jail, Limits, keep_one_ready

def children():
    return [child.pid for child in psutil.Process().children()]

def used(limits=None):
    with Jail(limits) as jail:
        return jail.warm().process.pid

keep_one_ready()
ready = children()
found = {"ready": ready, "used": [used()], "next": children()}
found["other limits"] = used(Limits(cpu_seconds=1))
found["used"].append(used())
os.kill(children()[0], 9)
found["after a death"] = used()
fork = os.fork()
if not fork:
    used()
    before = len(children())
    keep_one_ready()
    mine = children()
    os._exit(2 * before + ([used()] != mine))
found["fork"] = os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1])
print(json.dumps(found))
"""
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = json.loads(run.stdout)
    (ready,), (following,) = found["ready"], found["next"]
    assert found["used"] == [ready, following]
    assert ready != following
    assert found["other limits"] not in (ready, following), "it has the limits it was asked for"
    assert found["after a death"] > 0
    assert found["fork"] == 0, "a forked process starts none ahead unless asked, and then its own"


def test_the_child_imports_nothing_of_the_server() -> None:
    script = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "from registry.domain.template.render import render\n"
        "from registry.domain.version import VersionContent\n"
        "render(VersionContent('p', 1, 'p', source='{{ 1 }}'), {})\n"
        "print(json.dumps(sorted(m.split('.')[0] for m in sys.modules)))\n"
    )
    command = [sys.executable, "-I", "-c", script, str(ROOT)]
    loaded = subprocess.run(command, capture_output=True, check=True, text=True, cwd="/").stdout
    for name in ("django", "ruamel", "yaml", "re2", "jsonschema", "celery", "httptools"):
        assert f'"{name}"' not in loaded
