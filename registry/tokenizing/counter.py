"""The best that can be had: a tokenizer.json, else the model's server, else an estimate."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from registry.domain.model_pin import ModelPin
from registry.domain.token_count import Counted, Row, estimated
from registry.tokenizing.files import FileCounts, TokenizerFolders, TokenizerUnusableError

if TYPE_CHECKING:
    from serving.client import Endpoint


class _Way(Protocol):
    """One way of counting, and `how` it is told."""

    how: str

    def count(self, texts: Collection[str]) -> Mapping[str, int]:
        """The tokens of the texts it can count."""


def nowhere(_pin: ModelPin) -> Endpoint | None:
    """No server is asked."""
    return None


class TokenCounter:
    """Counts tokens as `registry.domain.token_count.CountTokens`, and remembers what it counted.

    `endpoint_of` says where a model answers, None for one that is not to be asked; its server gets
    `seconds` for each question. `report` hears a sentence whenever a tokenizer or a server was
    there and failed.
    """

    def __init__(
        self,
        folders: TokenizerFolders,
        endpoint_of: Callable[[ModelPin], Endpoint | None] = nowhere,
        *,
        seconds: float,
        report: Callable[[str], None],
    ) -> None:
        self._folders = folders
        self._endpoint_of = endpoint_of
        self._seconds = seconds
        self._report = report
        self._ways: dict[tuple[ModelPin, Endpoint | None], _Way | None] = {}

    def __call__(self, pin: ModelPin | None, rows: Sequence[Row]) -> list[Counted]:
        """The tokens of each row's texts; all of a row are counted in the same way."""
        way = self._way(pin) if pin is not None else None
        if way is None:
            return estimated(pin, rows)
        known = way.count(dict.fromkeys(text for row in rows for text in row))
        return [_counted(pin, row, known, way.how) for row in rows]

    def _way(self, pin: ModelPin) -> _Way | None:
        endpoint = self._endpoint_of(pin)
        if (pin, endpoint) not in self._ways:
            self._ways[pin, endpoint] = self._found(pin, endpoint)
        return self._ways[pin, endpoint]

    def _found(self, pin: ModelPin, endpoint: Endpoint | None) -> _Way | None:
        file = self._folders.file_for(pin)
        if file is not None:
            try:
                return FileCounts(pin, file)
            except TokenizerUnusableError as error:
                self._report(f"the tokenizer of {pin.name} is not used: {error.sentence}")
        if endpoint is None:
            return None
        # A lint that asks no server need not wait until aiohttp is loaded.
        from registry.tokenizing.servers import ServerCounts

        return ServerCounts(pin, endpoint, self._seconds, self._report)


def _counted(pin: ModelPin | None, row: Row, known: Mapping[str, int], how: str) -> Counted:
    tokens = [known.get(text) for text in row]
    told = tuple(one for one in tokens if one is not None)
    return Counted(told, how) if len(told) == len(row) else estimated(pin, [row])[0]
