"""Where the installation keeps what is its own, and whether it may start on defaults."""

from __future__ import annotations

from pathlib import Path

from config import env

DATA_DIR = Path(env.text("ASSAY_DATA", ".assay")).expanduser().resolve()
PRODUCTION = env.choice("ASSAY_ENV", "local", ("local", "production")) == "production"
