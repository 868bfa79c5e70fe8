"""Entries of models.yaml for models that other tools name. They are never pinned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from evals.importers.names import slug
from evals.importers.vocabulary import Check
from registry.domain.fields import Fields
from registry.domain.model_pin import parse_models
from registry.domain.parameters import KEYS, read_parameters
from registry.domain.positions import Document
from registry.domain.source import Source

UNPINNED = "it has no `revision`: fill in which weights are served before a certificate is wanted"


def entry(served_id: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """(name, entry) for a model; its address comes from the environment unless `base_url` is given.

    `more` are other keys of models.yaml; those that are None are left out.
    """
    name = slug(served_id.rsplit("/", 1)[-1], "model")
    body: dict[str, Any] = {"served_id": served_id}
    body |= {key: value for key, value in more.items() if value is not None}
    if "base_url" not in body:
        body["base_url_env"] = url_variable(name)
    return name, body


def url_variable(name: str) -> str:
    """The environment variable that holds the address of the model called `name`."""
    return f"ASSAY_MODEL_{re.sub(r'[^A-Z0-9]+', '_', name.upper())}_URL"


def entry_problem(name: str, body: Mapping[str, Any]) -> str:
    """Why models.yaml could not hold the entry; empty when it can."""
    from evals.importers.yaml_text import yaml_text

    text = yaml_text({"models": {name: dict(body)}})
    _, findings = parse_models("models.yaml", text.encode())
    errors = [finding.message for finding in findings if finding.severity == "error"]
    return errors[0].rstrip(".") if errors else ""


def usable_parameters(given: Check) -> tuple[dict[str, Any], dict[str, str]]:
    """The sampling parameters that a prompt's front matter takes, and why others are not taken."""
    good: dict[str, Any] = {}
    bad: dict[str, str] = {}
    for key, value in given.items():
        if key not in KEYS:
            bad[key] = "prompts have no such parameter"
            continue
        source = Source("parameters")
        source.document = Document({key: value})
        read = read_parameters(Fields(source, (), {key: value}, KEYS))
        errors = [finding.message for finding in source.findings]
        if errors:
            bad[key] = errors[0].rstrip(".")
        else:
            good |= read
    return good, bad


def merged_models(existing: bytes, wanted: Mapping[str, Mapping[str, Any]]) -> bytes | None:
    """models.yaml with the entries it does not have yet at its end; None when that cannot be done.

    What is there stays as it is, comments included.
    """
    from evals.importers.yaml_text import yaml_text

    before, _ = parse_models("models.yaml", existing)
    new = {name: dict(body) for name, body in wanted.items() if name not in before}
    if not new:
        return existing
    block = "".join(f"  {line}\n" for line in yaml_text(new).splitlines())
    text = existing.decode(errors="replace").rstrip() + "\n" + block
    after, findings = parse_models("models.yaml", text.encode())
    broken = any(finding.severity == "error" for finding in findings)
    kept = all(after.get(name) == pin for name, pin in before.items())
    return text.encode() if kept and not broken and new.keys() <= after.keys() else None
