"""What both clients share: settings, the cache on disk, questions, fallbacks."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from assay import settings
from assay.answers import ServedPrompt
from assay.prompts.asking import Asking
from assay.prompts.cache import Cache
from assay.prompts.disk import Folder
from assay.prompts.following import Following
from assay.prompts.lines import STABLE, Question
from assay.prompts.pace import Pace
from assay.prompts.transport import Address
from assay.prompts.values import Prompt, Provenance
from core.digest import digest
from core.errors import InvalidError
from registry.domain.canary_arm import LONGEST_KEY
from registry.domain.names import UNSTORABLE

_log = logging.getLogger("assay.prompts")


class QuestionInvalidError(InvalidError):
    """This cannot be asked."""

    code = "question_invalid"


@dataclass(frozen=True, slots=True)
class Options:
    """How a client behaves; `PromptClient` has the words and the default of each."""

    url: str | None
    token: str | None
    stream_url: str | None
    cache: Path | str | bool
    timeout_seconds: float
    poll_seconds: float
    silence_seconds: float


class Core:
    """A client without IO: shared by all threads, and made anew by nobody."""

    def __init__(self, options: Options) -> None:
        """Raises SettingInvalidError."""
        url = settings.url() if options.url is None else settings.check_url(options.url)
        stream = options.stream_url
        self.address = Address(
            url,
            settings.stream_url(url) if stream is None else settings.check_url(stream),
            settings.token() if options.token is None else options.token,
            options.timeout_seconds,
            options.silence_seconds,
        )
        folder = _folder(options.cache)
        disk = Folder(folder, url, self.address.token) if folder else None
        self.cache = Cache(disk, _log.warning)
        self.pace = Pace(options.poll_seconds)
        self.asking = Asking(url, self.cache, self.pace, time.time, time.monotonic, _log.warning)

    def following(self) -> Following:
        """The one who keeps the cache fresh."""
        return Following(self.asking, self.address.stream_url)


class PromptClient:
    """What the clients for threads and for event loops are made of."""

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
        self._prepare()

    def _prepare(self) -> None:
        """Make what carries the core's steps out. It connects to nothing."""
        raise NotImplementedError

    def forget(self) -> None:
        """Forget everything, on disk too: for a registry that was restored or rebuilt, whose
        revisions begin anew.
        """
        self._core.cache.forget()


def _folder(cache: Path | str | bool) -> Path | None:
    if isinstance(cache, bool):
        return settings.cache_folder() if cache else None
    return Path(cache)


def question(name: str, tag: str, key: str | None, version: int | None) -> Question:
    """What is asked. Raises QuestionInvalidError for what the registry would refuse always."""
    if key and (len(key) > LONGEST_KEY or UNSTORABLE.search(key)):
        raise QuestionInvalidError(
            f"a key has at most {LONGEST_KEY} characters, and no NUL or half a character"
        )
    if version is not None:
        return Question(name, version)
    return Question(name, tag or STABLE, key or "")


def fallback_prompt(name: str, template: str | None) -> Prompt | None:
    """The application's own words as a prompt: a chat when it has chat blocks, else a text."""
    if template is None:
        return None
    served = ServedPrompt(
        name=name,
        tag=None,
        version=0,
        type="chat" if "{% chat" in template or "{%- chat" in template else "text",
        template=template,
        variables={},
        parameters={},
        model=None,
        digest=digest(template),
        commit="",
        revision=None,
        registry_revision=None,
        fallback=False,
        proven=False,
        warnings=(f"{name} is the application's own fallback; the registry did not answer",),
    )
    return Prompt(served, Provenance("fallback", None, None))
