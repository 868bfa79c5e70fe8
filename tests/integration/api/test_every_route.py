"""Every route × method × caller, against the reviewed table. A new route is listed or it fails.

The lesson is other people's: routes that nobody remembered to guard.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import urls
from evals.models import CommitCheck, EvalRun, JudgeTrial, QuarantinedCase
from registry import access, promotion
from registry.domain.actor import SYSTEM, Scope
from registry.models import ApiToken, GatePolicy, MirrorState, OneTimeLink, SyncRun, User
from registry.promotion import Target
from tests.integration.api.access_table import (
    ANONYMOUS,
    CALLERS,
    CASE,
    EXPIRED,
    NOBODY,
    READ,
    REVOKED,
    ROLES,
    STRANGER,
    TABLE,
    TOKENS,
    Row,
)
from tests.integration.api.conftest import EVERYTHING, person, session_client
from tests.integration.api.routes import (
    ARGUMENTS,
    CHECK,
    RUN,
    SECRET,
    TRIAL,
    Credentials,
    differences,
    routes,
    unlisted,
)
from tests.integration.registry.conftest import Shelf

_numbers = itertools.count(1)
FORECAST = {
    "cases": 1,
    "requests": 1,
    "tokens": 1,
    "cost_usd": 0,
    "minutes": None,
    "decidable": True,
    "detectable": "",
}


@pytest.fixture
def world(certified: Shelf, settings: Settings, tmp_path: Path) -> Shelf:
    """Something behind every route, so that 404 can only mean that it is hidden."""
    settings.DATA_DIR = tmp_path
    settings.REPOSITORY_URL = str(tmp_path / "nowhere")
    certified.model.pin["base_url"] = "http://127.0.0.1:9"
    certified.model.save(update_fields=["pin"])
    for version in (1, 2):
        promotion.promote(target=Target("greeting", "stable", version), actor=SYSTEM)
    promotion.set_canary(prompt="greeting", version=3, weight=10, actor=SYSTEM)
    MirrorState.objects.create(url="x", ref="main", applied_commit="c" * 40)
    SyncRun.objects.create(status="applied", commit="c" * 40)
    policy = GatePolicy.objects.get(name="release")
    EvalRun.objects.create(
        id=RUN,
        version=certified.version(1),
        model=certified.model,
        suite_digest=certified.prompt.suite_digest,
        tag="stable",
        policy=policy.name,
        policy_digest=policy.digest,
        policy_spec=policy.spec,
        forecast=FORECAST,
        requested_by="test",
        created_at=timezone.now(),
    )
    JudgeTrial.objects.create(
        id=TRIAL,
        kind="canaries",
        judge="j" * 64,
        spec={"rubric": {"name": "help", "mode": "score"}},
        name="oracle/helpful",
        model=certified.model,
        requested_by="test",
        created_at=timezone.now(),
    )
    now = timezone.now()
    CommitCheck.objects.create(
        id=CHECK, head="d" * 40, base="c" * 40, requested_by="test", created_at=now
    )
    hour = now + timedelta(hours=1)
    QuarantinedCase.objects.create(
        prompt=certified.prompt,
        **CASE,
        owner="ada",
        reason="flaky",
        created_by="test",
        created_at=now,
        expires_at=hour,
    )
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    OneTimeLink.objects.create(user=person("viewer"), digest=digest, expires_at=hour)
    settings.WEBHOOKS = (("ops", "https://ops.example.org/in", SECRET),)
    User.objects.create(pk=ARGUMENTS["person"], username="somebody", role="viewer")
    ApiToken.objects.create(
        pk=ARGUMENTS["token"], name="some-program", digest="d" * 64, scopes=["read"]
    )
    return certified


def token(*scopes: str, expires_in: timedelta | None = None, prompts: tuple[str, ...] = ()) -> str:
    expires_at = timezone.now() + expires_in if expires_in else None
    name = f"ci-{next(_numbers)}"
    _, secret = access.create_token(
        name=name, scopes=scopes, prompts=prompts, created_by="test", expires_at=expires_at
    )
    return secret


def revoked_token() -> str:
    row, secret = access.create_token(name="gone", scopes=EVERYTHING, created_by="test")
    access.revoke_token(token_id=row.pk, by="test", now=timezone.now())
    return secret


@pytest.fixture
def callers(db: None) -> dict[str, Credentials]:
    """How each caller of the table presents itself."""
    secrets = {scope: token(scope) for scope in TOKENS}
    secrets[STRANGER] = token(*EVERYTHING, prompts=("other/*", "greet"))
    secrets[REVOKED] = revoked_token()
    secrets[EXPIRED] = token(*EVERYTHING, expires_in=timedelta(seconds=-1))
    found: dict[str, Credentials] = {NOBODY: ({}, "")}
    found |= {name: ({"Authorization": f"Bearer {s}"}, "") for name, s in secrets.items()}
    for role in ROLES:
        client = session_client("admin" if role == "administrator" else role)
        found[role] = ({}, client.cookies["sessionid"].value)
    assert set(found) == set(CALLERS)
    return found


@pytest.mark.parametrize("route", sorted({row.route for row in TABLE}))
def test_the_table_tells_the_truth(
    route: str, world: Shelf, callers: dict[str, Credentials]
) -> None:
    rows = [row for row in TABLE if row.route == route]
    assert [found for row in rows for found in differences(row, callers)] == []


def test_no_route_and_no_method_is_missing(world: Shelf, callers: dict[str, Credentials]) -> None:
    assert unlisted(TABLE, callers["administrator"], routes()) == []


def test_the_table_lists_nothing_that_is_gone_and_nothing_twice() -> None:
    names = [str(pattern.name) for pattern in routes()]
    assert sorted(set(names)) == sorted(names), "two routes share a name"
    assert {row.route for row in TABLE} == set(names)
    listed = [(row.route, row.method) for row in TABLE]
    assert len(set(listed)) == len(listed)


def test_only_the_known_few_answer_nobody() -> None:
    for row in TABLE:
        assert (NOBODY in row.who) == (row.route in ANONYMOUS), row
        if row.route not in ANONYMOUS:
            assert not row.who & {NOBODY, REVOKED, EXPIRED}


def test_the_table_knows_every_scope_and_route_argument() -> None:
    assert set(TOKENS) == {scope.value for scope in Scope}
    used = {name for pattern in routes() for name in pattern.pattern.converters}
    assert used == set(ARGUMENTS)


# --- The walk itself is not blind ---


class _Unguarded(APIView):
    """A view that forgot its scope is closed."""

    def get(self, _request: Request) -> Response:
        return Response({})


class _Open(_Unguarded):
    """A view that was opened on purpose."""

    permission_classes = ()


def _page(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("everything")


@pytest.fixture
def more_routes(settings: Settings) -> list[URLPattern | URLResolver]:
    """The patterns of a copy of the URLconf, to add some."""
    module = ModuleType("urls_with_more")
    patterns = vars(module)["urlpatterns"] = list(urls.urlpatterns)
    settings.ROOT_URLCONF = module
    return patterns


def test_a_new_route_is_noticed(
    more_routes: list[URLPattern | URLResolver], world: Shelf, callers: dict[str, Credentials]
) -> None:
    urls_before = list(routes())
    more_routes += [
        path("api/v1/new", _Open.as_view(), name="new"),
        path("api/v1/export", _page, name="export"),
        path("api/v1/nameless", _page),
    ]
    new = [pattern for pattern in routes() if pattern not in urls_before]
    assert len(new) == 3
    found = unlisted(TABLE, callers["administrator"], new)
    assert "GET new answers 200" in found
    assert "POST export answers 200" in found
    assert "api/v1/nameless has no name" in found


def test_a_view_that_forgot_its_scope_is_closed_and_one_that_is_open_is_noticed(
    more_routes: list[URLPattern | URLResolver], callers: dict[str, Credentials]
) -> None:
    more_routes += [
        path("api/v1/forgot", _Unguarded.as_view(), name="forgot"),
        path("api/v1/open", _Open.as_view(), name="open"),
    ]
    closed = Row("forgot", "GET", frozenset())
    assert differences(closed, callers) == []
    assert "nobody was let in: GET open 200" in differences(Row("open", "GET", READ), callers)


@pytest.mark.parametrize("route", ["tags", "promotions", "overview"])
def test_a_row_that_lies_is_noticed(
    route: str, world: Shelf, callers: dict[str, Credentials]
) -> None:
    row = next(row for row in TABLE if row.route == route)
    assert any("nobody was refused" in found for found in _lie(row, row.who | {NOBODY}, callers))
    assert _lie(row, row.who - {"administrator"}, callers)


def _lie(row: Row, who: frozenset[str], callers: dict[str, Credentials]) -> list[str]:
    return differences(replace(row, who=who), callers)


def test_a_missing_row_is_noticed(world: Shelf, callers: dict[str, Credentials]) -> None:
    table = [row for row in TABLE if (row.route, row.method) != ("canary", "DELETE")]
    canary = [pattern for pattern in routes() if pattern.name == "canary"]
    [found] = unlisted(table, callers["administrator"], canary)
    assert found.startswith("DELETE canary answers 2")
