"""Errors and value types shared by every storey. No Django, and nothing else without an ADR."""
