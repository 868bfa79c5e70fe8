"""Generated reference pages: `python -m config.docs` writes them, `--check` fails on a difference.

They are made from the code that runs, so they cannot say anything else than it does.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import django

from evals.domain.checks import Parameter

DOCS = Path(__file__).resolve().parent.parent / "docs" / "reference"


def openapi() -> str:
    """The REST API as OpenAPI 3 (YAML)."""
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.renderers import OpenApiYamlRenderer

    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    renderer = OpenApiYamlRenderer()
    rendered: bytes = renderer.render(schema, renderer_context={})  # type: ignore[no-untyped-call]
    return rendered.decode()


_CHECKS_INTRODUCTION = """\
A check judges one answer: it passes or fails, and has a score from 0 to 1 (1 or 0 where it does not
measure anything finer). A check that cannot be evaluated makes the case an error, never a pass.

A case passes when every check passes. With `threshold` in the suite, or in the case, it passes when
the mean of the scores, weighted by `weight`, reaches that; checks that are `critical` must pass
either way. Beside its own keys every check takes these:"""


def _parameters(parameters: Iterable[Parameter]) -> str:
    return "\n".join(
        f"* `{p.name}`{' (required)' if p.required else ''}: {p.description}" for p in parameters
    )


def checks() -> str:
    """Every check with its parameters, from the docstrings."""
    from evals.domain.checks import describe
    from evals.domain.checks.common_keys import COMMON

    parts = ["# Checks", _CHECKS_INTRODUCTION, _parameters(COMMON)]
    for check in describe():
        parts.append(f"## `{check.type}`\n\n{check.summary}")
        parts.append(_parameters(check.parameters))
    return "\n\n".join(part for part in parts if part) + "\n"


def command_line() -> str:
    """Every command's own help."""
    from assay.reference import markdown

    return markdown()


def imports() -> str:
    """What becomes of each part of other tools' suites, from importing examples."""
    from evals.importers.reference import page

    return page()


PAGES: dict[str, Callable[[], str]] = {
    "openapi.yaml": openapi,
    "checks.md": checks,
    "cli.md": command_line,
    "imports.md": imports,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them. Returns the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    drifted = 0
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            continue
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        if found != text:
            drifted += 1
            diff = difflib.unified_diff(
                found.splitlines(), text.splitlines(), str(path), "generated", lineterm="", n=1
            )
            sys.stderr.write("\n".join(list(diff)[:40]) + "\n")
    if drifted:
        sys.stderr.write(f"{drifted} generated page(s) differ; run: make docs\n")
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
