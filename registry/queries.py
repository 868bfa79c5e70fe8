"""Named reads over several tables."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    Max,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Now

from registry.domain.actor import Actor
from registry.domain.judge_model import JudgeModel
from registry.domain.trail import Step, trail
from registry.errors import (
    ModelUnknownError,
    PromptUnknownError,
    VersionUnknownError,
)
from registry.models import (
    Certificate,
    GatePolicy,
    MirrorAlarm,
    MirrorState,
    ModelAlarm,
    ModelVersion,
    OutboxMessage,
    Prompt,
    PromptVersion,
    SyncRun,
)
from registry.models.ledger import Tag, TagEvent


def prompt(name: str) -> Prompt:
    """The prompt called `name`. Raises PromptUnknownError."""
    found = Prompt.objects.filter(name=name).first()
    if found is None:
        raise PromptUnknownError.named(name)
    return found


def names_among(names: Sequence[str]) -> list[str]:
    """Those of `names` that prompts have, sorted."""
    found = Prompt.objects.filter(name__in=names)
    return list(found.order_by("name").values_list("name", flat=True))


def version(prompt: Prompt, number: int) -> PromptVersion:
    """One version. Raises VersionUnknownError naming those that exist."""
    found = prompt.versions.select_related("prompt").filter(number=number).first()
    if found is None:
        numbers = prompt.versions.values_list("number", flat=True)
        raise VersionUnknownError.among(prompt.name, number, numbers)
    return found


def current_model(name: str) -> ModelVersion:
    """The pin `name` stands for now. Raises ModelUnknownError naming those that exist."""
    found = ModelVersion.objects.filter(name=name, is_current=True).first()
    if found is None:
        names = ModelVersion.objects.filter(is_current=True).values_list("name", flat=True)
        known = ", ".join(names) or "none"
        raise ModelUnknownError(f"models.yaml has no {name!r}; it has {known}")
    return found


def policy_for(prompt: Prompt, tag: str) -> GatePolicy | None:
    """The policy that guards `tag` of this prompt; None when nothing does."""
    if tag == "stable" and prompt.gate:
        return GatePolicy.objects.filter(name=prompt.gate).first()
    return GatePolicy.objects.filter(tags__contains=[tag]).first()


def compared_tag(tag: str) -> str:
    """Whose live version a candidate for `tag` is compared with: a canary joins `stable`."""
    return "stable" if tag == "canary" else tag


def live_version(prompt: Prompt, tag: str) -> PromptVersion | None:
    """What the tag points at now; None when it was never set, or was cleared."""
    live = Tag.objects.filter(prompt=prompt, name=tag).select_related("event__version").first()
    return live.event.version if live else None


def live_entry(prompt: Prompt, tag: str) -> TagEvent | None:
    """The ledger entry the tag points at now; None when it was never set."""
    live = Tag.objects.filter(prompt=prompt, name=tag).select_related(
        "event__version", "event__model", "event__certificate"
    )
    found = live.first()
    return found.event if found else None


def tag_revision(prompt: Prompt, tag: str) -> int:
    """How often the tag was moved; 0 when never."""
    live = Tag.objects.filter(prompt=prompt, name=tag).first()
    return live.revision if live else 0


def changed_judges(judges: Sequence[JudgeModel]) -> tuple[str, ...]:
    """What became of models that judged, a sentence each; mostly nothing."""
    if not judges:
        return ()
    rows = ModelVersion.objects.filter(name__in=[judge.name for judge in judges])
    serves = {(row.name, row.digest): row.fingerprint for row in rows}
    return tuple(
        f"{judge.name}, which judged, serves something else since"
        if serves.get((judge.name, judge.digest))
        else f"{judge.name}, which judged, was not measured since its address changed"
        for judge in judges
        if serves.get((judge.name, judge.digest)) != judge.fingerprint
    )


def judging_models(judges: Sequence[JudgeModel]) -> list[ModelVersion]:
    """The pins that judged, as far as they are still known."""
    rows = ModelVersion.objects.filter(name__in=[judge.name for judge in judges])
    named = {(judge.name, judge.digest) for judge in judges}
    return [row for row in rows if (row.name, row.digest) in named]


def judges_that_do_not_hold(certificate: Certificate) -> tuple[str, ...]:
    """Why what the judges of a certificate said does not count any more, a sentence each."""
    evidence = certificate.evidence
    judges = tuple(JudgeModel(**one) for one in evidence.get("judge_models", ()))
    if not judges and evidence.get("judges"):
        return ("its judges were not measured then",)  # it was issued before they were
    return changed_judges(judges)


def evidence_of(event: TagEvent) -> TagEvent:
    """The entry whose evidence this one stands on: rollbacks stand on what they restore."""
    while event.kind == TagEvent.Kind.ROLLED_BACK and event.restores is not None:
        event = event.restores
    return event


def entry_to_restore(
    current: TagEvent, to_version: int | None, *, with_overrides: bool
) -> TagEvent | None:
    """The entry a rollback of `current` restores, or None.

    `with_overrides` also considers entries that stand on an override.
    """
    chain = TagEvent.objects.filter(
        prompt_id=current.prompt_id, tag=current.tag, sequence__lte=current.sequence
    )
    earlier = chain.filter(sequence__lt=current.sequence, version__isnull=False)
    if to_version is not None:
        found = earlier.filter(version__number=to_version).order_by("-sequence")
        candidates = [evidence_of(event) for event in found]
    else:
        rows = chain.order_by("sequence").values_list(
            "pk", "version_id", "model_id", "weight", "restores_id"
        )
        way = trail(
            Step(pk, (version, model, weight) if version else None, restores)
            for pk, version, model, weight, restores in rows
        )
        back = earlier.in_bulk(way[:-1])
        candidates = [back[pk] for pk in reversed(way[:-1]) if pk in back]
    return next(
        (e for e in candidates if with_overrides or e.kind != TagEvent.Kind.OVERRIDDEN), None
    )


def prompts() -> QuerySet[Prompt]:
    """Every prompt with its live tags, in the order of names."""
    tags = Tag.objects.select_related(
        "event__version", "event__model", "event__certificate", "event__restores__certificate"
    )
    return Prompt.objects.prefetch_related(Prefetch("tags", tags)).annotate(
        version_count=Count("versions"), latest_number=Max("versions__number")
    )


def visible_prompts(actor: Actor) -> QuerySet[Prompt]:
    """`prompts` within the actor's globs."""
    if not actor.prompts:
        return prompts()
    # fnmatch's translation is Python's dialect, so the names are matched here, not in SQL.
    names = actor.visible(Prompt.objects.values_list("name", flat=True))
    return prompts().filter(name__in=names)


