"""The Langfuse API (prompts v2, scores, traces) for its own unmodified SDKs. See docs/langfuse.md.

The contract is what the SDKs do: `langfuse` for Python 2 to 5, `@langfuse/client`, and LiteLLM.
"""
