"""The web application without the fast path, to see what a snapshot adds to a process."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
