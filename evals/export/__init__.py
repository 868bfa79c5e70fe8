"""Finished runs for Langfuse: read here, sent by a process of their own."""
