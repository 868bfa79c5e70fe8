"""Plain values as YAML that people can read and Assay reads back to the same values."""

from __future__ import annotations

import io
import json
from typing import Any

from ruamel.yaml import YAML

from evals.domain.json_values import same_json
from registry.domain.documents import load


def yaml_text(value: Any) -> str:
    """Block style; JSON, which is YAML too, for the rare value that would not come back equal."""
    writer = YAML()
    writer.width = 100
    writer.allow_unicode = True
    writer.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    writer.dump(value, stream)
    text = stream.getvalue()
    document = load(text, 1, 1_000_000)
    if document.problem is None and same_json(document.value, value):
        return text
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
