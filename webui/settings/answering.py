"""What the pages of the settings share: a question before what cannot be undone."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def ask_first(
    request: HttpRequest, *, title: str, consequence: str, button: str, back: str
) -> HttpResponse:
    """A page that says what would happen. Its form posts to the address that was asked for.

    `back` is the name of the route that cancels.
    """
    context = {"heading": title, "consequence": consequence, "button": button, "back": back}
    return render(request, "webui/settings/ask_first.html", context)
