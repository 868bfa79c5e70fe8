"""The web listener's application."""

from __future__ import annotations

import os
import signal
from multiprocessing.util import Finalize

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from config import celery
from config.embedded.processes import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# granian's workers outlive a killed main process otherwise, and keep the port.
die_with_parent(signal.SIGKILL)
_django = get_wsgi_application()
# Work is sent through the current Celery application: this one, not a default on localhost.
celery.app.set_default()

# These import models, which need Django to be set up.
from config.fast_path import FastPath  # noqa: E402
from config.settling import settle  # noqa: E402
from registry import sync  # noqa: E402
from registry.lookup import Lookups  # noqa: E402

#: A worker accepts when this module is imported: it should know what is live by then. One that is
#: not ready in time, or has no database, starts all the same and lets Django answer.
_WARM_SECONDS = 10.0
_lookups = Lookups("web")
_lookups.start()
# While the database reads: the first request would wait for all the views, the first sync and the
# first bell for what they load.
_ = get_resolver().url_patterns
sync.prepare()
celery.app.connection_for_write().get_transport_cls()
_lookups.keeper.wait_until_warm(_WARM_SECONDS)
settle()
# Then the others know that it ended. A process that was forked runs no `atexit`.
Finalize(None, _lookups.stop, exitpriority=1)
application = FastPath(_django, _lookups)
