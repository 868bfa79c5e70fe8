"""OpenTelemetry's traces as the SDKs export them: only which prompt a span used is read.

OTLP 1.x, ExportTraceServiceRequest as protobuf or JSON. The SDKs write the attributes
`langfuse.observation.prompt.name` and `.version` on the span of a generation.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard

from core.errors import InvalidError
from registry.domain.names import UNSTORABLE
from registry.outcomes import Use

#: Bytes as sent, and as they are when unpacked: a kilobyte can unpack to a megabyte.
MAX_BODY, MAX_UNPACKED = 4 * 1024 * 1024, 16 * 1024 * 1024
MAX_USES = 2_000
MAX_ID = 64
_NAME, _VERSION = "langfuse.observation.prompt.name", "langfuse.observation.prompt.version"
_GZIP = 31


class TraceTooLargeError(InvalidError):
    """The traces are larger than Assay reads."""

    code = "body_too_large"


class TraceInvalidError(InvalidError):
    """This is no ExportTraceServiceRequest."""

    code = "trace_invalid"


def unpacked(body: bytes, encoding: str) -> bytes:
    """The body without its Content-Encoding. Raises InvalidError kinds."""
    if not body or encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise TraceInvalidError(f"Content-Encoding {encoding[:40]!r} is not gzip")
    unpacker = zlib.decompressobj(_GZIP)
    try:
        found = unpacker.decompress(body, MAX_UNPACKED + 1)
    except zlib.error as error:
        raise TraceInvalidError(f"the body is not gzip: {error}") from error
    if len(found) > MAX_UNPACKED:
        raise TraceTooLargeError(f"the traces unpack to more than {MAX_UNPACKED:,} bytes")
    if not unpacker.eof:
        raise TraceInvalidError("the body ends before its gzip does")
    return found


def uses(body: bytes, content_type: str) -> list[Use]:
    """The spans that used a prompt. Raises TraceInvalidError."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return _limited(_from_json(body))
    if kind in {"application/x-protobuf", "application/protobuf"}:
        return _limited(_from_protobuf(body))
    raise TraceInvalidError(f"Content-Type {kind[:60]!r} is neither protobuf nor JSON")


def _limited(found: Iterable[Use]) -> list[Use]:
    return [use for use, _ in zip(found, range(MAX_USES), strict=False)]


def _from_protobuf(body: bytes) -> Iterator[Use]:
    # A tenth of a second of imports, for those who send traces.
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise TraceInvalidError("the body is not protobuf traces") from error
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                said: dict[str, Any] = {}
                for attribute in span.attributes:
                    if attribute.key in {_NAME, _VERSION}:
                        kind = attribute.value.WhichOneof("value")
                        said[attribute.key] = getattr(attribute.value, kind) if kind else None
                yield from _use(span.trace_id.hex(), span.span_id.hex(), said)


def _from_json(body: bytes) -> Iterator[Use]:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise TraceInvalidError("the body is not JSON") from error
    for resource in _objects(request, "resourceSpans"):
        for scope in _objects(resource, "scopeSpans"):
            for span in _objects(scope, "spans"):
                said = {
                    str(attribute["key"]): _plain(attribute.get("value"))
                    for attribute in _objects(span, "attributes")
                    if attribute.get("key") in (_NAME, _VERSION)
                }
                yield from _use(span.get("traceId"), span.get("spanId"), said)


def _objects(parent: Any, name: str) -> Iterator[dict[str, Any]]:
    found = parent.get(name) if isinstance(parent, dict) else None
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict):
            yield one


def _plain(value: Any) -> Any:
    """An AnyValue in JSON: integers are strings there."""
    values = list(value.values()) if isinstance(value, dict) else []
    return values[0] if len(values) == 1 else None


def _use(trace: Any, span: Any, said: dict[str, Any]) -> Iterator[Use]:
    name, version = said.get(_NAME), said.get(_VERSION)
    digits = str(version) if isinstance(version, int | str) else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) < 7):
        return
    if isinstance(name, str) and is_id(trace) and is_id(span) and not UNSTORABLE.search(name):
        yield Use(trace.lower(), span.lower(), name, int(digits))


def is_id(value: Any) -> TypeGuard[str]:
    """Whether this can name a trace or a span."""
    return isinstance(value, str) and 0 < len(value) <= MAX_ID and not UNSTORABLE.search(value)
