"""Which model judges an assertion: only one that the source names, never the model under test."""

from __future__ import annotations

import re
from dataclasses import dataclass

from evals.importers.model_entries import entry
from evals.importers.nodes import Node
from evals.importers.promptfoo.context import Context
from evals.importers.promptfoo.providers import read_provider, served_model
from evals.importers.promptfoo.tests import Test
from evals.importers.promptfoo.types import JUDGED

#: promptfoo's own choice for `similar`.
DEFAULT_EMBEDDER = "text-embedding-3-large"
_EMBEDS = re.compile(r":embeddings?:|embed", re.IGNORECASE)
_NO_EMBEDDER = "its provider makes no embeddings; promptfoo then takes its default, as here"
_SELF = "only `defaultTest.provider` is set; the model under test would then judge itself"


@dataclass(frozen=True, slots=True)
class Grading:
    """Names of models.yaml; empty when there is none, with the reason."""

    model: str = ""
    embedder: str = ""
    problem: str = ""
    note: str = ""


class Graders:
    """Finds graders and adds them to the models of the import."""

    def __init__(self, context: Context, default: Test) -> None:
        self.context = context
        self.default = default

    def of(self, node: Node, test: Test) -> Grading:
        """The assertion's own provider, else that of its test's options."""
        given = node.get("provider") or test.options.get("provider")
        if given is None:
            kind = node.text("type").removeprefix("not-")
            embedder = self._model(
                "openai:embedding:" + DEFAULT_EMBEDDER, kind.startswith("similar")
            )
            problem = _SELF if self.default.provider is not None else ""
            return Grading(self._chosen(kind), embedder, problem)
        text, embedding = given, given
        if isinstance(given.value, dict) and not given.value.keys() & {"id", "config"}:
            text = given.get("text") or Node(None, given.file)
            embedding = given.get("embedding") or Node(None, given.file)
        kind = node.text("type").removeprefix("not-")
        is_similar = kind.startswith("similar")
        if is_similar:
            return self._embedding(embedding)
        model = self._model(text.value, True, text)
        if not model and (chosen := self._chosen(kind)):
            return Grading(chosen, note="another model judges: its own has no endpoint to ask")
        problem = "" if model else "the model that judges has no OpenAI-compatible endpoint"
        return Grading(model=model, problem=problem)

    def _embedding(self, given: Node) -> Grading:
        """The embedding model that is named; promptfoo's own choice when a text model is."""
        settings = given.value
        identity = str(settings.get("id") if isinstance(settings, dict) else settings)
        if settings is not None and not _EMBEDS.search(identity) and not served_model(identity)[1]:
            embedder = self._model("openai:embedding:" + DEFAULT_EMBEDDER, True)
            return Grading(embedder=embedder, note=_NO_EMBEDDER)
        return Grading(embedder=self._model(settings, True, given))

    def _chosen(self, kind: str) -> str:
        """The judge that the person who imports has named."""
        if not self.context.judge or kind not in JUDGED:
            return ""
        name, body = entry(self.context.judge)
        self.context.draft.models.setdefault(name, body)
        return name

    def _model(self, value: object, is_wanted: bool, node: Node | None = None) -> str:
        if not is_wanted or value is None:
            return ""
        place = node or Node(value, self.default.node.file or self.context.draft.source)
        provider = read_provider(Node(value, place.file, place.at, place.lines))
        if provider.problem:
            return ""
        self.context.draft.models.setdefault(provider.name, provider.entry)
        return provider.name
