"""Exports of OpenAI's hosted Evals API: evals, their runs and the items of those."""
