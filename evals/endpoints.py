"""Where a pinned model answers, from its pin and the server's own settings."""

from __future__ import annotations

from django.conf import settings

from core.errors import UnavailableError
from registry.domain.model_pin import ModelPin
from serving.client import Endpoint


class EndpointUnknownError(UnavailableError):
    """Nobody has said where this model answers."""

    code = "endpoint_unknown"


def endpoint_of(pin: ModelPin) -> Endpoint:
    """The endpoint of a pin. Raises EndpointUnknownError and EndpointInvalidError.

    The key goes only with the address it belongs to: a `base_url` written in the repository gets
    none, or whoever writes there could have it sent to a server of their own.
    """
    base_url, key = pin.base_url, None
    if settings.EVERY_MODEL_URL:
        base_url, key = settings.EVERY_MODEL_URL, settings.EVERY_MODEL_KEY
    elif pin.base_url_env:
        base_url = settings.MODEL_ENDPOINTS.get(pin.base_url_env, "")
        key = settings.MODEL_KEYS.get(f"{pin.base_url_env.removesuffix('_URL')}_KEY")
    if not base_url:
        raise EndpointUnknownError(
            f"there is no address for the model {pin.name}",
            hint=f"set {pin.base_url_env}" if pin.base_url_env else "give it a base_url",
        )
    return Endpoint(
        base_url=base_url,
        served_id=pin.served_id,
        api_key=key or None,
        concurrency=pin.concurrency,
        timeout_seconds=pin.timeout_seconds,
    )
