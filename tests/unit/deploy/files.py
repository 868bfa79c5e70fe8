"""Where the deployment files lie, and the environment variables that the settings read."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"


def settings_variables() -> set[str]:
    """Names that config/settings reads; secrets also as `<name>_FILE`."""
    parts = sorted((ROOT / "config" / "settings").glob("*.py"))
    text = "".join(part.read_text(encoding="utf-8") for part in parts)
    secrets = set(re.findall(r'env\.secret\(\s*"(\w+)"', text))
    plain = set(re.findall(r'env\.\w+\(\s*"(\w+)"', text))
    return plain | {f"{name}_FILE" for name in secrets}
