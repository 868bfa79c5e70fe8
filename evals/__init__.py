"""Suites, checks, statistics, the gate and evaluation runs."""