def visible_names(actor: Actor) -> list[str]:
    """The names of all prompts within the actor's globs."""
    return actor.visible(Prompt.objects.order_by("name").values_list("name", flat=True))


def prompts_named(names: Sequence[str]) -> QuerySet[Prompt]:
    """`prompts` with these names."""
    return prompts().filter(name__in=names)


def versions(prompt: Prompt) -> QuerySet[PromptVersion]:
    """Published versions with their certificates, newest first."""
    return prompt.versions.prefetch_related("certificate_set__model_version").order_by("-number")


def tag_versions(prompt: Prompt) -> dict[str, int]:
    """The number of the version each live tag points at."""
    live = Tag.objects.filter(prompt=prompt, event__version__isnull=False).order_by("name")
    return dict(live.values_list("name", "event__version__number"))


def is_split(prompt: Prompt) -> bool:
    """Whether a canary takes some of the keys that ask for `stable`."""
    return Tag.objects.filter(
        prompt=prompt, name="canary", event__version__isnull=False, event__weight__gt=0
    ).exists()


def newest_number(prompt: Prompt) -> int:
    """The number of the newest version. Raises VersionUnknownError when there is none."""
    newest = prompt.versions.order_by("-number").values_list("number", flat=True).first()
    if newest is None:
        raise VersionUnknownError(f"{prompt.name} has no version yet")
    return newest


def models() -> QuerySet[ModelVersion]:
    """The pins of models.yaml as they are now."""
    return ModelVersion.objects.filter(is_current=True).order_by("name")


def history(prompt: Prompt, tag: str | None = None) -> QuerySet[TagEvent]:
    """The ledger of a prompt, newest first."""
    events = TagEvent.objects.filter(prompt=prompt).select_related(
        "prompt", "version", "model", "certificate", "previous__version", "restores", "release"
    )
    return events.filter(tag=tag) if tag else events


def ledger_entry(id_: int) -> TagEvent:
    """One entry, with what it names."""
    named = ("prompt", "version", "model", "certificate", "previous__version")
    return TagEvent.objects.select_related(*named).get(pk=id_)


def ledger(
    *, prompt: str = "", tag: str = "", kind: str = "", actor: str = ""
) -> QuerySet[TagEvent]:
    """The moves of all tags, newest first; only those that are wanted."""
    wanted = {"prompt__name": prompt, "tag": tag, "kind": kind, "actor": actor}
    return (
        TagEvent.objects.select_related(
            "prompt", "version", "model", "certificate", "previous__version", "restores"
        )
        .defer("version__content", "version__template", "certificate__evidence")
        .filter(**{field: value for field, value in wanted.items() if value})
    )


