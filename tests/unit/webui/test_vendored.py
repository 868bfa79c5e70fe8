"""What others wrote is served as they published it (npm), each with its licence."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import webui

_FOLDER = Path(webui.__file__).parent / "static" / "webui" / "vendor"
#: htmx.org 2.0.11, 0BSD: dist/htmx.min.js. uplot 1.6.32, MIT: dist/uPlot.iife.min.js and .min.css.
_PUBLISHED = {
    "htmx-2.0.11.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    "htmx-LICENSE.txt": "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38",
    "uplot-1.6.32.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uplot-1.6.32.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uplot-LICENSE.txt": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}


def test_what_others_wrote_is_as_they_published_it() -> None:
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in _FOLDER.iterdir()}
    assert found == _PUBLISHED
