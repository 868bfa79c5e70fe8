"""What following a large repository costs: the first sync, one commit, nothing new; and its lint.

`python benchmarks/sync.py [PROMPTS] [VERSIONS]` asks a running Assay, as a Git host and a client
would. Floors, in the same run: fetching the repository with Git and reading every blob; writing the
rows of its versions into an empty table with COPY; asking Git for a branch without news. One commit
counts from the webhook to the first lookup that answers its version; commits of other kinds count
by the sync that applies them, asked for by HTTP, beside one that has to be looked at whole.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
from lint import commit_a_version, show_lint
from running_assay import git, make_repository, serving
from table import percentile, show

from config.embedded.locations import database_url

_SECRET = "a secret of this benchmark"
_TIMES = 10
_FEW_TIMES = 3
_GIVE_UP_SECONDS = 60
#: By then a relay, which looks every two seconds, has seen what there is.
_SWEPT_SECONDS = 5
_GATES = "policies:\n  r: {{min_cases: {}}}\ntags: {{stable: r}}\n"
_READ_ALL = (
    "git init -q --bare {to} && cd {to} && git fetch -q {url} main "
    "&& git ls-tree -r --object-only FETCH_HEAD | git cat-file --batch"
)


def main(prompts: int, versions: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        repository = Path(scratch) / "repository"
        make_repository(repository, prompts, versions)
        title = f"{prompts} prompts × {versions} versions"
        settings = {"ASSAY_HOOK_SECRET_GITHUB": _SECRET, "ASSAY_WRITE_BACK": "1"}
        with serving(Path(scratch), repository, **settings) as (tree, token):
            client = httpx.Client(
                base_url=tree.base_url, headers={"Authorization": f"Bearer {token}"}, timeout=600
            )
            floor = _seconds(lambda: _read_with_git(repository, Path(scratch) / "floor"))
            first = _seconds(lambda: _sync(client, "applied"))
            _settle(client)
            copied = _copied(database_url(Path(scratch) / "data"))
            asked = [_seconds(lambda: _ask_git(repository)) for _ in range(_TIMES)]
            idle = [_seconds(lambda: _sync(client, "unchanged")) for _ in range(_TIMES)]
            arrived = [_from_webhook_to_lookup(client, repository, n) for n in range(_TIMES)]
            kinds = _commits_of_all_kinds(client, repository)
            read = [_checked(client, repository, n) for n in range(_FEW_TIMES)]
        rows = [
            ("git fetch, and every blob read (floor)", f"{floor:.2f} s", "", ""),
            ("COPY of the same rows (floor)", f"{copied:.2f} s", "", ""),
            ("first sync", f"{first:.2f} s", "", "≤ 30 s"),
            ("git ls-remote of the branch (floor)", *_ms(asked), ""),
            ("sync without a change", *_ms(idle), "≤ 50 ms"),
            ("commit of one version, webhook to lookup", *_ms(arrived), "≤ 300 ms"),
            *((name, *_ms(taken), "") for name, taken in kinds.items()),
            ("proposed commit, asked for to read", *_ms(read), ""),
        ]
        show(title, ("what", "p50", "worst", "goal"), rows)
        show_lint(repository, title)


def _settle(client: httpx.Client) -> None:
    """Wait until the workers have passed on what first contact told: ten thousand adoptions."""
    time.sleep(_SWEPT_SECONDS)
    give_up_at = time.perf_counter() + _GIVE_UP_SECONDS
    while client.get("/api/v1/write-back").raise_for_status().json()["waiting"]:
        assert time.perf_counter() < give_up_at, "the adoptions are not passed on"
        time.sleep(0.5)


def _ms(seconds: list[float]) -> tuple[str, str]:
    return f"{percentile(seconds, 50) * 1000:.0f} ms", f"{max(seconds) * 1000:.0f} ms"


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _read_with_git(repository: Path, to: Path) -> None:
    command = _READ_ALL.format(to=to, url=repository)
    subprocess.run(command, shell=True, stdout=subprocess.DEVNULL, check=True)


def _ask_git(repository: Path) -> None:
    command = ["git", "ls-remote", str(repository), "refs/heads/main"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def _sync(client: httpx.Client, expected: str) -> None:
    answer = client.post("/api/v1/syncs", json={}).raise_for_status().json()
    assert answer["status"] == expected, answer


def _copied(url: str) -> float:
    """Seconds to write the versions that the database holds once more, where nobody looks."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE copied (LIKE registry_promptversion INCLUDING INDEXES)")
        with cursor.copy("COPY registry_promptversion TO STDOUT") as copy:
            blocks = [bytes(block) for block in copy]
        started = time.perf_counter()
        with cursor.copy("COPY copied FROM STDIN") as copy:
            for block in blocks:
                copy.write(block)
        taken = time.perf_counter() - started
        connection.rollback()
    return taken


