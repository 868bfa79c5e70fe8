"""The engine room: talks to model servers and measures what they serve. No Django."""
