"""What a change touches: the prompts, partials, suites, rubrics and models that differ, and every
prompt that they reach (the blast radius).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from evals.domain.lint.scope import Scope
from evals.domain.suite.parse import EXTENSION, FOLDER
from registry.domain.files import Files, containing
from registry.domain.layout import sort_paths
from registry.domain.lint.subject import text_of
from registry.domain.live import LiveTag, parse_live
from registry.domain.model_pin import ModelPin, parse_models
from registry.domain.source import Source

_PROMPTS, _PARTIALS = "prompts/", "prompts/partials/"
_RUBRICS, _LABELS, _DATASETS = "rubrics/", "calibration/", "datasets/"
_METADATA, _SUFFIX = "/prompt.yaml", ".jinja2"
#: These hold for every prompt.
_RULES = frozenset({"models.yaml", "gates.yaml"})


@dataclass(frozen=True)
class Impact:
    """What differs, by kind and name, sorted. `prompts` maps a changed prompt to its changed files.

    `reached` maps each prompt that a change elsewhere reaches to the reasons, in words; it may be
    changed itself too.
    """

    paths: frozenset[str]
    prompts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    partials: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    rubrics: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    reached: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    touched_suites: tuple[str, ...] = ()

    @property
    def scope(self) -> Scope:
        """What has to be linted again; everything when a file that holds for everybody changed."""
        if self.paths & _RULES:
            return Scope(self.paths)
        prompts = {*self.prompts, *self.reached, *(tag.partition(":")[0] for tag in self.tags)}
        return Scope(self.paths, frozenset(prompts), frozenset(self.touched_suites))


def impact_of(head: Files, base: Files, changed: Iterable[str]) -> Impact:
    """The impact of the `changed` paths, with what both states say about who uses what."""
    return _Reach(head, base, frozenset(changed)).impact()


class _Reach:
    def __init__(self, head: Files, base: Files, changed: frozenset[str]) -> None:
        self.states = (head, base)
        self.changed = changed
        self.reasons: dict[str, list[str]] = defaultdict(list)
        self.suites: dict[str, list[str]] = defaultdict(list)

    def impact(self) -> Impact:
        layout = sort_paths(self.changed)
        prompts = {
            name: tuple(sorted({*folder.versions.values(), *filter(None, [folder.metadata])}))
            for name, folder in sorted(layout.prompts.items())
        }
        partials = tuple(sorted(layout.partials))
        rubrics = tuple(sorted(self._names(_RUBRICS, ".md") | self._names(_LABELS, ".jsonl")))
        own = self._names(FOLDER, EXTENSION)
        models = self._models() if "models.yaml" in self.changed else ()
        self._from_partials(partials)
        for name in sorted(own):
            self.suites[name].append(f"the suite {name} changed")
        self._from_data()
        self._from_judges({*prompts, *self.reasons}, rubrics, models)
        self._from_models(models)
        self._from_suites()
        reached = {name: tuple(dict.fromkeys(why)) for name, why in sorted(self.reasons.items())}
        suites, tags = tuple(sorted(own)), self._tags()
        at = (prompts, partials, suites, rubrics, models, tags, reached)
        return Impact(self.changed, *at, touched_suites=tuple(sorted(self.suites)))

    def _names(self, folder: str, extension: str) -> set[str]:
        return {
            path.removeprefix(folder).removesuffix(extension)
            for path in self.changed
            if path.startswith(folder) and path.endswith(extension)
        }

    def _found(self, words: Collection[str], under: str) -> Iterator[tuple[Files, str]]:
        for files in self.states if words else ():
            for path in containing(files, words, under):
                yield files, path

    def _from_partials(self, partials: Iterable[str]) -> None:
        """Prompts whose versions include them, directly or through other partials."""
        left, seen = list(partials), set[str]()
        while left:
            partial = left.pop()
            if partial in seen:
                continue
            seen.add(partial)
            for _, path in self._found([partial], _PROMPTS):
                user = path.removeprefix(_PROMPTS).removesuffix(_SUFFIX)
                if path.startswith(_PARTIALS):
                    left.append(user)
                elif path.endswith(_SUFFIX):
                    self.reasons[user.rpartition("/")[0]].append(f"includes {partial}")

    def _from_data(self) -> None:
        changed = {path for path in self.changed if path.startswith(_DATASETS)}
        for files, user in self._found(changed, FOLDER):
            if (path := _word(_yaml(files, user).get("dataset"))) in changed:
                self.suites[_suite(user)].append(f"the dataset {path} changed")

    def _from_judges(
        self, prompts: Collection[str], rubrics: Collection[str], models: Collection[str]
    ) -> None:
        for key, names in (("prompt", prompts), ("rubric", rubrics), ("model", models)):
            for files, path in self._found(names, FOLDER):
                for judge in _judges(files, path):
                    if (name := _word(judge.get(key))) in names:
                        said = f"is judged by the {key} {name} (suite {_suite(path)})"
                        self.suites[_suite(path)].append(said)

    def _from_models(self, models: Collection[str]) -> None:
        for files, path in self._found(models, _PROMPTS):
            if (
                path.endswith(_METADATA)
                and (model := _word(_yaml(files, path).get("model"))) in models
            ):
                self.reasons[_prompt(path)].append(f"runs on the model {model}")
        for files in self.states if models else ():
            for live in _live(files):
                if live.model in models:
                    self.reasons[live.prompt].append(f"is live on the model {live.model}")

    def _from_suites(self) -> None:
        for files, path in self._found(self.suites, _PROMPTS):
            if path.endswith(_METADATA):
                own = _list(_yaml(files, path).get("suites"))
                for name in (name for name in self.suites if name in own):
                    self.reasons[_prompt(path)].extend(self.suites[name])

    def _models(self) -> tuple[str, ...]:
        now, before = (_pins(files) for files in self.states)
        return tuple(sorted(n for n in {*now, *before} if now.get(n) != before.get(n)))

    def _tags(self) -> tuple[str, ...]:
        """`prompt:tag` of each entry of tags.yaml that differs."""
        if "tags.yaml" not in self.changed:
            return ()
        now, before = (set(_live(files)) for files in self.states)
        return tuple(sorted({f"{live.prompt}:{live.tag}" for live in now ^ before}))


def _yaml(files: Files, path: str) -> dict[str, Any]:
    """A file's top mapping; empty when it cannot be read, which is somebody else's finding."""
    source, text = Source(path), text_of(files, path)
    if text is None or not source.load(text) or not isinstance(source.document.value, dict):
        return {}
    return source.document.value


def _judges(files: Files, path: str) -> Iterator[dict[str, Any]]:
    judges = _yaml(files, path).get("judges")
    for judge in judges.values() if isinstance(judges, dict) else ():
        if isinstance(judge, dict):
            yield judge


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _suite(path: str) -> str:
    return path.removeprefix(FOLDER).removesuffix(EXTENSION)


def _prompt(path: str) -> str:
    return path.removeprefix(_PROMPTS).removesuffix(_METADATA)


def _live(files: Files) -> tuple[LiveTag, ...]:
    try:
        data = files.read("tags.yaml")
    except KeyError:
        return ()
    return tuple(entry.live for entry in parse_live("tags.yaml", data)[0])


def _pins(files: Files) -> dict[str, ModelPin]:
    try:
        data = files.read("models.yaml")
    except KeyError:
        return {}
    return parse_models("models.yaml", data)[0]
