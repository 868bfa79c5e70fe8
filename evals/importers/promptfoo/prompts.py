"""promptfoo's prompts as versions: inline, from files, text or chat."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from evals.importers import nunjucks
from evals.importers.chat import ChatError, chat_body, messages_of
from evals.importers.drafts import PromptDraft
from evals.importers.errors import ImportRefusedError, UnreadableError
from evals.importers.loading import read_csv, read_jsonl
from evals.importers.nodes import Node
from evals.importers.promptfoo.context import BY_HAND, FILE, Context, is_code, is_elsewhere

_PATH_LIKE = re.compile(r"[\w./*{},\[\]?~-]+\.(?:txt|json|jsonl|ya?ml|md|j2|njk|csv)")
_SEPARATOR = re.compile(r"^---$", re.MULTILINE)
_EXECUTED = "it is a program, and programs of a source are never run"
_WRITE = "write the prompt as a template"


class PromptReader:
    """Reads whatever `prompts` may hold."""

    def __init__(self, context: Context, renamed: Mapping[str, str]) -> None:
        self.context = context
        self.report = context.fidelity
        self.renamed = renamed

    def prompts(self, node: Node) -> Iterator[PromptDraft]:
        """All prompts; what cannot be read or converted is reported."""
        if isinstance(node.value, str):
            yield from self._string(node, node.value, "")
        elif isinstance(node.value, list):
            for item in node.elements():
                yield from self._item(item)
        elif isinstance(node.value, dict):
            for path, label in node.entries():
                yield from self._string(label, path, str(label.value))

    def _item(self, node: Node) -> Iterator[PromptDraft]:
        if isinstance(node.value, str):
            yield from self._string(node, node.value, "")
            return
        if not isinstance(node.value, dict):
            self.report.unmapped(node, "prompt", str(node.value), "this is not a prompt")
            return
        for key, child in node.entries():
            if key not in {"id", "label", "raw", "display", "prefix", "suffix"}:
                reason = "a prompt's own settings are not read"
                self.report.unmapped(child, "prompt key", key, reason)
        raw = node.get("raw") or node.get("id")
        label = node.text("label") or node.text("id")
        if raw is None or not isinstance(raw.value, str):
            if raw is not None and isinstance(raw.value, list):
                yield from self._value(raw, raw.value, label)
                return
            self.report.unmapped(node, "prompt", label or "prompt", "it has no text")
            return
        around = tuple(node.text(key) for key in ("prefix", "suffix"))
        if any(around):
            yield from self._string(raw, f"{around[0]}{raw.value}{around[1]}", label)
        else:
            yield from self._string(raw, raw.value, label)

    def _string(self, node: Node, text: str, label: str) -> Iterator[PromptDraft]:
        is_reference = text.startswith(FILE) or (
            "\n" not in text and (_PATH_LIKE.fullmatch(text.strip()) or is_code(text))
        )
        if is_elsewhere(text):
            reason = "it is kept somewhere else, and an import uses no network"
            self.report.unmapped(node, "prompt", text, reason, _WRITE)
        elif not is_reference:
            yield from self._text(node, text, label or text)
        elif is_code(text):
            self.report.unmapped(node, "prompt", text, _EXECUTED, BY_HAND)
        else:
            yield from self._reference(node, text, label)

    def _reference(self, node: Node, text: str, label: str) -> Iterator[PromptDraft]:
        try:
            paths = self.context.paths(text.strip(), node.file)
        except UnreadableError as error:
            self.context.unreadable(node, "prompt", text, error)
            return
        for path in paths:
            try:
                yield from self._file(path, label)
            except (UnreadableError, ImportRefusedError) as error:
                reason = error.reason if isinstance(error, UnreadableError) else error.message
                self.report.unmapped(node, "prompt", path, reason)

    def _file(self, path: str, label: str) -> Iterator[PromptDraft]:
        name = label or path
        extension = posixpath.splitext(path)[1].lower()
        place = Node(None, path, (), {(): 1})
        if is_code(path):
            self.report.unmapped(place, "prompt", path, _EXECUTED, BY_HAND)
        elif extension == ".csv":
            _, rows = read_csv(path, self.context.folder.read(path))
            for row in rows:
                yield from self._row(row.node, row.problem, name)
        elif extension == ".jsonl":
            for line in read_jsonl(path, self.context.folder.read(path)):
                yield from self._row(line.node, line.problem, name)
        elif extension in {".yaml", ".yml"}:
            document = self.context.document(path)
            yield from self._value(document, document.value, name)
        else:
            yield from self._pieces(path, name, place)

    def _pieces(self, path: str, name: str, place: Node) -> Iterator[PromptDraft]:
        text = self.context.text(path)
        is_whole = path.endswith((".json", ".md", ".j2", ".njk"))
        pieces = [text] if is_whole else _SEPARATOR.split(text)
        line = 1
        for number, piece in enumerate(pieces, 1):
            where = Node(piece, place.file, (), {(): line})
            line += piece.count("\n")
            if piece.strip():
                label = name if len(pieces) == 1 else f"{name} ({number})"
                yield from self._text(where, piece.strip(), label)

    def _row(self, node: Node, problem: str, name: str) -> Iterator[PromptDraft]:
        if problem:
            self.report.unmapped(node, "prompt", name, problem)
        elif isinstance(node.value, dict) and isinstance(node.value.get("prompt"), str):
            yield from self._text(node, node.value["prompt"], str(node.value.get("label") or name))
        else:
            yield from self._value(node, node.value, name)

    def _value(self, node: Node, value: Any, label: str) -> Iterator[PromptDraft]:
        if isinstance(value, str):
            yield from self._text(node, value, label)
            return
        try:
            yield self._chat(node, value, label)
        except ChatError as error:
            self.report.unmapped(node, "prompt", label, str(error), _WRITE)

    def _text(self, node: Node, text: str, label: str) -> Iterator[PromptDraft]:
        try:
            messages = messages_of(text)
            if messages is not None:
                yield self._chat(node, messages, label)
                return
        except ChatError as error:
            self.report.unmapped(node, "prompt", label, str(error), _WRITE)
            return
        converted = nunjucks.convert(text, self.renamed)
        if converted.problem:
            self.report.unmapped(node, "prompt", label, converted.problem, _WRITE)
            return
        yield PromptDraft(
            node, label, False, converted.text, converted.names, converted.printed,
            converted.differences,
        )  # fmt: skip

    def _chat(self, node: Node, value: Any, label: str) -> PromptDraft:
        """Raises ChatError."""
        chat = chat_body(value, lambda text: nunjucks.convert(text, self.renamed))
        return PromptDraft(node, label, True, chat.body, chat.names, chat.printed, chat.differences)
