"""Only registry/promotion/ writes the ledger's tables; only one package compiles templates."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("assay", "config", "core", "evals", "registry", "serving", "webui")
_LEDGER = {"Tag", "TagEvent", "Release"}
_WRITES = {
    "bulk_create",
    "bulk_update",
    "create",
    "delete",
    "get_or_create",
    "save",
    "update",
    "update_or_create",
}


def _modules() -> Iterator[tuple[Path, ast.Module]]:
    for package in _PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(_ROOT), ast.parse(path.read_text(encoding="utf-8"))


def _writes_ledger(tree: ast.Module) -> Iterator[int]:
    """Lines that call a writing method on an expression that starts with a ledger's table, or make
    a row of it.
    """
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in _LEDGER:
            yield node.lineno
        if isinstance(node.func, ast.Attribute) and node.func.attr in _WRITES:
            names = {n.id for n in ast.walk(node.func) if isinstance(n, ast.Name)}
            if names & _LEDGER:
                yield node.lineno


def _sql_on_ledger(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value.lower()
            if "registry_tag" in text and any(w in text for w in ("insert", "update", "delete")):
                yield node.lineno


def test_only_promotion_writes_the_ledger() -> None:
    writers = {
        str(path)
        for path, tree in _modules()
        if any(_writes_ledger(tree)) or any(_sql_on_ledger(tree))
    }
    own = ("adopting", "ledger", "recalling")
    assert writers == {f"registry/promotion/{name}.py" for name in own}


def test_only_the_template_package_compiles_templates() -> None:
    compilers = {
        str(path.parent)
        for path, tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom | ast.Import)
        and any(
            (getattr(node, "module", None) or alias.name).split(".")[0] == "jinja2"
            for alias in node.names
        )
    }
    assert compilers == {"registry/domain/template"}


@pytest.mark.parametrize(
    "source",
    [
        "Tag.objects.filter(x=1).update(event=2)",
        "TagEvent.objects.create(kind='promoted')",
        "Release(actor='me')",
    ],
)
def test_the_scan_sees_what_it_looks_for(source: str) -> None:
    assert list(_writes_ledger(ast.parse(source))) == [1]
