"""Which prompts a commit can make differ, and which folders tell.

Whatever may reach further makes a commit one that is looked at whole. Prompts that something was
found about are read again each time, as in the whole way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from core.findings import Finding
from registry import queries
from registry.domain.files import Files
from registry.domain.layout import PARTIALS_FOLDER, partial_of, prompt_of
from registry.domain.live import Entry, parse_live
from registry.domain.live_writing import PATH as TAGS
from registry.domain.live_writing import Key
from registry.domain.model_pin import ModelPin, parse_models
from registry.mirror import Chosen

_MODELS = "models.yaml"
_GATES = "gates.yaml"
#: Their findings do not say exactly which file they are about.
_UNPLACED = frozenset({"path_too_long", "path_not_utf8", "path_control_character"})
#: The top folder, where the registers are.
ROOT = Chosen({""})


@dataclass(frozen=True, slots=True)
class Reach:
    """The prompts to be looked at, and the folders in which files changed. `with_tags`: tags.yaml
    has to be read, for all it says of these prompts.
    """

    prompts: frozenset[str]
    folders: frozenset[str]
    with_tags: bool


def reach_of(
    paths: frozenset[str], findings: Collection[Finding], before: Files, after: Files
) -> Reach | None:
    """What a change of these files reaches, where `findings` was all that was found before; None
    when that may be anything. Files at the top are read of the commits `before` and `after` it.
    """
    if any(_is_far(path) for path in paths):
        return None
    if any(found.code in _UNPLACED for found in findings):
        return None
    named = {prompt_of(path) for path in paths} | {prompt_of(found.path) for found in findings}
    prompts = {name for name in named if name is not None}
    partials = {name for path in paths if (name := partial_of(path)) is not None}
    prompts |= queries.prompts_including(partials)
    models = _changed_models(before, after) if _MODELS in paths else frozenset()
    prompts |= queries.prompts_on(models)
    asked = queries.tags_asked_in_vain()
    with_tags = bool(
        asked or models or TAGS in paths or any(found.path == TAGS for found in findings)
    )
    if with_tags:
        wrong = {(found.line, found.column) for found in findings if found.path == TAGS}
        prompts |= set(_named(before, after, wrong, asked, models))
    folders = frozenset(path.rpartition("/")[0] for path in paths if prompt_of(path) is None)
    return Reach(frozenset(prompts), folders, with_tags)


def _is_far(path: str) -> bool:
    """Whether a file may mean anything to any prompt, or is odd where prompts are."""
    if path == _GATES:
        return True
    is_known = prompt_of(path) is not None or path.startswith(f"{PARTIALS_FOLDER}/")
    return path.startswith("prompts/") and not is_known


def _changed_models(before: Files, after: Files) -> frozenset[str]:
    """The models that came, went, or take something else of a prompt."""
    old, new = _models(before), _models(after)
    return frozenset(
        name for name in old.keys() | new.keys() if _takes(old.get(name)) != _takes(new.get(name))
    )


def _models(files: Files) -> dict[str, ModelPin]:
    if _MODELS not in files.paths():
        return {}
    return parse_models(_MODELS, files.read(_MODELS))[0]


def _takes(pin: ModelPin | None) -> object:
    if pin is None:
        return None
    return (
        *(pin.limit_max_tokens, pin.limit_temperature, pin.limit_top_p, pin.limit_stop),
        pin.max_context,
    )


def _named(
    before: Files,
    after: Files,
    wrong: Collection[tuple[int, int]],
    asked: Collection[Key],
    models: Collection[str],
) -> Iterator[str]:
    """The prompts of entries of tags.yaml that are new, or were wrong, or wait, or may be wrong now
    that these models changed. All others are as they were.
    """
    old = _entries(before)
    for key, entry in _entries(after).items():
        known = old.get(key)
        if (
            known is None
            or known.live != entry.live
            or (known.line, known.column) in wrong
            or key in asked
            or entry.live.model in models
        ):
            yield entry.live.prompt


def _entries(files: Files) -> dict[Key, Entry]:
    if TAGS not in files.paths():
        return {}
    entries, _ = parse_live(TAGS, files.read(TAGS))
    return {(entry.live.prompt, entry.live.tag): entry for entry in entries}
