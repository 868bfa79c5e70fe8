"""The prompt client for threads."""

from __future__ import annotations

from typing import Self

from assay.prompts.shell import PromptClient, fallback_prompt, question
from assay.prompts.threads import Threads
from assay.prompts.values import Prompt


class Client(PromptClient):
    """Prompts for an application: looked up once, kept fresh in the background, never gone.

        client = Client()  # ASSAY_URL and ASSAY_TOKEN
        client.get("support-chat", key=user_id).render(ticket=text)

    Guarantees: what was answered once is never an error again, whatever becomes of the registry;
    for one prompt the registry revision never decreases, not even after a restart while the disk
    holds; a key is on the arm on which the registry itself has it. One client serves all threads
    of a process; a forked process goes on with its own connections. Close it when done.
    """

    def _prepare(self) -> None:
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

    def close(self) -> None:
        """End the stream and give all connections back. What is held can still be got."""
        self._threads.close()