def live_on(model: ModelVersion) -> QuerySet[Tag]:
    """The tags that point at a version on this model."""
    live = Tag.objects.filter(event__model=model, event__version__isnull=False)
    return live.select_related("prompt", "event__version").order_by("prompt__name", "name")


def syncs() -> QuerySet[SyncRun]:
    """Attempts to follow the repository, newest first, with how many findings each has."""
    return SyncRun.objects.annotate(finding_count=Count("findings"))


def mirror() -> MirrorState | None:
    """The mirror's state; None before the first sync."""
    return MirrorState.objects.first()


def last_sync() -> SyncRun | None:
    """The last attempt to follow the repository."""
    return SyncRun.objects.prefetch_related("findings").first()


def open_alarms() -> QuerySet[MirrorAlarm]:
    """Alarms nobody resolved yet."""
    return MirrorAlarm.objects.filter(resolved_at=None)


def model_alarms() -> QuerySet[ModelAlarm]:
    """What rings about the models of models.yaml as they are now."""
    ringing = ModelAlarm.objects.filter(resolved_at=None, model__is_current=True)
    return ringing.select_related("model")


def ringing_alarm(model: ModelVersion) -> ModelAlarm | None:
    """The alarm that says that the model drifted; None when it did not, or is back."""
    return ModelAlarm.objects.filter(model=model, resolved_at=None).first()


def drifts_by_model() -> dict[str, int]:
    """How many alarms each model ever raised, those that stopped among them."""
    rows = ModelAlarm.objects.order_by().values_list("model__name").annotate(Count("pk"))
    return dict(rows)


def live_without_certificate(model: ModelVersion) -> QuerySet[Tag]:
    """Live tags on the model, and those whose version it judged, without a certificate that holds
    for what is served now.
    """
    here = Certificate.objects.filter(
        prompt_version=OuterRef("event__version"), model_version=OuterRef("event__model")
    )
    proven = here.filter(fingerprint=F("model_version__fingerprint"), expired_at=None)
    named = {"judge_models": [{"name": model.name, "digest": model.digest}]}
    judged = Exists(here.filter(evidence__contains=named))
    live = Tag.objects.filter(Q(event__model=model) | judged, event__version__isnull=False)
    return live.filter(~Exists(proven))


def recent_moves(count: int) -> QuerySet[TagEvent]:
    """The newest ledger entries of all prompts."""
    return TagEvent.objects.select_related(
        "prompt", "version", "model", "certificate", "previous__version"
    )[:count]


def tags_with_history() -> set[tuple[str, str]]:
    """`(prompt, tag)` of every tag that was ever set."""
    return set(TagEvent.objects.filter(sequence=1).values_list("prompt__name", "tag"))


def tags_by_evidence() -> dict[tuple[str, str], int]:
    """How many live tags of each name stand on which evidence: `proven` (a certificate that holds),
    `expired` (one that held), `overridden`, or `adopted`. Cleared tags are left out.
    """
    # What a rollback restores is where its evidence is; see `evidence_of`.
    proof = Coalesce("event__certificate", "event__restores__certificate")
    kind = Coalesce("event__restores__kind", "event__kind")
    holds = Q(proof__isnull=False, pk__in=_proven_tags())
    state = Case(
        When(holds, then=Value("proven")),
        When(proof__isnull=False, then=Value("expired")),
        default="kind",
        output_field=CharField(),
    )
    live = Tag.objects.filter(event__version__isnull=False).annotate(proof=proof, kind=kind)
    rows = live.annotate(state=state).values_list("name", "state").annotate(Count("pk"))
    return {(name, state): count for name, state, count in rows.order_by()}


def _proven_tags() -> QuerySet[Tag, int]:
    holds = Q(expired_at=None) & (Q(valid_until=None) | Q(valid_until__gt=Now()))
    certificates = Certificate.objects.filter(holds)
    own = Q(event__certificate__in=certificates)
    restored = Q(event__restores__certificate__in=certificates)
    return Tag.objects.filter(own | restored).values_list("pk", flat=True)


def moves_by_kind() -> dict[str, int]:
    """How many ledger entries there are of each kind."""
    rows = TagEvent.objects.order_by().values_list("kind").annotate(Count("pk"))
    return dict(rows)


def syncs_by_status() -> dict[str, int]:
    """How many attempts to follow the repository ended how."""
    return dict(SyncRun.objects.order_by().values_list("status").annotate(Count("pk")))


def undelivered_messages() -> int:
    """Facts that were not passed on yet."""
    return OutboxMessage.objects.filter(delivered_at=None).count()
