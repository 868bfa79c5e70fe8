"""Who may read the stream in a browser: the pages, and nobody beside them."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from config.hosts import is_page_origin

OWN = ("assay.example:8001", "http://assay.example:8000")


@pytest.mark.parametrize(
    ("stream", "web", "public", "host", "origin", "is_over_tls", "is_let"),
    [
        (8001, 8000, "", *OWN, False, True),
        (8001, 8000, "", *OWN, True, False),
        (8001, 8000, "", "[::1]:8001", "http://[::1]:8000", False, True),
        (8001, 80, "", "assay.example:8001", "http://assay.example", False, True),
        (8001, 443, "", "assay.example:8001", "https://assay.example", True, True),
        (8001, 8000, "", "other.example:8001", "http://assay.example:8000", False, False),
        (8001, 8000, "", "assay.example:8001", "http://assay.example:8001", False, False),
        (8001, 8000, "", "assay.example:8001", "", False, False),
        # Nobody said where the pages are.
        (8001, 0, "", *OWN, False, False),
        (8001, 0, "", "assay.example:8001", "http://assay.example:0", False, False),
        (8001, 0, "", "assay.example:8001", "://", False, False),
        # At one address there is nothing to let.
        (0, 8000, "http://assay.example:8000", *OWN, False, False),
        (
            8001,
            0,
            "https://assay.example/",
            "assay.example:8001",
            "https://assay.example",
            True,
            True,
        ),
        (
            8001,
            0,
            "https://assay.example",
            "assay.example:8001",
            "http://assay.example",
            True,
            False,
        ),
    ],
)
def test_only_the_pages_own_origin(
    settings: Settings,
    stream: int,
    web: int,
    public: str,
    host: str,
    origin: str,
    is_over_tls: bool,
    is_let: bool,
) -> None:
    settings.STREAM_PORT, settings.WEB_PORT, settings.PUBLIC_URL = stream, web, public
    assert is_page_origin(origin, host, is_over_tls=is_over_tls) is is_let
