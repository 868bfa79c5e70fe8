"""The composition root: settings, URLs, Celery, embedded services. Imported by nobody."""
