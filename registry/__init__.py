"""Prompts, versions, tags, certificates, promotion and the Git mirror."""
