"""The prompt client for threads."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from assay.prompts.shell import Core, Options, fallback_prompt, question
from assay.prompts.threads import Threads
from assay.prompts.values import Prompt


class Client:
    """Prompts for an application: looked up once, kept fresh in the background, never gone.

        client = Client()  # ASSAY_URL and ASSAY_TOKEN
        client.get("support-chat", key=user_id).render(ticket=text)

    Guarantees: what was answered once is never an error again, whatever becomes of the registry;
    for one prompt the registry revision never decreases, not even after a restart while the disk
    holds; a key is on the arm on which the registry itself has it. One client serves all threads
    of a process; a forked process goes on with its own connections. Close it when done.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        stream_url: str | None = None,
        cache: Path | str | bool = True,
        timeout_seconds: float = 5.0,
        poll_seconds: float = 10.0,
        silence_seconds: float = 60.0,
    ) -> None:
        """Asks nobody yet.

        `url`, `token` and `stream_url` default to `ASSAY_URL`, `ASSAY_TOKEN` (or
        `ASSAY_TOKEN_FILE`) and `ASSAY_STREAM_URL`, which defaults to `url`. `cache` is a folder for
        the last good answers, True for `ASSAY_CACHE`, False for none. `timeout_seconds` is for one
        request; `poll_seconds` is the mean time between polls where there is no stream;
        `silence_seconds` is how long the stream may say nothing. Raises SettingInvalidError.
        """
        self._core = Core(
            Options(url, token, stream_url, cache, timeout_seconds, poll_seconds, silence_seconds)
        )
        self._threads = Threads(self._core)

    def __enter__(self) -> Self:
        """`with Client() as client:` closes it at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def get(
        self,
        name: str,
        *,
        tag: str = "stable",
        key: str | None = None,
        version: int | None = None,
        fallback: str | None = None,
    ) -> Prompt:
        """The prompt that `tag` points at, or a version by number.

        With a `key` (a user, a session) `stable` is answered by the canary for its share of keys,
        and the same key always gets the same arm. Waits for the registry only for a prompt that
        this process has not had yet; afterwards it is a look into memory. `fallback` is a template
        of your own for when there is nothing else.

        Raises AssayApiError, AnswerNotUnderstoodError or RegistryBehindError for a prompt that was
        never answered, and has no fallback; QuestionInvalidError for a key that no registry takes.
        """
        asked = question(name, tag, key, version)
        steps = self._core.asking.get(asked, fallback_prompt(name, fallback))
        return self._threads.io().run(steps)

    def forget(self) -> None:
        """Forget everything, on disk too: for a registry that was restored or rebuilt, whose
        revisions begin anew.
        """
        self._core.cache.forget()

    def close(self) -> None:
        """End the stream and give all connections back. What is held can still be got."""
        self._threads.close()
