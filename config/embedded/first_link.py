"""Print the one-time admin link of an installation that has no user yet; nothing otherwise.

python -m config.embedded.first_link BASE_URL
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """A process of its own, so that the supervisor stays free of Django and the database."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from registry.access import first_admin_link

    sys.stdout.write(first_admin_link(sys.argv[1]) or "")


if __name__ == "__main__":
    main()
