"""The composition root: settings, URLs, Celery, error mapping, embedded services. Imported by nobody."""
