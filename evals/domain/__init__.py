"""Checks, statistics and the gate in plain Python: no Django, clock, network or environment."""
