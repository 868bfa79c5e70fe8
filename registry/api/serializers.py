"""The shapes of the registry's bodies: what comes in is checked, what goes out is documented."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from registry import lookup, promotion
from registry.api.inputs import StrictSerializer
from registry.domain.canary_arm import LONGEST_KEY
from registry.domain.names import MAX_PROMPT_NAME, MAX_VERSION
from registry.models import (
    Certificate,
    Prompt,
    PromptVersion,
)
from registry.models.ledger import TagEvent


class ModelNameField(serializers.CharField):
    """A model's name; absent or null means the prompt's default model."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_null=True, default=None, max_length=100, **kwargs)


class ExpectedRevisionField(serializers.IntegerField):
    """The revision the tag must still have (0: never set); absent means any."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_null=True, default=None, min_value=0, **kwargs)


class ReasonField(serializers.CharField):
    """Why, for the ledger."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            **{"required": False, "default": "", "allow_blank": True, "max_length": 2000, **kwargs}
        )


class TargetIn(StrictSerializer):
    """Where a tag should point."""

    tag = serializers.CharField(default="stable", max_length=100)
    version = serializers.IntegerField(min_value=1)
    model = ModelNameField()
    weight = serializers.IntegerField(required=False, allow_null=True, default=None)
    expected_revision = ExpectedRevisionField()


class PromotionIn(TargetIn):
    """Body of a promotion."""

    reason = ReasonField()


class OverrideIn(TargetIn):
    """Body of an override: a promotion whose reason is not optional."""

    reason = serializers.CharField(max_length=2000)


class CanaryIn(StrictSerializer):
    """Body of setting the canary."""

    version = serializers.IntegerField(min_value=1)
    weight = serializers.IntegerField(min_value=0, max_value=100)
    model = ModelNameField()
    reason = ReasonField()
    expected_revision = ExpectedRevisionField()


class CanaryClearIn(StrictSerializer):
    """Body of clearing the canary."""

    reason = ReasonField()
    expected_revision = ExpectedRevisionField()


class RollbackIn(StrictSerializer):
    """Body of a rollback."""

    tag = serializers.CharField(default="stable", max_length=100)
    to_version = serializers.IntegerField(
        min_value=1, required=False, allow_null=True, default=None
    )
    reason = ReasonField()
    expected_revision = ExpectedRevisionField()


class ReleaseTargetIn(TargetIn):
    """One tag of a release."""

    prompt = serializers.CharField(max_length=200)


class ReleaseIn(StrictSerializer):
    """Body of a release."""

    targets = ReleaseTargetIn(
        many=True,
        allow_empty=False,
        max_length=200,  # type: ignore[call-arg]
    )
    reason = ReasonField()


class BatchItemIn(StrictSerializer):
    """One lookup of a batch: a prompt, and a tag (default `stable`) or a version."""

    name = serializers.CharField(max_length=MAX_PROMPT_NAME)
    tag = serializers.CharField(default="", max_length=100, allow_blank=True)
    version = serializers.IntegerField(
        min_value=1, max_value=MAX_VERSION, required=False, allow_null=True, default=None
    )
    key = serializers.CharField(
        default="", max_length=LONGEST_KEY, allow_blank=True, trim_whitespace=False
    )
    if_none_match = serializers.CharField(default="", max_length=200, allow_blank=True)


class BatchIn(StrictSerializer):
    """Body of a batch of lookups."""

    items = BatchItemIn(
        many=True,
        allow_empty=False,
        max_length=lookup.MOST_ITEMS,  # type: ignore[call-arg]
    )


class RenderIn(StrictSerializer):
    """Body of a rendering."""

    version = serializers.IntegerField(min_value=1, required=False, allow_null=True, default=None)
    tag = serializers.CharField(default="stable", max_length=100)
    variables = serializers.DictField(default=dict)
    placeholders = serializers.DictField(default=dict)


class NothingIn(StrictSerializer):
    """An empty body."""


class PreviousOut(serializers.Serializer[TagEvent]):
    """Where a tag pointed before."""

    event = serializers.IntegerField(source="id")
    version = serializers.IntegerField(source="version.number", default=None)
    model = serializers.CharField(source="model.name", default=None)


