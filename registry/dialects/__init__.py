"""Other registries' interfaces, so that the clients people have work unchanged.

Each parses, asks `registry.lookup` and `registry.queries`, and shapes the answer. None writes
prompts; Langfuse's moves tags, through `registry.promotion`, and brings scores.
"""
