"""What no deployment file may say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.deploy.files import DEPLOY

_FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
#: `host.example/name:tag` or `host:5000/name`: a registry. Hosts of example.org are nobody's.
_REGISTRY = re.compile(r"(?<![\w/.@-])(?:[a-z0-9-]+\.)+(?:io|com|net|dev|cloud)(?::\d+)?/[a-z]")
#: Names that Kubernetes and kustomize give to their own things.
_NAMES = re.compile(
    r"(kustomize\.config\.k8s|networking\.k8s|[\w.]*kubernetes)\.io/|nvidia\.com/gpu"
)


@pytest.mark.parametrize("path", _FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_no_registry_host_and_no_password_is_written_down(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert _REGISTRY.findall(_NAMES.sub("", text)) == []
    assert not re.search(r"-----BEGIN|assay_[A-Za-z0-9]{20,}|password:\s*[^{\s]", text)


def test_the_search_sees_what_it_looks_for() -> None:
    assert _REGISTRY.search("image: ghcr.io/someone/assay:1")
    assert _REGISTRY.search("image: registry.example.com:5000/assay")
    assert not _REGISTRY.search("image: valkey/valkey:9")
