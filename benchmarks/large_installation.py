"""A large installation: prompts, runs with their results, people, receivers, checks.

One prompt is published, and one of its runs evaluated for real; PostgreSQL makes the copies.
"""

from __future__ import annotations

import json

from eval_overhead import TEXT, questions

_OF_ONE_PROMPT, _CONCURRENCY = 100, 64


def publish(url: str, prompts: int, cases: int) -> None:
    """One prompt as a sync stores it, its copies, and what the repository says is live."""
    from django.core.management import call_command
    from django.db import connection, transaction
    from django.utils import timezone

    from evals.follow import follow_repository
    from registry import promotion
    from registry.domain.change import RepositoryChange
    from registry.domain.repository import parse_repository
    from registry.models import MirrorState, ModelVersion, Prompt, PromptVersion, SyncRun
    from registry.promotion import Adoption
    from registry.sync.applying import apply_change

    call_command("migrate", verbosity=0)
    files = repository(url, cases)
    parsed = parse_repository(files)
    assert not parsed.findings, parsed.findings
    change = RepositoryChange("c" * 40, files, parsed, timezone.now())
    with transaction.atomic():
        apply_change(change)
        follow_repository(change)
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TEMPORARY TABLE copies AS SELECT n FROM generate_series(1, %s) n",
                [prompts - 1],
            )
            _copy(cursor, Prompt, {"name": "'prompt-' || c.n"}, "o.name = 'prompt-0'", [])
            named = "(SELECT p.id FROM registry_prompt p WHERE p.name = 'prompt-' || c.n)"
            _copy(cursor, PromptVersion, {"prompt_id": named}, "true", [])
            cursor.execute("DROP TABLE copies")
        model = ModelVersion.objects.get()
        live = PromptVersion.objects.filter(number=2).select_related("prompt")
        promotion.adopt(
            adoptions=[Adoption(row.prompt, "stable", row, model) for row in live],
            commit="c" * 40,
        )
        MirrorState.objects.create(
            url="https://git.example.org/p", ref="main", applied_commit="c" * 40
        )
        SyncRun.objects.bulk_create(
            SyncRun(status="unchanged", commit="c" * 40) for _ in range(1000)
        )


def repository(url: str, cases: int) -> object:
    """The files of it."""
    from registry.domain.files import MemoryFiles

    pin = {"served_id": "fast", "revision": "r1", "base_url": url, "concurrency": _CONCURRENCY}
    head = "---\ntype: chat\nvariables:\n  question: {type: string}\n---\n"
    system = "You are kind and brief, and you answer in one sentence. " * 10
    policy = {"margin": 0.05}
    texts = {
        "models.yaml": json.dumps({"models": {"fast": pin}}),
        "gates.yaml": json.dumps({"policies": {"gate": policy}, "tags": {"stable": "gate"}}),
        "suites/common.yaml": json.dumps(
            {"dataset": "datasets/common.jsonl", "checks": [{"type": "exact"}]}
        ),
        # The model always says the same, so a tenth of its answers is wrong.
        "datasets/common.jsonl": "\n".join(
            json.dumps(
                {
                    "id": f"c{number}",
                    "variables": {"question": question},
                    "expected": TEXT if number % 10 else "No.",
                }
            )
            for number, question in enumerate(questions(cases, "common"))
        ),
    }
    folder = "prompts/prompt-0"
    texts[f"{folder}/prompt.yaml"] = json.dumps(
        {"suites": ["common"], "model": "fast", "description": "Answers customers in one sentence."}
    )
    for version in (1, 2, 3):
        texts[f"{folder}/v{version}.jinja2"] = (
            f'{head}{{% chat role="system" %}}{system}Revision {version}.{{% endchat %}}'
            '{% chat role="user" %}{{ question }}{% endchat %}'
        )
    return MemoryFiles({path: text.encode() for path, text in texts.items()})


def evaluate(cases: int) -> object:
    """The one real run: prompt-0, v3 beside v2. Returns its id."""
    from django.utils import timezone

    from evals import engine, queries, runs
    from registry.domain.actor import Actor, Role

    run = runs.start_run(
        prompt="prompt-0",
        version=3,
        model=None,
        tag="stable",
        actor=Actor("user:bench", Role.EDITOR.scopes),
        now=timezone.now(),
    )
    engine.work(run.pk)
    done = queries.run(run.pk)
    assert (done.status, done.done, done.errors) == ("finished", cases, 0), done.reasons
    return run.pk


