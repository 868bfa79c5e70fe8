"""The `assay` command and the Python client. HTTP only; Django is never imported here."""
