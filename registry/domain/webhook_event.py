"""What a Git host tells, as far as it matters: a webhook is a wake-up, the truth is fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs


class Wake(StrEnum):
    """What a webhook is good for."""

    SYNC = "sync"
    PING = "ping"
    NOTHING = "nothing"


_PUSHES = frozenset({"push", "Push Hook"})
_PINGS = frozenset({"ping"})


def wake_of(event: str, body: bytes, content_type: str, branch: str) -> Wake:
    """What to do about an event (`push`, `Push Hook`; empty: a plain hook) on the followed branch.

    A push whose branch cannot be read counts: asking once more costs little, missing it a minute.
    """
    if event in _PINGS:
        return Wake.PING
    if event and event not in _PUSHES:
        return Wake.NOTHING
    ref = _ref(body, content_type)
    return Wake.SYNC if ref in (None, f"refs/heads/{branch}", branch) else Wake.NOTHING


@dataclass(frozen=True, slots=True)
class ProposalNews:
    """Something happened to a pull request. `head` is the commit that whoever did it saw, `labels`
    are those that they set.
    """

    number: int
    head: str
    labels: tuple[str, ...] = ()


_PULLS, _MERGES = "pull_request", "Merge Request Hook"
#: What changes what would be merged, or who may have it evaluated, or ends it.
_ACTIONS = frozenset(
    {
        *("opened", "synchronize", "reopened", "labeled", "edited", "closed"),
        *("open", "update", "reopen", "close", "merge"),
    }
)


def proposal_of(event: str, body: bytes, content_type: str) -> ProposalNews | None:
    """What an event says of a pull or merge request; None when it is about something else, says
    nothing that matters, or cannot be read.
    """
    value = _payload(body, content_type)
    if event not in (_PULLS, _MERGES) or not isinstance(value, Mapping):
        return None
    try:
        action, news = (_pull if event == _PULLS else _merge)(value)
    except (KeyError, TypeError, AttributeError):
        return None
    known: tuple[Any, Any] = (news.number, news.head)
    is_usable = isinstance(known[0], int) and known[0] > 0 and isinstance(known[1], str)
    return news if is_usable and action in _ACTIONS else None


def _pull(value: Mapping[str, Any]) -> tuple[str, ProposalNews]:
    set_now = (value["label"]["name"],) if value["action"] == "labeled" else ()
    return value["action"], ProposalNews(
        value["number"], value["pull_request"]["head"]["sha"], set_now
    )


def _merge(value: Mapping[str, Any]) -> tuple[str, ProposalNews]:
    found, changed = value["object_attributes"], value.get("changes", {}).get("labels", {})
    before = {label["title"] for label in changed.get("previous", ())}
    now = {label["title"] for label in changed.get("current", ())}
    news = ProposalNews(found["iid"], found["last_commit"]["id"], tuple(sorted(now - before)))
    return found.get("action", ""), news


@dataclass(frozen=True, slots=True)
class RerunNews:
    """Somebody wants a commit checked anew. `check` empty: all there is; `numbers` are the pull
    requests that the host knows it by, none of a fork.
    """

    head: str
    check: str
    numbers: tuple[int, ...]


_RERUNS = frozenset({"check_run", "check_suite"})
_MOST_NUMBERS = 20
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)


def rerun_of(event: str, body: bytes, content_type: str) -> RerunNews | None:
    """What the button "re-run" of a check run, or of all of them, says; None for anything else."""
    value = _payload(body, content_type)
    if event not in _RERUNS or not isinstance(value, Mapping):
        return None
    if value.get("action") != "rerequested":
        return None
    try:
        found = value[event]
        head, check = found["head_sha"], found["name"] if event == "check_run" else ""
        numbers = tuple(one["number"] for one in found["pull_requests"][:_MOST_NUMBERS])
    except (KeyError, TypeError, AttributeError):
        return None
    is_usable = isinstance(head, str) and _COMMIT.fullmatch(head) and isinstance(check, str)
    if not is_usable or any(type(number) is not int or number < 1 for number in numbers):
        return None
    return RerunNews(head, check[:200], numbers)


def _ref(body: bytes, content_type: str) -> str | None:
    value = _payload(body, content_type)
    ref = value.get("ref") if isinstance(value, Mapping) else None
    return ref if isinstance(ref, str) else None


def _payload(body: bytes, content_type: str) -> Any:
    """The JSON, also of GitHub's older form: `payload=` in a form."""
    try:
        text = body.decode("utf-8")
        if content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
            text = parse_qs(text, max_num_fields=10).get("payload", [""])[0]
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