def _from_webhook_to_lookup(client: httpx.Client, repository: Path, number: int) -> float:
    version = commit_a_version(repository, number)
    body = json.dumps({"ref": "refs/heads/main", "after": f"{number:040}"}).encode()
    signature = hmac.new(_SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": f"delivery-{number}",
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    where = f"/api/v1/prompts/prompt-{number:05}"
    started = time.perf_counter()
    client.post("/hooks/github", content=body, headers=headers).raise_for_status()
    while client.get(where, params={"version": version}).status_code != 200:
        assert time.perf_counter() < started + _GIVE_UP_SECONDS, "the commit never arrived"
        time.sleep(0.005)
    return time.perf_counter() - started


def _commits_of_all_kinds(client: httpx.Client, repository: Path) -> dict[str, list[float]]:
    """Seconds of the syncs that apply commits of each kind."""
    partial = "prompts/partials/bench/v1.jinja2"
    user = "prompts/prompt-00001/v90.jinja2"
    _committed(repository, {partial: "Kindly.\n", user: '{% include "partials/bench/v1" %}\n'})
    _sync(client, "applied")
    return {
        "write-back": [_written_back(client, repository, n) for n in range(_FEW_TIMES)],
        "tags.yaml": [
            _applied(client, repository, {"tags.yaml": _asking(repository, n)})
            for n in range(_FEW_TIMES)
        ],
        "a partial that one prompt includes": [
            _applied(client, repository, {partial: f"Kindly, {n}.\n"}) for n in range(_FEW_TIMES)
        ],
        "gates.yaml (looked at whole)": [
            _applied(client, repository, {"gates.yaml": _GATES.format(200 + n)})
            for n in range(_FEW_TIMES)
        ],
    }


def _committed(repository: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_text(text)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "A change.")


def _applied(client: httpx.Client, repository: Path, files: dict[str, str]) -> float:
    _committed(repository, files)
    return _seconds(lambda: _sync(client, "applied"))


def _written_back(client: httpx.Client, repository: Path, number: int) -> float:
    """Move a tag, wait until that is pushed, and follow the commit that it made."""
    git(repository, "config", "receive.denyCurrentBranch", "updateInstead")
    body = {"tag": "stable", "version": 1, "reason": "A benchmark."}
    client.post(f"/api/v1/prompts/prompt-{number:05}/overrides", json=body).raise_for_status()
    before = _head(repository)
    give_up_at = time.perf_counter() + _GIVE_UP_SECONDS
    while _head(repository) == before:
        assert time.perf_counter() < give_up_at, client.get("/api/v1/write-back").text
        time.sleep(0.05)
    return _seconds(lambda: _sync(client, "applied"))


def _head(repository: Path) -> str:
    command = ["git", "-C", str(repository), "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _asking(repository: Path, number: int) -> str:
    """tags.yaml with one more entry that nobody has evidence for."""
    text = (repository / "tags.yaml").read_text()
    return text.replace(f"prompt-0010{number}: {{", f"prompt-0010{number}: {{canary: v2, ")


def _checked(client: httpx.Client, repository: Path, number: int) -> float:
    """Seconds until a commit of one version, on a branch of its own, was read and told about."""
    base = _head(repository)
    git(repository, "checkout", "-q", "-B", f"proposal-{number}")
    commit_a_version(repository, 50 + number)
    head = _head(repository)
    git(repository, "checkout", "-q", "main")
    started = time.perf_counter()
    body = {"repository_commit": head, "base": base}
    asked = client.post("/api/v1/ci/checks", json=body).raise_for_status().json()
    while client.get(f"/api/v1/ci/checks/{asked['id']}").json()["status"] != "done":
        assert time.perf_counter() < started + _GIVE_UP_SECONDS, "the commit was not read"
        time.sleep(0.05)
    return time.perf_counter() - started


if __name__ == "__main__":
    main(*[int(word) for word in sys.argv[1:3]] or (10_000, 3))
