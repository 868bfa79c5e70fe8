"""Model parameters a version may set, in one normal form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.domain.fields import Fields

KEYS = ("temperature", "top_p", "max_tokens", "stop", "seed", "response_format")
_FORMATS = ("text", "json_object", "json_schema")
MAX_STOPS = 16


def read_parameters(fields: Fields) -> Mapping[str, Any]:
    """The `parameters` mapping of a front matter; what is not given is left out.

    Numbers are normalised (`temperature: 0` and `0.0` are the same content) and `stop` is a list.
    """
    read: dict[str, Any] = {}
    if "temperature" in fields:
        read["temperature"] = fields.number("temperature", 0.0, 0, 2)
    if "top_p" in fields:
        read["top_p"] = fields.number("top_p", 1.0, 0.0001, 1)
    if "max_tokens" in fields:
        read["max_tokens"] = fields.integer("max_tokens", 1, 1, 1_000_000)
    if "seed" in fields:
        read["seed"] = fields.integer("seed", 0, -(2**63), 2**63 - 1)
    if "stop" in fields:
        read["stop"] = _stop(fields)
    if "response_format" in fields:
        read["response_format"] = _response_format(fields)
    return read


def _stop(fields: Fields) -> list[str]:
    given = fields.values["stop"]
    stops = given if isinstance(given, list) else [given]
    if not all(isinstance(stop, str) and 0 < len(stop) <= 200 for stop in stops):
        fields.wrong("stop", "wrong_type", "`stop` is a string, or a list of non-empty strings.")
    elif not 1 <= len(stops) <= MAX_STOPS:
        fields.wrong("stop", "bad_value", f"`stop` holds 1 to {MAX_STOPS} strings.")
    return list(stops)


def _response_format(fields: Fields) -> dict[str, Any]:
    form = fields.mapping("response_format", ("type", "json_schema"))
    kind = form.text("type", is_required=True)
    if kind and kind not in _FORMATS:
        form.wrong("type", "bad_value", f"`type` is one of {', '.join(_FORMATS)}.")
    if kind != "json_schema":
        if "json_schema" in form:
            form.wrong("json_schema", "bad_value", "`json_schema` needs `type: json_schema`.")
        return {"type": kind}
    if "json_schema" not in form:
        form.source.report(form.at, "missing_key", "`json_schema` is missing.")
    return {"type": kind, "json_schema": _answer_schema(form)}


def _answer_schema(form: Fields) -> dict[str, Any]:
    schema = form.mapping("json_schema", ("name", "description", "schema", "strict"))
    read: dict[str, Any] = {"name": schema.text("name", is_required="json_schema" in form)}
    if "description" in schema:
        read["description"] = schema.text("description")
    if "strict" in schema:
        read["strict"] = schema.boolean("strict", default=False)
    read["schema"] = dict(schema.mapping("schema", None).values)
    if not read["schema"] and "json_schema" in form:
        schema.source.report(schema.at, "missing_key", "`schema` is missing.")
    return read
