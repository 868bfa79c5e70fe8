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


_LINT_INTRODUCTION = """\
`assay lint` reads a prompt repository as the server does, and looks at what it reads by the rules
below. A finding names file, line and column, has a code, and is an `error` (exit code 1) or a
`warning`. [Checks in CI](../ci.md) says how to run it on a change.

A comment takes a finding back, for a reason:

```yaml
# assay: ignore=unpinned_model the weights are pinned by the cluster
```

`{# assay: ignore=… #}` in the text of a prompt and `<!-- assay: ignore=… -->` in Markdown do the
same. Mind that a comment in the text of a prompt is part of the version's digest; one in the front
matter is not. A comment holds for its own line; alone on its line, for the next line with something
else on it; at the very top (in front matter: right below `---`), for the whole file. Several ids
are joined by commas. Warnings can be taken back, and the errors of rules that say so; what the
server refuses stays an error. JSON and CSV have no comments. The server's own list after a sync
shows every finding.

`assay lint --fix` settles what it can without changing what a file means.
"""


def lint() -> str:
    """Every rule from its docstring, and the codes of the readers."""
    from evals.domain.lint.catalogue import READING
    from registry.domain.lint import describe, ignorable_errors

    soft = ignorable_errors()
    parts = ["# Lint", _LINT_INTRODUCTION.strip(), "## Rules"]
    for rule in describe():
        traits = [rule.severity, *(["`--fix`"] if rule.has_fix else [])]
        traits += [] if rule.id in soft else ["cannot be ignored"]
        parts.append(f"### `{rule.id}`\n\n*{', '.join(traits)}.* {rule.text}")
    parts.append("## What cannot be read")
    for heading, codes in READING.items():
        rows = "\n".join(f"| `{code}` | {meaning} |" for code, meaning in codes.items())
        parts.append(f"### {heading}\n\n| code | meaning |\n| --- | --- |\n{rows}")
    return "\n\n".join(parts) + "\n"


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
    "lint.md": lint,
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
