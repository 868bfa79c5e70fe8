"""GET prompts/{name}/versions: what was published, and what it was certified for."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from rest_framework.test import APIClient

from core.digest import digest
from registry import certificates
from tests.integration.api.conftest import problem, token_client
from tests.integration.registry.conftest import Shelf
from tests.integration.registry.git_repositories import PromptRepository

VERSIONS = "/api/v1/prompts/greeting/versions"
VERSION = set("version digest commit path type description variables published_at".split())
CERTIFICATE = set("digest model policy issued_at valid_until run".split())


def test_a_version_tells_where_it_came_from(library: PromptRepository) -> None:
    page = token_client("read").get("/api/v1/prompts/chat/versions").json()
    second, first = page["results"]
    assert set(second) == VERSION | {"certificates"}
    assert (second["version"], first["version"]) == (2, 1)
    assert second["path"] == "prompts/chat/v2.jinja2"
    assert second["commit"] == library.head
    assert (second["type"], second["description"]) == ("chat", "Answers in a tone.")
    assert set(second["variables"]) == {"ticket", "tone"}
    assert second["certificates"] == []


def test_certificates_are_shown_with_what_they_prove(certified: Shelf, caller: APIClient) -> None:
    results = caller.get(VERSIONS).json()["results"]
    assert [version["version"] for version in results] == [4, 3, 2, 1]
    [certificate] = results[1]["certificates"]
    assert set(certificate) >= CERTIFICATE
    assert (certificate["policy"], certificate["model"]) == ("trial", "tiny")
    assert len(certificate["digest"]) == 64


def test_an_expired_certificate_says_why(certified: Shelf, caller: APIClient) -> None:
    certificates.record_fingerprint(
        model=certified.model, fingerprint=digest("other"), mode="text", now=timezone.now()
    )
    certificate = caller.get(VERSIONS).json()["results"][-1]["certificates"][0]
    assert certificate["expired_at"] is not None
    assert certificate["expired_reason"] == "tiny serves something else"


def test_they_are_sorted_by_number_however_late_one_was_published(
    library: PromptRepository, caller: APIClient
) -> None:
    library.write({"prompts/chat/v9.jinja2": "nine\n"}).commit()
    caller.post("/api/v1/syncs", {})
    library.write({"prompts/chat/v5.jinja2": "five\n"}).commit()
    caller.post("/api/v1/syncs", {})
    seen, url = [], "/api/v1/prompts/chat/versions?page_size=1"
    while url:
        page = caller.get(url).json()
        seen += [version["version"] for version in page["results"]]
        url = page["next"]
    assert seen == [9, 5, 2, 1]


def test_an_unknown_prompt_has_no_versions(db: None, caller: APIClient) -> None:
    problem(caller.get("/api/v1/prompts/nobody/versions"), 404, "prompt_unknown")


def test_dates_are_in_utc_and_can_be_compared(certified: Shelf, caller: APIClient) -> None:
    published = caller.get(VERSIONS).json()["results"][0]["published_at"]
    assert published.endswith("Z")
    assert published > (timezone.now() - timedelta(minutes=5)).isoformat()[:19]
