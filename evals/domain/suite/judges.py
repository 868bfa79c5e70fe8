"""The `judges` of a suite: read from its file, its rubrics, its prompts and models.yaml.

    judges:
      helpful: {prompt: judges/helpfulness, version: v1, rubric: helpfulness, model: smollm2,
                samples: 3, temperature: 0.7}

Every file that is read belongs to the suite: when one changes, so does the suite's digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from core.findings import Finding
from evals.domain.judge.compose import FIXED, TEXTS, required_texts
from evals.domain.judge.labels import labels_digest
from evals.domain.judge.rubric import Rubric
from evals.domain.judge.rubric_file import parse_rubric, rubric_path
from evals.domain.judge.spec import MAX_SAMPLES, JudgeModel, JudgeSpec
from evals.domain.suite.labels import labels_path, parse_labels
from registry.domain.fields import Fields
from registry.domain.files import Files
from registry.domain.model_pin import ModelPin, parse_models
from registry.domain.names import is_name, is_prompt_name, version_number
from registry.domain.parsing import parse_version
from registry.domain.source import Source
from registry.domain.version import VersionContent

MAX_JUDGES = 20
_KEYS = ("prompt", "version", "rubric", "model", "samples", "temperature")
_MODELS = "models.yaml"
_PROMPTS = "prompts/"
_SUFFIX = ".jinja2"


class JudgeReader:
    """Reads one suite's judges. `findings` are about the files beside the suite's own."""

    def __init__(self, fields: Fields, files: Files) -> None:
        self.fields = fields
        self.source = fields.source
        self.files = files
        self.findings: list[Finding] = []
        self._models: Mapping[str, ModelPin] | None = None

    def judges(self) -> dict[str, JudgeSpec]:
        """The judges that can be read, by the names the suite gives them."""
        section = self.fields.mapping("judges", None)
        if len(section.values) > MAX_JUDGES:
            self.fields.wrong("judges", "too_many_items", f"A suite has up to {MAX_JUDGES} judges.")
            return {}
        found: dict[str, JudgeSpec] = {}
        for name in section.values:
            if not is_name(name):
                at = (*section.at, name)
                self.source.report_key(at, "bad_name", f"{name[:60]!r} is not a valid name.")
                continue
            judge = self._judge(section.mapping(name, _KEYS))
            if judge is not None:
                found[name] = judge
        return found

    def pin(self, name: str) -> ModelPin | None:
        """The pin of models.yaml; its own mistakes are reported with the repository."""
        if self._models is None:
            data = self._read(_MODELS)
            self._models = {} if data is None else parse_models(_MODELS, data)[0]
        return self._models.get(name)

    def _judge(self, fields: Fields) -> JudgeSpec | None:
        rubric = self._rubric(fields)
        model = self._model(fields)
        samples = fields.integer("samples", 1, 1, MAX_SAMPLES)
        temperature = fields.number("temperature", 0.0, 0, 2)
        if samples > 1 and temperature == 0:
            message = "Samples at a `temperature` of 0 mostly repeat the first one."
            _warn(fields, "samples", "equal_samples", message)
        if rubric is None:
            return None
        prompt = self._prompt(fields, rubric)
        if model is None or (prompt is None and rubric.mode != "likelihood"):
            return None
        return JudgeSpec(
            rubric=rubric,
            model=model,
            prompt=prompt,
            samples=samples,
            temperature=temperature,
            calibration=self._calibration(fields, rubric),
        )

    def _rubric(self, fields: Fields) -> Rubric | None:
        name = _named(fields, "rubric")
        if name is None:
            return None
        data = self._read(rubric_path(name))
        if data is None:
            message = f"There is no rubric {name!r}: {rubric_path(name)} is missing."
            fields.wrong("rubric", "unknown_rubric", message)
            return None
        rubric, findings = parse_rubric(name, data)
        self.findings.extend(findings)
        return rubric

    def _model(self, fields: Fields) -> JudgeModel | None:
        name = _named(fields, "model")
        pin = self.pin(name) if name is not None else None
        if pin is None:
            if name is not None:
                message = f"models.yaml has no model {name!r} that can be read."
                fields.wrong("model", "unknown_model", message)
            return None
        if not pin.pinned:
            message = f"The judge's model {name!r} has no `revision`; it is not pinned."
            hint = "other weights may judge tomorrow"
            _warn(fields, "model", "unpinned_judge", message, hint=hint)
        return JudgeModel.of(pin)

    def _prompt(self, fields: Fields, rubric: Rubric) -> VersionContent | None:
        if rubric.mode == "likelihood":
            for key in ("prompt", "version", "samples", "temperature"):
                if key in fields:
                    message = f"`{key}` means nothing for likelihood: the model is asked nothing."
                    fields.wrong(key, "judge_key", message)
            return None
        name = fields.text("prompt", is_required=True)
        written = fields.text("version", is_required=True)
        number = version_number(written)
        if not name or not written:
            return None
        if number is None or not is_prompt_name(name):
            fields.wrong("version", "bad_value", "A judge names a prompt and a version like v1.")
            return None
        prompt = self._version(fields, name, number)
        return prompt if prompt and self._fits(fields, prompt, rubric) else None

    def _version(self, fields: Fields, name: str, number: int) -> VersionContent | None:
        path = f"{_PROMPTS}{name}/v{number}{_SUFFIX}"
        data = self._read(path)
        if data is None:
            message = f"There is no v{number} of the prompt {name!r}: {path} is missing."
            fields.wrong("version", "unknown_judge_version", message)
            return None
        content, _ = parse_version(name, number, path, data, _Partials(self.files))
        if content is None:
            message = f"{path} cannot be read; see its own findings."
            fields.wrong("version", "broken_judge_version", message)
        return content

    def _fits(self, fields: Fields, prompt: VersionContent, rubric: Rubric) -> bool:
        """Whether the prompt takes what a judge is given, and shows what it must."""
        missing = [name for name in required_texts(rubric) if name not in prompt.variables]
        strange = [
            name
            for name, schema in prompt.variables.items()
            if name not in (*FIXED, *TEXTS) and "default" not in schema
        ]
        for name in missing:
            message = f"{prompt.path} has no variable `{name}`, which the mode {rubric.mode} needs."
            fields.wrong("prompt", "judge_prompt", message)
        for name in strange:
            known = ", ".join((*FIXED, *TEXTS))
            message = f"{prompt.path} needs `{name[:60]}`, which no judge is given."
            fields.wrong("prompt", "judge_prompt", message, hint=f"a judge is given {known}")
        return not missing and not strange

    def _calibration(self, fields: Fields, rubric: Rubric) -> str:
        path = labels_path(rubric.name)
        data = self._read(path)
        if data is None:
            message = f"Nobody has labelled answers by this rubric: {path} is missing."
            hint = "until it is measured against labels the judge is advisory"
            _warn(fields, "rubric", "uncalibrated_judge", message, hint=hint)
            return ""
        rows, findings = parse_labels(rubric, data)
        self.findings.extend(findings)
        return labels_digest(rows)

    def _read(self, path: str) -> bytes | None:
        try:
            return self.files.read(path)
        except KeyError:
            return None


class _Partials(Mapping[str, str]):
    """The partials of a repository, read when a judge's prompt includes them."""

    def __init__(self, files: Files) -> None:
        self.files = files

    def __getitem__(self, name: str) -> str:
        source = Source(f"{_PROMPTS}{name}{_SUFFIX}")
        text = source.decode(self.files.read(source.path))
        if text is None:
            raise KeyError(name)
        return text

    def __iter__(self) -> Iterator[str]:
        start, end = len(_PROMPTS), -len(_SUFFIX)
        return (
            path[start:end]
            for path in self.files.paths()
            if path.startswith(f"{_PROMPTS}partials/") and path.endswith(_SUFFIX)
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _named(fields: Fields, key: str) -> str | None:
    if key not in fields:
        fields.source.report(fields.at, "missing_key", f"`{key}` is missing.")
    return fields.name(key, is_name)


def _warn(fields: Fields, key: str, code: str, message: str, hint: str = "") -> None:
    at = (*fields.at, key)
    fields.source.report(at, code, message, severity="warning", hint=hint)
