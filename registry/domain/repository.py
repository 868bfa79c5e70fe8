"""A whole prompt repository: what it says, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType

from core.findings import Finding
from registry.domain.fields import Fields
from registry.domain.files import AddressedFiles, Files
from registry.domain.layout import Layout, sort_paths
from registry.domain.live import Entry, LiveTag, parse_live
from registry.domain.model_pin import ModelPin, parse_models
from registry.domain.names import is_name
from registry.domain.parsing import parameter_mark, parse_version
from registry.domain.policy import GatePolicy, Gates, parse_gates
from registry.domain.source import Source
from registry.domain.spreading import Spread, in_order, parts_of
from registry.domain.template.analysis import analyse
from registry.domain.version import VersionContent

#: (path, blob id) -> what was read from these bytes before.
Published = Mapping[tuple[str, str], VersionContent]
_METADATA = ("description", "owners", "suites", "gate", "model")


@dataclass(frozen=True)
class ParsedPrompt:
    """One folder under prompts/. `gate` and `model` are None when prompt.yaml names none."""

    name: str
    description: str = ""
    owners: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    #: Policy for `stable` of this prompt, instead of the one gates.yaml names.
    gate: str | None = None
    model: str | None = None
    versions: tuple[VersionContent, ...] = ()


@dataclass(frozen=True)
class ParsedRepository:
    """Everything that could be read. What could not is absent here and named in `findings`."""

    prompts: Mapping[str, ParsedPrompt] = field(default_factory=dict)
    models: Mapping[str, ModelPin] = field(default_factory=dict)
    policies: Mapping[str, GatePolicy] = field(default_factory=dict)
    tag_policies: Mapping[str, str] = field(default_factory=dict)
    live: tuple[LiveTag, ...] = ()
    findings: tuple[Finding, ...] = ()


def parse_repository(
    files: Files,
    published: Published = MappingProxyType({}),
    only: Collection[str] | None = None,
    spread: Spread = in_order,
) -> ParsedRepository:
    """Read every file of a commit. Never renders, never raises for what a file contains.

    A version whose path and blob id are in `published` is taken from there, without any warning,
    when its partials are still the same; this needs `files` with `blob_id`. With `only`, no other
    prompt than these is looked at, and nothing that tags.yaml says of others. `spread` says where
    version files are read.
    """
    return _Reader(files, published, only, spread).read()


#: (prompt, number, path) of a version file.
_VersionFile = tuple[str, int, str]
_Read = tuple[VersionContent | None, tuple[Finding, ...]]


def _read_versions(
    files: Files, partials: Mapping[str, str], wanted: Sequence[_VersionFile]
) -> list[_Read]:
    return [
        parse_version(name, number, path, files.read(path), partials)
        for name, number, path in wanted
    ]


class _Reader:
    def __init__(
        self,
        files: Files,
        published: Published,
        only: Collection[str] | None,
        spread: Spread,
    ) -> None:
        self.files = files
        self.published = published
        # Asking a protocol whether something fits it is slow, and every version would ask.
        self.addressed = files if published and isinstance(files, AddressedFiles) else None
        self.only = only
        self.spread = spread
        self.layout: Layout = sort_paths(files.paths())
        self.findings: list[Finding] = list(self.layout.findings)
        self.partials: dict[str, str] = {}

    def read(self) -> ParsedRepository:
        models = self._models()
        gates = self._gates()
        self._read_partials()
        names = sorted(filter(self._is_read, self.layout.prompts))
        versions = self._versions(names)
        prompts = {}
        for name in names:
            prompt = self._prompt(name, versions, models, gates)
            if prompt is not None:
                prompts[name] = prompt
        live = self._live(prompts, models)
        return ParsedRepository(
            prompts, models, gates.policies, gates.tags, live, tuple(sorted(self.findings))
        )

    def _is_read(self, name: str) -> bool:
        return self.only is None or name in self.only

    def _models(self) -> dict[str, ModelPin]:
        if "models.yaml" not in self.layout.registers:
            return {}
        models, findings = parse_models("models.yaml", self.files.read("models.yaml"))
        self.findings.extend(findings)
        return models

    def _gates(self) -> Gates:
        if "gates.yaml" not in self.layout.registers:
            return Gates()
        gates, findings = parse_gates("gates.yaml", self.files.read("gates.yaml"))
        self.findings.extend(findings)
        return gates

    def _read_partials(self) -> None:
        paths: dict[str, str] = {}
        for name, path in self.layout.partials.items():
            source = Source(path)
            text = source.decode(self.files.read(path))
            self.findings.extend(source.findings)
            if text is not None:
                self.partials[name] = text
                paths[name] = path
        for name, path in paths.items():
            found = analyse(self.partials[name], self.partials, kind="partial", path=path)
            self.findings.extend(found.findings)

    def _versions(self, names: Sequence[str]) -> dict[str, VersionContent]:
        """Path -> content of every version of these prompts that could be read."""
        found, wanted = {}, []
        for name, number, path in self._version_files(names):
            known = self._published(path)
            if known is not None and (known.name, known.number) == (name, number):
                found[path] = known
            else:
                wanted.append((name, number, path))
        work = partial(_read_versions, self.files, self.partials)
        read = (one for part in self.spread(work, parts_of(wanted)) for one in part)
        for (_, _, path), (content, findings) in zip(wanted, read, strict=True):
            self.findings.extend(findings)
            if content is not None:
                found[path] = content
        return found

    def _version_files(self, names: Sequence[str]) -> Iterator[_VersionFile]:
        for name in names:
            for number, path in self.layout.prompts[name].numbered():
                yield name, number, path

    def _prompt(
        self,
        name: str,
        versions: Mapping[str, VersionContent],
        models: Mapping[str, ModelPin],
        gates: Gates,
    ) -> ParsedPrompt | None:
        folder = self.layout.prompts[name]
        prompt = ParsedPrompt(name)
        if folder.metadata:
            described = self._metadata(name, folder.metadata, models, gates)
            if described is None:
                return None  # without its gate, a prompt would be released by a weaker rule
            prompt = described
        good = tuple(versions[path] for _, path in folder.numbered() if path in versions)
        self._warn_of_repetition(good)
        self._report_limits(good, models.get(prompt.model or ""))
        return replace(prompt, versions=good)

    def _metadata(
        self, name: str, path: str, models: Mapping[str, ModelPin], gates: Gates
    ) -> ParsedPrompt | None:
        source = Source(path)
        text = source.decode(self.files.read(path))
        if text is None or not source.load(text):
            self.findings.extend(source.findings)
            return None
        fields = Fields(source, (), source.document.value, _METADATA)
        prompt = ParsedPrompt(
            name=name,
            description=fields.text("description"),
            owners=fields.names("owners", _is_owner),
            suites=fields.names("suites", is_name),
            gate=fields.name("gate", is_name),
            model=fields.name("model", is_name),
        )
        if prompt.gate is not None and prompt.gate not in gates.policies:
            fields.wrong("gate", "unknown_policy", f"gates.yaml has no policy {prompt.gate!r}.")
        if prompt.model is not None and prompt.model not in models:
            fields.wrong("model", "unknown_model", f"models.yaml has no model {prompt.model!r}.")
        self.findings.extend(source.findings)
        return None if source.is_broken else prompt

    def _published(self, path: str) -> VersionContent | None:
        if self.addressed is None:
            return None
        known = self.published.get((path, self.addressed.blob_id(path)))
        if known is None:
            return None
        same = all(self.partials.get(name) == body for name, body in known.partials.items())
        return known if same else None

    def _warn_of_repetition(self, versions: tuple[VersionContent, ...]) -> None:
        seen: dict[str, VersionContent] = {}
        for version in versions:
            first = seen.setdefault(version.digest, version)
            if first is not version:
                message = f"v{version.number} says exactly the same as v{first.number}."
                self._warn(version.path, "repeated_version", message)

    def _report_limits(self, versions: tuple[VersionContent, ...], model: ModelPin | None) -> None:
        """What no evaluation of the newest version on the prompt's model would start with. Older
        ones cannot be edited any more.
        """
        newest = max(versions, key=lambda version: version.number, default=None)
        if newest is None or model is None:
            return
        for parameter, sentence in model.beyond_limits(newest.parameters).items():
            mark = parameter_mark(newest.path, self.files.read(newest.path), parameter)
            place = (newest.path, mark.line, mark.column)
            message = f"{sentence[0].upper()}{sentence[1:]}."
            hint = "no evaluation on this model would start; see `limits` in models.yaml"
            self.findings.append(Finding(*place, "error", "beyond_limits", message, hint))

    def _warn(self, path: str, code: str, message: str) -> None:
        self.findings.append(Finding(path, 0, 0, "warning", code, message))

    def _live(
        self, prompts: Mapping[str, ParsedPrompt], models: Mapping[str, ModelPin]
    ) -> tuple[LiveTag, ...]:
        if "tags.yaml" not in self.layout.registers:
            return ()
        entries, findings = parse_live("tags.yaml", self.files.read("tags.yaml"))
        self.findings.extend(findings)
        good = []
        for entry in entries:
            if not self._is_read(entry.live.prompt):
                continue
            prompt = prompts.get(entry.live.prompt)
            wrong = self._wrong_entry(entry, prompt, models)
            if wrong:
                self.findings.append(wrong)
            elif prompt is not None:
                good.append(replace(entry.live, model=entry.live.model or prompt.model))
        return tuple(good)

    def _wrong_entry(
        self, entry: Entry, prompt: ParsedPrompt | None, models: Mapping[str, ModelPin]
    ) -> Finding | None:
        live = entry.live
        code = message = ""
        if prompt is None:
            is_broken = live.prompt in self.layout.prompts
            code, message = "unknown_prompt", f"There is no prompt {live.prompt!r}."
            if is_broken:
                message = f"The prompt {live.prompt!r} cannot be read; see its own findings."
        elif all(version.number != live.version for version in prompt.versions):
            exists = live.version in self.layout.prompts[live.prompt].versions
            code, message = "unknown_version", f"{live.prompt} has no v{live.version}."
            if exists:
                message = f"{live.prompt} v{live.version} cannot be read; see its own findings."
        elif live.model is not None and live.model not in models:
            code, message = "unknown_model", f"models.yaml has no model {live.model!r}."
        if not code:
            return None
        return Finding("tags.yaml", entry.line, entry.column, "error", code, message)


def _is_owner(text: str) -> bool:
    """An address, a team or a handle: anything short and printable."""
    return 0 < len(text) <= 200 and text.isprintable()
