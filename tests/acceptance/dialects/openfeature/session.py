"""Evaluates the flags that lines of stdin name, through OpenFeature and its OFREP provider."""

from __future__ import annotations

import json
import sys
from typing import Any

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

URL = sys.argv[1]
#: Read at every request.
headers: dict[str, str] = {}


def evaluated(given: dict[str, Any]) -> dict[str, Any]:
    headers.clear()
    headers.update(given["headers"])
    context = EvaluationContext(given.get("key"), given.get("attributes", {}))
    found = api.get_client().get_object_details(given["flag"], {"is": "default"}, context)
    return {
        "value": found.value,
        "variant": found.variant,
        "reason": found.reason,
        "metadata": dict(found.flag_metadata),
        "error": found.error_code,
        "message": found.error_message,
    }


api.set_provider(OFREPProvider(URL, headers_factory=lambda: headers))
for line in sys.stdin:
    print(json.dumps(evaluated(json.loads(line))), flush=True)
