"""The stream listener: what needs a connection that stays open, or a body that comes in pieces."""
