"""The stream listener's application."""

from __future__ import annotations

import os
import resource
import signal

import django

from config.embedded.processes import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# granian's workers outlive a killed main process otherwise, and keep the port.
die_with_parent(signal.SIGKILL)
# Each client is an open file, and the usual limit is a thousand.
_most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (_most, _most))
django.setup()

# These import models, which need Django to be set up.
from config.settling import settle  # noqa: E402
from config.stream.application import Application  # noqa: E402

application = Application()
settle()
