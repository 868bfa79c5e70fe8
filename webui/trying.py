"""Trying a version on a model from its page: streamed to a script, whole without one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render

from core.errors import AssayError
from evals.trying import TryInvalidError, tried
from registry import queries
from registry.domain.actor import Scope
from registry.domain.version import VersionContent
from registry.models import PromptVersion
from serving.client import ChatResponse
from webui.people import actor_of, page
from webui.previewing import messages_of, rendered
from webui.versions import version_context, version_for

#: The script asks with it, and reads lines of JSON: {"text"}, then {"note"} or {"error"}.
_STREAM_HEADER = "X-Assay-Stream"
_LINES = "application/x-ndjson"


@dataclass(slots=True)
class Answer:
    """What came of a try: the text so far, what it took, and why it ended early."""

    text: str = ""
    note: str = ""
    error: AssayError | None = None


@page("POST", scope=Scope.EVALUATE)
def try_version(
    request: HttpRequest, name: str, number: int
) -> HttpResponse | StreamingHttpResponse:
    """Ask a model with what was typed in. GET leads to the form."""
    if request.method != "POST":
        return redirect("page-version", number=number, name=name)
    row = version_for(request, name, number)
    content = VersionContent.from_json(row.content)
    if request.headers.get(_STREAM_HEADER):
        return _streamed(_lines(request, row, content))
    preview, problem, answer = None, None, Answer()
    try:
        preview = rendered(row, content, request.POST)
    except AssayError as error:
        problem = error
    if preview:
        _read(_said(request, row, preview.messages), answer)
    context = version_context(request, row, content)
    context |= {"rendered": preview, "problem": problem, "answer": answer}
    return render(request, "webui/version.html", context)


def _said(
    request: HttpRequest, row: PromptVersion, messages: Sequence[Mapping[str, str]]
) -> Iterator[str | ChatResponse]:
    """Nothing happens before the first step, and then the errors of `tried`."""
    yield from tried(
        version=row,
        messages=messages,
        model=queries.current_model(request.POST.get("model") or row.prompt.default_model),
        max_tokens=_count(request.POST.get("max_tokens", "")),
        actor=actor_of(request),
    )


def _read(said: Iterator[str | ChatResponse], answer: Answer) -> None:
    """To the end, or until it breaks; what had come by then stays."""
    try:
        for piece in said:
            if isinstance(piece, ChatResponse):
                # Whole, as two pieces may hold one character between them.
                answer.text, answer.note = piece.text, _note(piece)
            else:
                answer.text += piece
    except AssayError as error:
        answer.error = error


def _lines(request: HttpRequest, row: PromptVersion, content: VersionContent) -> Iterator[str]:
    try:
        for piece in _said(request, row, messages_of(row, content, request.POST)):
            if isinstance(piece, ChatResponse):
                yield _line(note=_note(piece))
            else:
                yield _line(text=piece)
    except AssayError as error:
        yield _line(error=error.message, hint=error.hint)


def _line(**told: str) -> str:
    return json.dumps(told) + "\n"


def _streamed(lines: Iterator[str]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type=_LINES)
    # nginx would collect an answer before it passes it on.
    response["X-Accel-Buffering"] = "no"
    return response


def _note(whole: ChatResponse) -> str:
    """What it took, in a sentence."""
    first = f", the first after {whole.ttft_ms:,.0f} ms" if whole.ttft_ms is not None else ""
    cached = (
        f", {whole.cached_tokens:,} of them from its prefix cache" if whole.cached_tokens else ""
    )
    end = (
        "It ended by itself."
        if whole.finish_reason == "stop"
        else (f"It ended by {whole.finish_reason}.")
    )
    return (
        f"{whole.prompt_tokens:,} tokens read{cached}, {whole.completion_tokens:,} written in "
        f"{whole.total_ms:,.0f} ms{first}. {end}"
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise TryInvalidError(f"max_tokens={text[:40]!r} is not a whole number")
    return int(text)
