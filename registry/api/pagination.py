"""Cursor pages: stable while rows are added, and as fast on page 1,000 as on page 1."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination


class CursorPage(CursorPagination):
    """Newest first, 50 a page, at most 500."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = "-id"

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> Any:
        """The rows of the page. A cursor that was made up is as unknown as any other: 404."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, ValidationError) as error:
            # DRF hands the cursor's position to the database's field as it is.
            raise NotFound(self.invalid_cursor_message) from error


class PageByName(CursorPage):
    """Pages of things that have a name people look for."""

    ordering = "name"


class PageByNumber(CursorPage):
    """Pages of versions, the highest number first: they may be published in any order."""

    ordering = "-number"
