"""`assay demo`: the main job on a real model, told step by step, with the commands a user types.

Each step runs the real `assay` command against the real server and must end as announced; the
first that does not ends the demo with exit code 1.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from assay import starter
from assay.client import Assay
from config import admin
from config.embedded.tree import Tree
from config.serve import serve

_PROMPT, _LIVE, _GOOD, _BAD, _MODEL = "sentiment", 1, 2, 3, "smollm2"
_TICKET = "The lamp arrived in pieces and nobody answers my mails."


class _DemoFailedError(Exception):
    """A step did not end as announced."""


def demo(data: Path, port: int = 8000, once: bool = False) -> int:
    """Start everything, tell the story, stay up until Ctrl-C (`once`: stop). Returns 0 or 1."""
    os.environ["ASSAY_DATA"] = str(data)
    os.environ["PYTHONUNBUFFERED"] = "1"
    repository = data / "prompts"
    if "ASSAY_REPOSITORY" not in os.environ and not repository.exists():
        starter.create(repository)
    outcome = [1]

    def tell(tree: Tree) -> None:
        try:
            _Story(tree).tell()
            outcome[0] = 0
        except _DemoFailedError as error:
            print(f"\ndemo: {error}", file=sys.stderr, flush=True)
        if once or outcome[0]:
            signal.raise_signal(signal.SIGTERM)

    serve(data, port=port, on_ready=tell)
    return outcome[0]


@dataclass
class _Story:
    tree: Tree

    def tell(self) -> None:
        environment = {**os.environ, **self.tree.environment}
        os.environ.update(environment)
        scopes = ["lookup", "read", "evaluate", "promote"]
        token = admin.token_renew("demo", scopes, expires_days=1)["token"]
        self.environment = {**environment, "ASSAY_URL": self.tree.base_url, "ASSAY_TOKEN": token}
        with Assay(self.tree.base_url, token) as self.client:
            self._follow_the_repository()
            self._refuse_the_bad_one()
            self._promote_the_good_one()
            self._try_the_model_as_a_judge()
            self._look_it_up(token)
            self._roll_back()
            self._what_next(token)

    def _follow_the_repository(self) -> None:
        _title("1. Mirror the prompt repository")
        self._assay("sync")
        self._assay("show", _PROMPT)

    def _refuse_the_bad_one(self) -> None:
        _title(f"2. Evaluate a bad candidate, v{_BAD}, on a real model")
        self._assay("eval", _PROMPT, f"v{_BAD}", "--model", _MODEL, "--wait", expect=1)
        _say("It failed its gate, so it cannot become stable:")
        self._assay("promote", _PROMPT, f"v{_BAD}", "--model", _MODEL, expect=1)

    def _promote_the_good_one(self) -> None:
        _title(f"3. Evaluate a good candidate, v{_GOOD}, and promote it")
        self._assay("eval", _PROMPT, f"v{_GOOD}", "--model", _MODEL, "--wait")
        reason = "passed on the demo model"
        self._assay("promote", _PROMPT, f"v{_GOOD}", "--model", _MODEL, "--reason", reason)
        self._expect_live(_GOOD)

    def _try_the_model_as_a_judge(self) -> None:
        _title("4. Could the demo model judge answers? Tricks first, then what people labelled")
        self._assay("judge", "calibrate", "sentiment-judged", "mood", "--wait", expect=1)
        _say("It could not: whatever it said of an answer would be shown and decide nothing.")

    def _look_it_up(self, token: str) -> None:
        _title("5. Ask which prompt is live, as an application does")
        url = f"{self.tree.base_url}/prompt/{_PROMPT}?tag=stable"
        _command(f'curl -H "Authorization: Bearer {token[:10]}…" "{url}"')
        served = self.client.lookup(_PROMPT)
        shown = {"name": served.name, "version": f"v{served.version}", "proven": served.proven}
        print(json.dumps({**shown, "template": served.template[:60] + "…"}))
        _say("and in Python:")
        _command(f'Assay(url, token).lookup("{_PROMPT}").version')
        print(served.version)
        self._assay("render", _PROMPT, "--tag", "stable", "--var", f"ticket={_TICKET}")

    def _roll_back(self) -> None:
        _title("6. Roll back, and measure how long the old version is still served")
        with _Watch(self.environment, _LIVE) as watch:
            _command(f"assay rollback {_PROMPT} --reason demo")
            # In this process, so that the moment of the answer is known.
            move = self.client.rollback(_PROMPT, reason="demo")
            answered = time.perf_counter()
            time.sleep(0.3)
        _say(f"{_PROMPT}:stable is v{move.version} again, revision {move.revision}")
        self._expect_live(_LIVE)
        stale = max(0.0, watch.last_old - answered) * 1000
        _say(
            f"Lookups that began up to {stale:.1f} ms after the answer still got the old version "
            f"({watch.lookups} lookups were watching)."
        )

    def _what_next(self, token: str) -> None:
        _title("What to open next")
        print(f"  the dashboard    {self.tree.base_url}/")
        print(f"  the prompts      {self.tree.data / 'prompts'} (edit, commit, `assay sync`)")
        print(f"  the commands     export ASSAY_URL={self.tree.base_url} ASSAY_TOKEN={token}")
        print("                   .venv/bin/assay history sentiment")
        print("  Ctrl-C stops everything.", flush=True)

    def _expect_live(self, version: int) -> None:
        live = self.client.lookup(_PROMPT).version
        if live != version:
            raise _DemoFailedError(f"v{version} should be live, but v{live} is")

    def _assay(self, *arguments: str, expect: int = 0) -> None:
        shown = " ".join(f'"{word}"' if " " in word else word for word in arguments)
        _command(f"assay {shown}")
        command = [str(Path(sys.executable).with_name("assay")), *arguments]
        code = subprocess.run(command, env=self.environment, check=False).returncode
        if code != expect:
            raise _DemoFailedError(f"`assay {shown}` ended with {code}, not {expect}")


class _Watch:
    """Looks the prompt up without a pause while the block runs.

    `last_old` is when the last lookup began that did not get `restored` (seconds, perf_counter).
    """

    def __init__(self, environment: Mapping[str, str], restored: int) -> None:
        self.environment = environment
        self.restored = restored
        self.lookups = 0
        self.last_old = 0.0
        self.is_over = threading.Event()
        self.is_watching = threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        self.is_watching.wait(timeout=10)
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.thread.join(timeout=10)

    def _look(self) -> None:
        with Assay(self.environment["ASSAY_URL"], self.environment["ASSAY_TOKEN"]) as client:
            while not self.is_over.is_set():
                began = time.perf_counter()
                if client.lookup(_PROMPT).version != self.restored:
                    self.last_old = began
                self.lookups += 1
                self.is_watching.set()


def _title(text: str) -> None:
    print(f"\n=== {text}", flush=True)


def _say(text: str) -> None:
    print(text, flush=True)


def _command(text: str) -> None:
    print(f"$ {text}", flush=True)