class EventOut(serializers.Serializer[TagEvent]):
    """One ledger entry."""

    event = serializers.IntegerField(source="id")
    prompt = serializers.CharField(source="prompt.name")
    tag = serializers.CharField()
    kind = serializers.CharField()
    version = serializers.IntegerField(source="version.number", default=None, allow_null=True)
    model = serializers.CharField(source="model.name", default=None, allow_null=True)
    weight = serializers.IntegerField(allow_null=True)
    revision = serializers.IntegerField(source="sequence")
    registry_revision = serializers.IntegerField()
    actor = serializers.CharField()
    role = serializers.CharField()
    reason = serializers.CharField()
    certificate = serializers.CharField(source="certificate.digest", default=None, allow_null=True)
    restores = serializers.IntegerField(source="restores_id", allow_null=True)
    commit = serializers.CharField()
    release = serializers.IntegerField(source="release_id", allow_null=True)
    previous = PreviousOut(allow_null=True)
    at = serializers.DateTimeField(source="created_at")


class MoveOut(serializers.Serializer[promotion.TagMove]):
    """A ledger entry just made, with what a person should know about it."""

    def to_representation(self, instance: promotion.TagMove) -> dict[str, Any]:
        """The event's fields and the warnings."""
        return {**EventOut(instance.event).data, "warnings": list(instance.warnings)}


class PointerOut(serializers.Serializer[TagEvent]):
    """Where a tag points."""

    version = serializers.IntegerField(source="version.number", default=None, allow_null=True)
    model = serializers.CharField(source="model.name", default=None, allow_null=True)
    revision = serializers.IntegerField(source="sequence")
    weight = serializers.IntegerField(allow_null=True)
    kind = serializers.CharField()
    proven = serializers.SerializerMethodField()
    since = serializers.DateTimeField(source="created_at")
    actor = serializers.CharField()

    def get_proven(self, event: TagEvent) -> bool:
        """Whether a certificate stands behind it."""
        return lookup.is_proven(event)


def pointers(prompt: Prompt) -> dict[str, Any]:
    """Every tag of a prompt by name. One that was cleared stays, with its revision and no version:
    who sets it again has to say which revision they have seen.
    """
    return {tag.name: PointerOut(tag.event).data for tag in prompt.tags.all()}


class PromptOut(serializers.Serializer[Prompt]):
    """A prompt in a list."""

    name = serializers.CharField()
    description = serializers.CharField()
    owners = serializers.ListField(child=serializers.CharField())
    tags = serializers.SerializerMethodField()
    versions = serializers.IntegerField(source="version_count")
    latest = serializers.IntegerField(source="latest_number", allow_null=True)
    orphaned = serializers.BooleanField()

    def get_tags(self, prompt: Prompt) -> dict[str, Any]:
        """Pointers by tag."""
        return pointers(prompt)


class CertificateOut(serializers.Serializer[Certificate]):
    """A certificate in a list of versions."""

    digest = serializers.CharField()
    model = serializers.CharField(source="model_version.name")
    policy = serializers.CharField()
    issued_at = serializers.DateTimeField()
    valid_until = serializers.DateTimeField(allow_null=True)
    expired_at = serializers.DateTimeField(allow_null=True)
    expired_reason = serializers.CharField()
    run = serializers.UUIDField()


class VersionOut(serializers.Serializer[PromptVersion]):
    """A published version."""

    version = serializers.IntegerField(source="number")
    digest = serializers.CharField()
    commit = serializers.CharField()
    path = serializers.CharField()
    type = serializers.CharField(source="content.type")
    description = serializers.CharField(source="content.description")
    variables = serializers.JSONField(source="content.variables")
    published_at = serializers.DateTimeField()
    certificates = CertificateOut(many=True, source="certificate_set")


class TagsOut(serializers.Serializer[Prompt]):
    """A prompt's tags and versions."""

    def to_representation(self, instance: Prompt) -> dict[str, Any]:
        """Pointers by tag, and the version numbers there are."""
        numbers = instance.versions.order_by("number").values_list("number", flat=True)
        return {"name": instance.name, "tags": pointers(instance), "versions": list(numbers)}
