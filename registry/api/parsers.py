"""Reading JSON bodies from strangers: bounded, UTF-8, and nothing that cannot be stored."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from rest_framework import exceptions, parsers, renderers, status

# An escape that is half a character; only with one can a body hold what UTF-8 cannot.
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


class BodyTooLargeError(exceptions.APIException):
    """The body is larger than Assay reads."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"


class JsonParser(parsers.BaseParser):
    """JSON as RFC 8259 wants it between systems.

    DRF's own parser reads any amount, and decodes with whatever codec the request names, `zlib`
    included.
    """

    media_type = "application/json"
    renderer_class = renderers.JSONRenderer

    def parse(
        self,
        stream: IO[bytes],
        _media_type: str | None = None,
        _parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The body's value. Raises ParseError, BodyTooLargeError."""
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLargeError(f"the body is larger than {limit:,} bytes")
        try:
            text = body.decode("utf-8")
            value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
            if _HALF_CHARACTER.search(text):
                json.dumps(value, ensure_ascii=False).encode()
        except UnicodeError as error:
            raise exceptions.ParseError("the body is not UTF-8") from error
        except RecursionError as error:
            raise exceptions.ParseError("the body is nested too deeply") from error
        except ValueError as error:
            raise exceptions.ParseError(f"the body is not JSON: {error}") from error
        return value


def _finite(text: str) -> float:
    """`1e999` is good JSON, but Python makes infinity of it, which no JSON can say again."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is a larger number than Assay reads")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")
