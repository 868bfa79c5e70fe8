"""Cursor pages over a sorted list that is computed, not stored."""

from __future__ import annotations

import json
from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor
from rest_framework.request import Request

from registry.api.pagination import CursorPage


class ListedPage(CursorPage):
    """A cursor holds the key of the last item, so a page stays where it is when others come."""

    @abstractmethod
    def key(self, item: Any) -> tuple[Any, ...]:
        """What the list is sorted by, fit for JSON."""

    @abstractmethod
    def parsed(self, position: Sequence[Any]) -> tuple[Any, ...]:
        """The key in a cursor. Raises ValueError, TypeError or OverflowError for what is none."""

    def paginate_queryset(
        self,
        queryset: Any,
        request: Request,
        view: Any = None,  # noqa: ARG002 - REST framework passes it
    ) -> Any:
        """The items of the page. Raises NotFound for a cursor that was made up."""
        items: Sequence[Any] = queryset
        size = self.get_page_size(request) or self.page_size
        self.request, self.base_url = request, request.build_absolute_uri()
        cursor: Any = self.decode_cursor(request)
        start, end = 0, size
        if cursor is not None and cursor.position is not None:
            at = self._position(cursor.position)
            if cursor.reverse:
                end = bisect_left(items, at, key=self.key)
                start = max(0, end - size)
            else:
                start = bisect_right(items, at, key=self.key)
                end = start + size
        self.page = list(items[start:end])
        self.has_previous, self.has_next = start > 0, end < len(items)
        return self.page

    def _position(self, position: str) -> tuple[Any, ...]:
        try:
            return self.parsed(json.loads(position))
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise NotFound(self.invalid_cursor_message) from error

    def _link(self, item: Any, *, reverse: bool) -> str:
        position: Any = json.dumps(self.key(item))
        link: str = self.encode_cursor(Cursor(offset=0, reverse=reverse, position=position))
        return link

    def get_next_link(self) -> str | None:
        """The page after this one, if any."""
        return self._link(self.page[-1], reverse=False) if self.has_next and self.page else None

    def get_previous_link(self) -> str | None:
        """The page before this one, if any."""
        return self._link(self.page[0], reverse=True) if self.has_previous and self.page else None
