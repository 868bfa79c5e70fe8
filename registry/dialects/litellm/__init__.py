"""LiteLLM's generic prompt management: for pinned versions, because it never asks again."""
