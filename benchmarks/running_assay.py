"""A running Assay over a made repository, for the benchmarks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.serve import Tree, TreeOptions, running

_OWN = ("-c", "user.name=Bench", "-c", "user.email=bench@localhost")


def git(repository: Path, *arguments: str) -> None:
    subprocess.run(["git", *_OWN, "-C", str(repository), *arguments], check=True)


def make_repository(repository: Path, prompts: int, versions: int) -> None:
    """`prompts` prompts with `versions` versions each, all different, and live at the newest."""
    for number in range(prompts):
        folder = repository / "prompts" / f"prompt-{number:05}"
        folder.mkdir(parents=True)
        (folder / "prompt.yaml").write_text(f"description: Prompt {number}.\nmodel: bench\n")
        for version in range(1, versions + 1):
            (folder / f"v{version}.jinja2").write_text(
                f"---\ndescription: Answers for team {number}, take {version}.\nvariables:\n"
                f"  ticket: {{type: string, maxLength: {1000 + number % 3000}}}\n"
                "parameters: {temperature: 0, max_tokens: 64}\n---\n"
                f"You are assistant {number}, revision {version}. "
                + "Be kind and brief. " * 40
                + "\nTicket: {{ ticket }}\n"
            )
    (repository / "models.yaml").write_text(
        "models:\n  bench: {served_id: bench, revision: r1, engine: vllm, "
        "base_url: 'http://127.0.0.1:9'}\n"
    )
    live = "".join(f"prompt-{number:05}: {{stable: v{versions}}}\n" for number in range(prompts))
    (repository / "tags.yaml").write_text(live)
    (repository / "gates.yaml").write_text("policies:\n  r: {}\ntags: {stable: r}\n")
    git(repository, "init", "-q", "-b", "main")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "Prompts.")


@contextmanager
def serving(
    folder: Path, repository: Path, *, workers: int = 1, **more: str
) -> Iterator[tuple[Tree, str]]:
    """A tree without a model server and without polling, and a token that may do everything.

    `more` are variables of its environment.
    """
    environment = {
        **os.environ,
        "ASSAY_REPOSITORY": str(repository),
        "ASSAY_REPOSITORY_POLL_SECONDS": "86400",
        **more,
    }
    options = TreeOptions(data=folder / "data", port=0, model=False, workers=workers)
    with running(options, environment=environment) as tree:
        command = [str(Path(sys.executable).with_name("assay")), "token", "create", "bench"]
        for scope in ("lookup", "read", "evaluate", "promote", "admin"):
            command += ["--scope", scope]
        made = subprocess.run(
            [*command, "--json"],
            env=dict(tree.environment),
            capture_output=True,
            text=True,
            check=True,
        )
        yield tree, json.loads(made.stdout)["token"]
