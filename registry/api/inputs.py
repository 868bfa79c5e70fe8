"""Parsing of request bodies: unknown keys are errors, so a misspelt option is not ignored."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from core.errors import InvalidError


class StrictSerializer(serializers.Serializer[Any]):
    """A body in which every key must be declared."""

    def to_internal_value(self, data: Any) -> Any:
        """The validated body. Raises ValidationError naming unknown keys."""
        if isinstance(data, dict):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                known = ", ".join(self.fields)
                raise serializers.ValidationError(
                    {key: [f"unknown key; the known ones are {known}"] for key in unknown}
                )
        return super().to_internal_value(data)


def parsed(serializer: type[StrictSerializer], request: Request) -> dict[str, Any]:
    """The request's body as validated by `serializer`. Raises ValidationError."""
    body = serializer(data=request.data)
    body.is_valid(raise_exception=True)
    valid: dict[str, Any] = body.validated_data
    return valid


def flag_parameter(request: Request, name: str) -> bool:
    """`true` or `false` from the query; False when absent. Raises InvalidError for anything else: a
    filter that is not understood must not look as if it found everything.
    """
    text = request.query_params.get(name, "false")
    if text not in ("true", "false"):
        raise InvalidError(f"{name}={text!r} is neither true nor false")
    return text == "true"
