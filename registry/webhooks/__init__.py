"""Signed messages to whoever was named in the settings (Standard Webhooks)."""

from __future__ import annotations

from registry.webhooks.delivering import send_message
from registry.webhooks.sending import Receiver

__all__ = ["Receiver", "send_message"]