def multiply(run: object, runs: int) -> None:
    """Copy the run with its items and results, a hundred times for prompt-0, then for others."""
    from django.db import connection

    from evals.models import BaselineResult, CaseResult, EvalRun, WorkItem

    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE copies AS SELECT n, gen_random_uuid() AS run, "
            "(SELECT v.id FROM registry_promptversion v "
            "JOIN registry_prompt p ON p.id = v.prompt_id "
            "WHERE v.number = 3 AND p.name = 'prompt-' || greatest(0, n - %s)) AS version "
            "FROM generate_series(1, %s) n",
            [_OF_ONE_PROMPT, runs - 1],
        )
        fresh = {
            "id": "c.run",
            "version_id": "c.version",
            "created_at": "o.created_at - c.n * interval '1 minute'",
            # A certificate belongs to one run, and a pass has one.
            "verdict": "'FAIL'",
            "certificate_id": "NULL",
        }
        _copy(cursor, EvalRun, fresh, "o.id = %s", [run])
        cursor.execute(
            "INSERT INTO evals_evalrun_suites (evalrun_id, suite_id) SELECT c.run, s.suite_id "
            "FROM evals_evalrun_suites s, copies c WHERE s.evalrun_id = %s",
            [run],
        )
        _copy(cursor, WorkItem, {"run_id": "c.run"}, "o.run_id = %s", [run])
        item = (
            "(SELECT i.id FROM evals_workitem i JOIN evals_workitem was ON was.id = o.item_id "
            'WHERE i.run_id = c.run AND i.suite_id = was.suite_id AND i."case" = o."case" '
            "AND i.repeat = o.repeat)"
        )
        _copy(cursor, CaseResult, {"run_id": "c.run", "item_id": item}, "o.run_id = %s", [run])
        cursor.execute('CREATE INDEX ON evals_caseresult (run_id, "case", repeat)')
        result = (
            "(SELECT r.id FROM evals_caseresult r "
            "JOIN evals_caseresult was ON was.id = o.result_id "
            'WHERE r.run_id = c.run AND r."case" = was."case" AND r.repeat = was.repeat)'
        )
        mine = "o.result_id IN (SELECT id FROM evals_caseresult WHERE run_id = %s)"
        _copy(cursor, BaselineResult, {"result_id": result}, mine, [run])
        cursor.execute("DROP INDEX evals_caseresult_run_id_case_repeat_idx")
        cursor.execute("DROP TABLE copies")
        cursor.execute("VACUUM ANALYZE")


def _copy(
    cursor: object, model: object, fresh: dict[str, str], which: str, given: list[object]
) -> None:
    """Every row of `model` that is meant, once for each copy, with the columns in `fresh` anew."""
    fields = model._meta.concrete_fields  # type: ignore[attr-defined]  # noqa: SLF001
    columns = [f.column for f in fields if not f.primary_key or f.column in fresh]
    values = ", ".join(fresh.get(column, f'o."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    table = model._meta.db_table  # type: ignore[attr-defined]  # noqa: SLF001
    cursor.execute(  # type: ignore[attr-defined]
        f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} o, copies c WHERE {which}",
        given,
    )


def surround() -> None:
    """What the other pages are about: people, tokens, receivers, looks at the model, checks."""
    from django.utils import timezone

    from evals.models import CommitCheck
    from registry import access
    from registry.models import ApiToken, ModelProbe, ModelVersion, OutboxDelivery, OutboxMessage

    access.first_admin_link("")
    for number in range(50):
        access.invite(username=f"person-{number}", role="viewer", by="bench")
        access.create_token(name=f"token-{number}", scopes=["read"], created_by="bench")
    model, now = ModelVersion.objects.get(), timezone.now()
    ModelProbe.objects.bulk_create(
        ModelProbe(
            model=model, at=now, is_reachable=True, is_healthy=True, served={"ids": ["fast"]}
        )
        for _ in range(2000)
    )
    OutboxDelivery.objects.bulk_create(
        OutboxDelivery(
            message=message,
            channel="webhook ops",
            subject=message.subject,
            next_at=now,
            delivered_at=now,
            attempts=1,
        )
        for message in OutboxMessage.objects.all()
    )
    ApiToken.objects.filter(name="token-1").update(revoked_at=now)
    CommitCheck.objects.bulk_create(
        CommitCheck(
            head=f"{number:040x}",
            base="c" * 40,
            title=f"Change {number}.",
            status="done",
            verdict="FAIL",
            sentences=["lint finds 1 error"],
            requested_by="bench",
            created_at=now,
        )
        for number in range(1000)
    )
