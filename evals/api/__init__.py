"""Evaluation's REST resources: parse, authorise, call, answer."""
