"""Batches and bundles as the fast path reads them. Whatever is unusual is for Django to judge."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any, NamedTuple

from django.conf import settings

from registry.domain.canary_arm import LONGEST_KEY
from registry.domain.names import MAX_VERSION, is_name
from registry.lookup import STABLE, Item

_BATCH, _BUNDLE = "/api/v1/prompts:batch", "/api/v1/bundle"
_FIELDS = frozenset({"name", "tag", "version", "key", "if_none_match"})
_LONGEST_ETAGS = 200


class BundleAsk(NamedTuple):
    """Which bundle, and which the caller has."""

    tag: str
    if_none_match: str


def asked(environ: dict[str, Any]) -> BundleAsk | list[Item] | None:
    """The batch or bundle that a request asks for; None when it is neither, or unusual."""
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    if path == _BATCH and method == "POST":
        return _items(environ)
    if path != _BUNDLE or method != "GET":
        return None
    query: str = environ.get("QUERY_STRING", "")
    name, _, tag = query.partition("=")
    if query and (name != "tag" or not is_name(tag)):
        return None
    return BundleAsk(tag or STABLE, environ.get("HTTP_IF_NONE_MATCH", ""))


def plain_json(environ: dict[str, Any]) -> Any:
    """The value of a JSON body; None for one that is unusual in any way, `null` included."""
    length: str = environ.get("CONTENT_LENGTH", "")
    is_plain = environ.get("CONTENT_TYPE", "") == "application/json" and length.isdigit()
    if not is_plain or int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return None
    body = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = BytesIO(body)  # for Django, should it have to answer
    # An escape may hide half a character or a NUL, which Django refuses.
    if b"\\" in body.replace(b'\\"', b""):
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _items(environ: dict[str, Any]) -> list[Item] | None:
    given = plain_json(environ)
    if type(given) is not dict or set(given) != {"items"} or type(given["items"]) is not list:
        return None
    items = [_item(one) for one in given["items"]]
    return [one for one in items if one] if all(items) else None


def _item(given: Any) -> Item | None:
    if type(given) is not dict or not _FIELDS.issuperset(given):
        return None
    name, tag, key = given.get("name"), given.get("tag", ""), given.get("key", "")
    etag, version = given.get("if_none_match", ""), given.get("version")
    if type(name) is not str or not all(type(text) is str for text in (tag, key, etag)):
        return None
    if version is not None and not (type(version) is int and 0 < version <= MAX_VERSION):
        return None
    # A name that a prompt cannot have is not found here, and so left to Django as well.
    if (tag and not is_name(tag)) or len(key) > LONGEST_KEY or len(etag) > _LONGEST_ETAGS:
        return None
    if etag != etag.strip():
        return None
    return Item(name, version or tag or STABLE, key, etag)
