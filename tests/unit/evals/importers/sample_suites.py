"""The sample suites and what is imported from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from evals.importers.run import Imported, read_import

HERE = Path(__file__).parent
SAMPLES = HERE / "samples"
GOLDENS = HERE / "goldens"
#: The files to import where it is not the folder itself.
ENTRIES = {
    "promptfoo/13-results": "results.json",
    "openai-evals/1-registry": "evals/basics.yaml",
    "openai-evals/2-lfs": "evals/big.yaml",
    "openai-evals/4-samples-only": "samples.jsonl",
}
#: A judge is named on the command line for these.
JUDGED = {"openai-evals/6-graded", "openai-evals/7-neighbours"}


@dataclass(frozen=True)
class Sample:
    """One suite of another tool."""

    tool: str
    name: str

    def __str__(self) -> str:
        return f"{self.tool}/{self.name}"

    @property
    def folder(self) -> Path:
        return SAMPLES / self.tool.replace("-", "_") / self.name

    @property
    def source(self) -> Path:
        return self.folder / ENTRIES.get(str(self), "")

    @property
    def golden(self) -> Path:
        return GOLDENS / self.tool.replace("-", "_") / self.name

    def imported(self) -> Imported:
        judge = "gpt-4.1" if str(self) in JUDGED else ""
        return read_import(self.tool, self.source, "sample", judge)


@cache
def all_samples() -> tuple[Sample, ...]:
    return tuple(
        Sample(tool, folder.name)
        for tool in ("promptfoo", "openai-evals", "openai-api")
        for folder in sorted((SAMPLES / tool.replace("-", "_")).iterdir())
    )
