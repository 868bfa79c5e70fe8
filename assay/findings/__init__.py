"""Findings in the formats of those who show them: terminals, code hosts, CI systems."""
