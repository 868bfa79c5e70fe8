"""Reads argument lists for `vllm serve`, one JSON list a line. Writes for each of them, a line of
JSON, what vLLM's own parser makes of it, or the reason why it refuses it.

Runs in the environment of vLLM. Nothing is started.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

from vllm.entrypoints.cli import serve
from vllm.utils.argparse_utils import FlexibleArgumentParser


def serve_parser() -> tuple[Any, argparse.ArgumentParser]:
    """The command `serve` and its parser, made as the `vllm` command makes them."""
    [command] = serve.cmd_init()
    subparsers = FlexibleArgumentParser(prog="vllm").add_subparsers(dest="subparser")
    return command, command.subparser_init(subparsers)


def parsed(command: Any, parser: argparse.ArgumentParser, argv: list[str]) -> dict[str, Any]:
    """`values` by option, and `unknown`: options that were only understood as abbreviations."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            found = parser.parse_args(argv)
            command.validate(found)
    except SystemExit:
        return {"refused": said.getvalue().strip().splitlines()[-1]}
    except (ValueError, TypeError) as error:
        return {"refused": str(error)}
    known = set(parser._option_string_actions)
    options = [argument for argument in argv if argument.startswith("--")]
    return {
        "values": {name: str(value) for name, value in vars(found).items()},
        "unknown": [name for name in options if name not in known],
    }


if __name__ == "__main__":
    out, sys.stdout = sys.stdout, sys.stderr  # what vLLM prints is no answer
    serve_and_parser = serve_parser()
    for line in sys.stdin:
        print(json.dumps(parsed(*serve_and_parser, json.loads(line))), file=out, flush=True)
