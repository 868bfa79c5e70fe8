"""The jail's inside: `python -I child.py LIMITS`, one job a line in, one answer a line out.

Run by its path, so that nothing of the server but the template domain is imported here.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

#: Standard streams, and what importing a module opens at a time.
OPEN_FILES = 32
_PR_SET_PDEATHSIG = 1
#: Rendered before the first job, so that everything is loaded by then: half of it is only loaded
#: when a variable has a schema.
_TRIAL: dict[str, Any] = {
    "content": {
        "name": "trial",
        "number": 1,
        "path": "trial",
        "variables": {"word": {"type": "string", "pattern": "^."}},
        "source": "{{ word }}",
    },
    "variables": {"word": "ready"},
    "placeholders": {},
}


def confine(memory_bytes: int, parent: int) -> None:
    """Give up what rendering does not need. There is no way back."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(0)  # the server went away before the line above
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def allow_cpu(seconds: int) -> None:
    """Let this process use `seconds` of processor time from now on; then the kernel stops it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def main() -> None:
    """Answer jobs until standard input ends."""
    limits = json.loads(sys.argv[1])
    confine(limits["memory_bytes"], limits["parent"])
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    allow_cpu(limits["cpu_seconds"])
    trial = _answer(_TRIAL["content"], _TRIAL, limits["output_chars"])
    if trial.get("text") != "ready":
        sys.exit("what cannot render this is nobody's job's fault")
    _send({"ready": True})
    content: dict[str, Any] = {}
    for line in sys.stdin.buffer:
        allow_cpu(limits["cpu_seconds"])
        job = json.loads(line)
        content = job["content"] or content
        answer = _answer(content, job, limits["output_chars"])
        _send(answer)
        if answer.get("is_last"):
            return


def _answer(content: dict[str, Any], job: dict[str, Any], output_chars: int) -> dict[str, Any]:
    from core.errors import AssayError
    from registry.domain.template.render import render
    from registry.domain.version import VersionContent

    try:
        rendered = render(
            VersionContent.from_json(content),
            job["variables"],
            job["placeholders"],
            output_chars=output_chars,
        )
    except AssayError as error:
        return {"code": error.code, "message": error.message, "fields": error.fields}
    except (MemoryError, RecursionError):
        # The next job gets a fresh process: this one may have lost pieces of its memory.
        message = "Rendering needed more memory than it may use."
        return {"code": "render_stopped", "message": message, "fields": {}, "is_last": True}
    if rendered.type == "text":  # the one message repeats the text
        return {"type": "text", "text": rendered.text, "messages": []}
    return rendered.to_json()


def _send(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
