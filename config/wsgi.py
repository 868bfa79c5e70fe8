"""The web listener's application."""

from __future__ import annotations

import os
import signal

from django.core.wsgi import get_wsgi_application

from config import celery
from config.embedded.processes import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# granian's workers outlive a killed main process otherwise, and keep the port.
die_with_parent(signal.SIGKILL)
application = get_wsgi_application()
# Work is sent through the current Celery application: this one, not a default on localhost.
celery.app.set_default()
