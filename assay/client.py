"""The Python client: one method for each call of the REST interface (`/api/v1`).

    from assay import Assay

    with Assay("http://127.0.0.1:8000", token) as assay:
        prompt = assay.lookup("support-chat")
        prompt.template, prompt.parameters, prompt.model

Methods return frozen dataclasses (`assay.answers`) and raise AssayApiError. Writes carry an
`Idempotency-Key`, so a call whose answer was lost on the way is safely sent once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from assay.answers import (
    Me,
    ProbeAsked,
    ProbedModel,
    PromptSummary,
    PromptTags,
    PublishedVersion,
    RegisteredModel,
    Released,
    RenderedPrompt,
    ServedPrompt,
    Synced,
    TagMove,
    VersionDiff,
)
from assay.calling import given, prompt_path
from assay.case_calls import CaseCalls
from assay.check_calls import CheckCalls
from assay.evaluation_calls import EvaluationCalls
from assay.judge_calls import JudgeCalls
from assay.reading import read
from assay.target import Target

#: A sync downloads a repository; everything else answers from the database.
_SYNC_SECONDS = 600.0


class Assay(EvaluationCalls, JudgeCalls, CaseCalls, CheckCalls):
    """A connection to one Assay server. Safe to share between threads; close it when done."""

    def me(self) -> Me:
        """Who the token stands for."""
        return read(Me, self._get("/me"))

    def lookup(
        self,
        name: str,
        *,
        tag: str | None = None,
        version: int | None = None,
        key: str | None = None,
    ) -> ServedPrompt:
        """What an application needs to call a model: the template, its parameters, the model.

        `tag` defaults to `stable`. `canary` answers `stable` with `fallback` true while no canary
        is set. With a `key` (a user's, a session's) `stable` is answered by the canary for its
        share of the keys. Needs the scope `lookup`.
        """
        return read(ServedPrompt, self._get(prompt_path(name), tag=tag, version=version, key=key))

    def prompts(self) -> Iterator[PromptSummary]:
        """Every prompt this token may read, page by page."""
        return self._pages(PromptSummary, "/prompts")

    def tags(self, name: str) -> PromptTags:
        """A prompt's tags and version numbers."""
        return read(PromptTags, self._get(prompt_path(name, "tags")))

    def versions(self, name: str) -> Iterator[PublishedVersion]:
        """A prompt's versions with their certificates, page by page."""
        return self._pages(PublishedVersion, prompt_path(name, "versions"))

    def history(self, name: str, *, tag: str | None = None) -> Iterator[TagMove]:
        """The ledger of a prompt, newest first, page by page."""
        return self._pages(TagMove, prompt_path(name, "history"), tag=tag)

    def diff(self, name: str, old: int, new: int) -> VersionDiff:
        """What changed between two versions, for readers and for callers."""
        return read(VersionDiff, self._get(prompt_path(name, "diff"), old=old, new=new))

    def models(self) -> tuple[RegisteredModel, ...]:
        """The model versions the server knows."""
        return tuple(self._pages(RegisteredModel, "/models"))

    def model(self, name: str) -> ProbedModel:
        """One model version, and the newest looks at its server."""
        return read(ProbedModel, self._get(f"/models/{quote(name)}"))

    def probe(self, name: str, *, fingerprint: bool = False) -> ProbeAsked:
        """Have a model's server looked at soon; `model(name).probe` shows it then."""
        body = {"fingerprint": fingerprint}
        return read(ProbeAsked, self._post(f"/models/{quote(name)}/probes", body))

    def render(
        self,
        name: str,
        *,
        tag: str | None = None,
        version: int | None = None,
        variables: dict[str, Any] | None = None,
        placeholders: dict[str, Any] | None = None,
    ) -> RenderedPrompt:
        """A version (or what `tag` points at, default `stable`) with its variables put in."""
        where = {"version": version} if version is not None else {"tag": tag or "stable"}
        filled = {"variables": variables or {}, "placeholders": placeholders or {}}
        return read(RenderedPrompt, self._post(prompt_path(name, "render"), where | filled))

    def promote(self, target: Target, *, reason: str = "") -> TagMove:
        """Point a tag at a certified version. Kind `refused`, code `not_certified` without one."""
        return self._move(target, "promotions", reason)

    def rollback(
        self,
        name: str,
        *,
        tag: str = "stable",
        to_version: int | None = None,
        reason: str = "",
        expected_revision: int | None = None,
    ) -> TagMove:
        """Restore what the tag pointed at before, or the newest earlier `to_version`."""
        body = {"tag": tag, "to_version": to_version, "reason": reason}
        body["expected_revision"] = expected_revision
        return read(TagMove, self._post(prompt_path(name, "rollbacks"), body))

    def set_canary(self, target: Target, *, reason: str = "") -> TagMove:
        """Send `target.weight` percent of keyed traffic to a version certified for `canary`."""
        return self._move(target, "canary", reason)

    def clear_canary(
        self, name: str, *, reason: str = "", expected_revision: int | None = None
    ) -> TagMove:
        """End the canary; its traffic goes to `stable` again."""
        body = given({"reason": reason, "expected_revision": expected_revision})
        return read(TagMove, self._call("DELETE", prompt_path(name, "canary"), body=body))

    def override(self, target: Target, *, reason: str) -> TagMove:
        """Break the glass: point a tag at a version without a certificate. Scope `admin`."""
        return self._move(target, "overrides", reason)

    def release(self, targets: Sequence[Target], *, reason: str = "") -> Released:
        """Promote several tags together: all of them move, or none does."""
        body = {"targets": [given(asdict(target)) for target in targets], "reason": reason}
        return read(Released, self._post("/releases", body))

    def sync(self) -> Synced:
        """Read the prompt repository now. A failed sync is told in `error`, not raised."""
        return read(Synced, self._call("POST", "/syncs", body={}, timeout=_SYNC_SECONDS))

    def last_sync(self) -> Synced:
        """What the last sync said."""
        return read(Synced, self._get("/syncs/last"))

    def _move(self, target: Target, action: str, reason: str) -> TagMove:
        body = asdict(target) | {"reason": reason}
        name = body.pop("prompt")
        if action == "canary":
            del body["tag"]  # the path says it
        return read(TagMove, self._post(prompt_path(name, action), body))
