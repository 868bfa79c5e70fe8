"""The demo model server: llama.cpp's own HTTP server, from the xllamacpp wheel.

    python -m serving.llamacpp --model model.gguf --port 8002 --alias smollm2 --slots 4 --threads 1

Serves the OpenAI API under /v1, /health and Prometheus /metrics on loopback. Stops on SIGTERM or
SIGINT with exit code 0.
"""

from __future__ import annotations

import argparse
import os
import signal
from pathlib import Path
from typing import Any

_HOST = "127.0.0.1"


def parameters(options: argparse.Namespace) -> Any:
    """The server's parameters for the parsed command line."""
    import xllamacpp

    result = xllamacpp.CommonParams()
    result.model.path = str(options.model)
    result.model_alias = {options.alias}
    result.hostnames = [_HOST]
    result.port = options.port
    result.n_parallel = options.slots
    result.n_ctx = options.slots * options.context  # llama.cpp divides it among the slots
    result.cpuparams.n_threads = result.cpuparams_batch.n_threads = options.threads
    result.endpoint_metrics = True
    result.endpoint_slots = False  # it shows other callers' prompts
    result.cache_ram_mib = 0  # 8 GiB of old prompts by default; the slots' own prefixes stay cached
    return result


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="serving.llamacpp", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="GGUF file")
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    parser.add_argument("--alias", required=True, help="the served model name")
    parser.add_argument("--slots", type=int, default=4, help="requests at once")
    parser.add_argument("--context", type=int, default=2048, help="tokens for each request")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    options = _options()
    if not options.model.is_file():
        raise SystemExit(f"{options.model} is not a file")
    stopping = {signal.SIGTERM, signal.SIGINT}
    # Blocked before llama.cpp starts its threads, which inherit the mask: only sigwait sees them.
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)
    from xllamacpp import Server

    _server = Server(parameters(options))
    signal.sigwait(stopping)
    # Closing the server object waits, holding the interpreter's lock, for every open stream. There
    # is no state to save: end, and let the kernel close the connections.
    os._exit(0)


if __name__ == "__main__":
    main()
