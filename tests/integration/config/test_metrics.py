"""/metrics: the same figures from every process, for those who may read, with no names in them."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from core.digest import digest
from evals.models import EvalRun, WorkItem
from registry import certificates, probing, promotion
from registry.domain.actor import SYSTEM
from registry.models import Certificate, GatePolicy, MirrorState, SyncRun
from registry.promotion import Adoption, Target
from serving.served import Served
from tests.integration.registry.conftest import Shelf, make_shelf

TOKEN = "a-token-for-prometheus"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(autouse=True)
def scraped(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN


@pytest.fixture
def shelf(db: None) -> Shelf:
    """Versions 1 and 2 are certified for `stable`, 3 for `canary`; nothing is live."""
    made = make_shelf()
    for number in (1, 2):
        made.certify(number)
    made.certify(3, policy="trial")
    return made


def ask(token: str = TOKEN, **headers: str) -> Any:
    return Client(headers={"Authorization": f"Bearer {token}", **headers}).get("/metrics")


def scrape() -> Samples:
    answer = ask()
    assert answer.status_code == 200, answer.content
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def value(name: str, **labels: str) -> float | None:
    return scrape().get((name, tuple(sorted(labels.items()))))


def test_an_empty_installation_has_figures_too(db: None) -> None:
    samples = scrape()
    assert samples["assay_queue_items", (("state", "waiting"),)] == 0
    assert ("assay_mirror_age_seconds", ()) not in samples


def test_it_is_text_for_prometheus_whatever_is_accepted(db: None) -> None:
    for accept in ("text/plain", "application/openmetrics-text;version=1.0.0", "image/png"):
        answer = ask(Accept=accept)
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_the_scrapers_token_opens_nothing_else(db: None, settings: Settings) -> None:
    client = Client(headers={"Authorization": f"Bearer {TOKEN}"})
    assert client.get("/api/v1/prompts").status_code == 401
    assert ask("another-token-of-some-length").status_code == 401
    assert Client().get("/metrics").status_code == 401
    settings.METRICS_TOKEN = ""
    assert ask("").status_code == 401
    assert ask().status_code == 401


def test_live_tags_are_counted_by_what_they_stand_on(shelf: Shelf) -> None:
    promotion.promote(target=Target("greeting", "stable", 1), actor=SYSTEM)
    promotion.set_canary(prompt="greeting", version=3, weight=10, actor=SYSTEM)
    promotion.override(target=Target("greeting", "beta", 4), actor=SYSTEM, reason="fire")
    adoption = Adoption(shelf.prompt, "old", shelf.version(1), shelf.model)
    promotion.adopt(adoptions=[adoption], commit="c" * 40)
    assert value("assay_tags", tag="stable", evidence="proven") == 1
    assert value("assay_tags", tag="canary", evidence="proven") == 1
    assert value("assay_tags", tag="other", evidence="overridden") == 1
    assert value("assay_tags", tag="other", evidence="adopted") == 1
    assert value("assay_tag_moves_total", kind="promoted") == 2
    assert value("assay_outbox_messages") == 4


def test_models_that_drift_or_do_not_answer_show(shelf: Shelf) -> None:
    assert value("assay_model_drifted", model="tiny") == 0
    assert value("assay_model_reachable", model="tiny") is None
    gone = Served(is_reachable=False, error="connection refused")
    now = timezone.now()
    probing.remember(model=shelf.model, served=gone, differences=["other"], now=now)
    certificates.record_fingerprint(
        model=shelf.model, fingerprint=digest("other"), mode="text", now=now
    )
    assert value("assay_model_reachable", model="tiny") == 0
    assert value("assay_model_differences", model="tiny") == 1
    assert value("assay_model_drifted", model="tiny") == 1
    assert value("assay_model_drifts_total", model="tiny") == 1


def test_evidence_that_is_gone_shows(shelf: Shelf) -> None:
    for version in (1, 2):
        promotion.promote(target=Target("greeting", "stable", version), actor=SYSTEM)
    promotion.rollback(prompt="greeting", actor=SYSTEM)
    assert value("assay_tags", tag="stable", evidence="proven") == 1
    Certificate.objects.filter(prompt_version=shelf.version(1)).update(
        expired_at=timezone.now(), expired_reason="the suite changed"
    )
    assert value("assay_tags", tag="stable", evidence="proven") is None
    assert value("assay_tags", tag="stable", evidence="expired") == 1


def test_a_rollback_to_what_was_overridden_is_no_proof(shelf: Shelf) -> None:
    promotion.override(target=Target("greeting", "stable", 4), actor=SYSTEM, reason="fire")
    promotion.promote(target=Target("greeting", "stable", 1), actor=SYSTEM)
    promotion.rollback(prompt="greeting", actor=SYSTEM, to_version=4)
    assert value("assay_tags", tag="stable", evidence="overridden") == 1


def test_a_cleared_tag_is_not_live(shelf: Shelf) -> None:
    promotion.set_canary(prompt="greeting", version=3, weight=10, actor=SYSTEM)
    promotion.clear_canary(prompt="greeting", actor=SYSTEM)
    assert not [key for key in scrape() if key[0] == "assay_tags"]


def test_syncs_and_the_age_of_the_mirror(db: None) -> None:
    for status in ("applied", "unchanged", "unchanged", "failed"):
        SyncRun.objects.create(status=status)
    MirrorState.objects.create(url="x", ref="main", fetched_at=timezone.now() - timedelta(hours=1))
    assert value("assay_syncs_total", status="unchanged") == 2
    assert value("assay_mirror_age_seconds") == pytest.approx(3600, abs=60)


def _run(shelf: Shelf, **fields: Any) -> EvalRun:
    policy = GatePolicy.objects.get(name="release")
    return EvalRun.objects.create(
        version=shelf.version(1),
        model=shelf.model,
        suite_digest="s" * 64,
        tag="stable",
        policy=policy.name,
        policy_digest=policy.digest,
        policy_spec=policy.spec,
        requested_by="test",
        **{"created_at": timezone.now(), **fields},
    )


def test_runs_their_tokens_and_the_queue(shelf: Shelf) -> None:
    _run(shelf, status="finished", verdict="FAIL", prompt_tokens=700, completion_tokens=30)
    assert value("assay_queue_oldest_seconds") == 0
    live = _run(shelf, status="running", created_at=timezone.now() - timedelta(minutes=10))
    suite = live.suites.create(name="x", digest="d" * 64, spec={})
    for position, until in enumerate((None, timezone.now() + timedelta(minutes=1), None)):
        WorkItem.objects.create(
            run=live,
            suite=suite,
            case=str(position),
            repeat=1,
            position=position,
            leased_until=until,
        )
    assert value("assay_runs", status="finished", verdict="FAIL") == 1
    assert value("assay_runs", status="running", verdict="") == 1
    assert value("assay_queue_items", state="waiting") == 2
    assert value("assay_queue_items", state="leased") == 1
    assert value("assay_queue_oldest_seconds") == pytest.approx(600, abs=60)
    assert value("assay_run_tokens_total", kind="prompt") == 700


def test_prices_carry_the_label_of_the_model_server(shelf: Shelf) -> None:
    shelf.model.pin = {**shelf.model.pin, "served_id": "tiny", "price_prompt": 2.5}
    shelf.model.save()
    found = value("assay_model_price_usd_per_token", model_name="tiny", kind="prompt")
    assert found == pytest.approx(2.5e-6)


def test_no_prompt_is_named(shelf: Shelf) -> None:
    promotion.promote(target=Target("greeting", "stable", 1), actor=SYSTEM)
    assert "greeting" not in ask().content.decode()


def _process(folder: Path, statuses: str) -> None:
    """A web process that answers lookups with these statuses, and ends."""
    code = (
        "import django, sys; django.setup()\n"
        "from django.http import HttpResponse\n"
        "from types import SimpleNamespace as Request\n"
        "from config.metrics import count_lookups\n"
        "route = Request(url_name='lookup')\n"
        "for status in sys.argv[1].split():\n"
        "    answer = count_lookups(lambda _: HttpResponse(status=int(status)))\n"
        "    answer(Request(resolver_match=route))\n"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    environment["ASSAY_DATA"] = str(folder.parents[1])
    subprocess.run([sys.executable, "-c", code, statuses], env=environment, check=True)


def test_lookups_are_summed_over_processes_and_outlive_them(
    db: None, settings: Settings, tmp_path: Path
) -> None:
    folder = settings.COUNTS_FOLDER = tmp_path / "run" / "counts"
    _process(folder, "200 200 404")
    _process(folder, "200 304")
    assert value("assay_lookups_total", status="200") == 3
    assert value("assay_lookups_total", status="404") == 1
    assert value("assay_lookups_total", status="304") == 1


def test_only_lookups_are_counted(shelf: Shelf) -> None:
    promotion.promote(target=Target("greeting", "stable", 1), actor=SYSTEM)
    before = value("assay_lookups_total", status="401") or 0
    client = Client()
    client.get("/api/v1/prompts/greeting?tag=stable")
    client.get("/prompt/greeting?tag=stable")
    client.get("/api/v1/prompts")
    client.get("/nowhere")
    assert value("assay_lookups_total", status="401") == before + 2


def test_without_a_database_there_is_no_half_answer(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("registry.queries.syncs_by_status", gone)
    answer = ask()
    assert answer.status_code == 503
    assert answer.json()["code"] == "metrics_unavailable"


def test_a_new_certificate_is_seen_at_once(shelf: Shelf) -> None:
    promotion.override(target=Target("greeting", "stable", 1), actor=SYSTEM, reason="fire")
    assert value("assay_tags", tag="stable", evidence="overridden") == 1
    promotion.promote(target=Target("greeting", "stable", 2), actor=SYSTEM)
    assert value("assay_tags", tag="stable", evidence="proven") == 1
