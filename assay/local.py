"""A prompt repository on this machine, parsed by the very code the server uses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assay.errors import PromptMissingError, RepositoryMissingError
from assay.folder import Folder
from registry.domain.repository import ParsedRepository, parse_repository
from registry.domain.version import VersionContent

PROMPTS = "prompts"


@dataclass(frozen=True, slots=True)
class LocalRepository:
    """The files, and what they say."""

    files: Folder
    parsed: ParsedRepository

    def versions(self) -> Iterator[VersionContent]:
        """Every version that could be parsed."""
        for prompt in self.parsed.prompts.values():
            yield from prompt.versions

    def version(self, name: str, number: int | None) -> VersionContent:
        """Version `number` of a prompt; None means the newest. Raises PromptMissingError."""
        prompt = self.parsed.prompts.get(name)
        found = {v.number: v for v in prompt.versions} if prompt else {}
        wanted = number if number is not None else max(found, default=0)
        if wanted not in found:
            raise self._missing(f"{name} v{wanted}" if wanted else name, name)
        return found[wanted]

    def at(self, path: str) -> VersionContent:
        """The version in the file `path`. Raises PromptMissingError with the file's findings."""
        for version in self.versions():
            if version.path == path:
                return version
        raise self._missing(path, path)

    def _missing(self, what: str, where: str) -> PromptMissingError:
        """The error says what is wrong with the file when there is one but it was left out."""
        errors = [f for f in self.parsed.findings if where in f.path and f.severity == "error"]
        if errors:
            return PromptMissingError(f"{what} cannot be used: {errors[0]}")
        return PromptMissingError(f"{self.files.root} has no {what}")


def load(root: Path) -> LocalRepository:
    """Parse the repository at `root`. Raises RepositoryMissingError when it has no prompts."""
    files = folder_of(root)
    return LocalRepository(files, parse_repository(files))


def folder_of(root: Path) -> Folder:
    """The files of the repository at `root`. Raises RepositoryMissingError when it has none."""
    check_folder(root)
    return Folder(root)


def check_folder(root: Path) -> None:
    """Raises RepositoryMissingError when `root` holds no prompts."""
    if not (root / PROMPTS).is_dir():
        raise RepositoryMissingError(f"{root} is not a prompt repository: it has no {PROMPTS}/")


def repository_of(file: Path) -> tuple[Path, str]:
    """The repository a prompt file lies in, and its path there. Raises RepositoryMissingError."""
    absolute = file.absolute()
    for folder in absolute.parents:
        if folder.name == PROMPTS:
            return folder.parent, absolute.relative_to(folder.parent).as_posix()
    raise RepositoryMissingError(f"{file} is not inside a folder {PROMPTS}/")
