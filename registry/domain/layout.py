"""Which file of a repository means what, judged by its path alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from core.findings import Finding, Severity
from registry.domain.names import is_prompt_name, version_number

REGISTERS = ("models.yaml", "gates.yaml", "tags.yaml")
_SUFFIX = ".jinja2"
_PARTIALS = "partials"
#: Where every partial lies.
PARTIALS_FOLDER = f"prompts/{_PARTIALS}"


@dataclass
class Folder:
    """One prompt's files."""

    metadata: str = ""
    versions: dict[int, str] = field(default_factory=dict)

    def numbered(self) -> list[tuple[int, str]]:
        """(number, path), ascending."""
        return sorted(self.versions.items())


@dataclass
class Layout:
    """The files that mean something, and what is odd about the others under prompts/."""

    registers: set[str] = field(default_factory=set)
    prompts: dict[str, Folder] = field(default_factory=dict)
    #: "partials/tone/v1" -> path.
    partials: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def report(self, path: str, code: str, message: str, severity: Severity = "error") -> None:
        """A finding about a file as a whole."""
        self.findings.append(Finding(path, 0, 0, severity, code, message))


def prompt_of(path: str) -> str | None:
    """The prompt in whose folder a file lies; None when it lies in the folder of none."""
    root, *folders, _ = path.split("/") if "/" in path else ("", "")
    name = "/".join(folders)
    is_prompts = root == "prompts" and folders and folders[0] != _PARTIALS
    return name if is_prompts and is_prompt_name(name) else None


def partial_of(path: str) -> str | None:
    """The partial that a file is, as it is included ("partials/tone/v1"); None when it is none."""
    return next(iter(sort_paths([path]).partials), None)


def sort_paths(paths: Iterable[str]) -> Layout:
    """Give every path its meaning."""
    layout = Layout()
    for path in sorted(set(paths)):
        if path in REGISTERS:
            layout.registers.add(path)
        elif path.startswith("prompts/"):
            _sort_prompt(layout, path)
    for name, folder in layout.prompts.items():
        _check_folder(layout, name, folder)
    return layout


def _sort_prompt(layout: Layout, path: str) -> None:
    _, *folders, file = path.split("/")
    name = "/".join(folders)
    if file.endswith(".md") or file.startswith("."):
        return  # notes and editor files
    if not folders or (file != "prompt.yaml" and not file.endswith(_SUFFIX)):
        message = "Nothing here is read but prompt.yaml and v1.jinja2, v2.jinja2, …"
        layout.report(path, "unexpected_file", message, "warning")
    elif not is_prompt_name(name):
        layout.report(path, "bad_name", f"{name[:100]!r} cannot be a prompt's name.")
    elif file == "prompt.yaml":
        _sort_metadata(layout, path, folders, name)
    else:
        _sort_version(layout, path, folders, name)


def _sort_metadata(layout: Layout, path: str, folders: list[str], name: str) -> None:
    if folders[0] == _PARTIALS:
        layout.report(path, "unexpected_file", "Partials have no prompt.yaml.", "warning")
    else:
        layout.prompts.setdefault(name, Folder()).metadata = path


def _sort_version(layout: Layout, path: str, folders: list[str], name: str) -> None:
    stem = path.rsplit("/", 1)[1].removesuffix(_SUFFIX)
    number = version_number(stem)
    if number is None:
        message = "A version's file is named v1.jinja2, v2.jinja2, … without leading zeros."
        layout.report(path, "bad_version_name", message)
    elif folders[0] != _PARTIALS:
        layout.prompts.setdefault(name, Folder()).versions[number] = path
    elif len(folders) > 1:
        layout.partials[f"{name}/{stem}"] = path
    else:
        layout.report(path, "bad_name", "A partial has a folder of its own: partials/tone/v1.")


def _check_folder(layout: Layout, name: str, folder: Folder) -> None:
    if not folder.versions:
        layout.report(folder.metadata, "no_versions", f"{name} has no version yet.", "warning")
        return
    newest = max(folder.versions)
    missing = newest - len(folder.versions)
    if missing:
        first = next(number for number in range(1, newest) if number not in folder.versions)
        more = f" (and {missing - 1} more)" if missing > 1 else ""
        message = f"{name} has v{newest} but no v{first}{more}."
        layout.report(folder.versions[newest], "version_gap", message, "warning")
