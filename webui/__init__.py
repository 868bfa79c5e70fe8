"""The dashboard: Django templates over services and queries."""
