"""The web listener's application."""

from __future__ import annotations

import os
import signal

from django.core.wsgi import get_wsgi_application

from config.embedded.processes import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
if os.environ.get("ASSAY_SUPERVISED"):
    # granian's workers outlive a killed main process otherwise, and keep the port.
    die_with_parent(signal.SIGKILL)

application = get_wsgi_application()
