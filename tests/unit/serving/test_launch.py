"""A pinned model becomes one command line, or a typed refusal that says what to write."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.launch import (
    FLAGS,
    EngineNotPinnedError,
    EngineNotVllmError,
    EngineTooOldError,
    Launch,
    LaunchError,
    RevisionNotPinnedError,
    command,
    engine_release,
)
from tests.unit.serving.launches import COMMIT, LAUNCH

_OTHER = "f" * 40


def value(launch: Launch, flag: str) -> str | None:
    """The argument after `flag`; None without it."""
    return dict(pairwise(command(launch))).get(flag)


def test_a_pin_is_served_with_everything_pinned() -> None:
    assert command(LAUNCH) == tuple(
        "vllm serve meta-llama/Llama-3.1-8B-Instruct --host 0.0.0.0 --port 8000 "
        f"--served-model-name llama-3.1-8b --revision {COMMIT} --code-revision {COMMIT} "
        f"--tokenizer-revision {COMMIT} --tensor-parallel-size 2 --dtype bfloat16 "
        "--max-model-len 8192 --gpu-memory-utilization 0.9 --enable-prefix-caching "
        "--prefix-caching-hash-algo sha256 --enable-prompt-tokens-details --shutdown-timeout 45 "
        "--fingerprint-mode custom --fingerprint-value llama-3.1-8b-r12".split()
    )


def test_a_tokenizer_of_its_own_keeps_its_revision() -> None:
    launch = replace(LAUNCH, tokenizer_revision=_OTHER)
    assert value(launch, "--tokenizer-revision") == _OTHER
    assert value(launch, "--revision") == COMMIT


@pytest.mark.parametrize("revision", ["", "main", "v1.0", "0e9e39f", COMMIT.upper(), "sha256:ab"])
def test_what_is_no_commit_is_not_launched(revision: str) -> None:
    with pytest.raises(RevisionNotPinnedError) as told:
        command(replace(LAUNCH, revision=revision))
    assert "models.yaml" in told.value.hint
    if revision:
        with pytest.raises(RevisionNotPinnedError):
            command(replace(LAUNCH, tokenizer_revision=revision))


def test_weights_in_a_folder_are_named_by_their_hash_and_no_hub_is_asked() -> None:
    launch = replace(LAUNCH, model="/models/smollm2", revision="sha256:ab")
    assert value(launch, "--revision") is None
    assert "--tokenizer-revision" not in command(launch)
    with pytest.raises(RevisionNotPinnedError):
        command(replace(launch, revision=""))


def test_the_cache_is_sized_by_share_or_by_bytes() -> None:
    launch = replace(LAUNCH, gpu_memory_utilization=None, kv_cache_bytes=268_435_456)
    assert value(launch, "--kv-cache-memory-bytes") == "268435456"
    assert value(launch, "--gpu-memory-utilization") is None
    with pytest.raises(LaunchError, match="not both"):
        command(replace(launch, gpu_memory_utilization=0.9))


def test_prefix_caching_can_be_switched_off() -> None:
    argv = command(replace(LAUNCH, prefix_caching=False))
    assert "--no-enable-prefix-caching" in argv
    assert "--enable-prefix-caching" not in argv
    assert "--prefix-caching-hash-algo" not in argv


@pytest.mark.parametrize(
    "wrong",
    [
        {"gpu_memory_utilization": 0.0},
        {"gpu_memory_utilization": 1.01},
        {"gpu_memory_utilization": float("nan")},
        {"gpu_memory_utilization": None, "kv_cache_bytes": 0},
        {"tensor_parallel": 0},
        {"pipeline_parallel": 0},
        {"shutdown_seconds": 0},
        {"hash_algorithm": "md5"},
        {"model": ""},
        {"served_name": ""},
        {"served_name": "--trust-remote-code"},
        {"dtype": "float16 --trust-remote-code"},
        {"release": "a\nb"},
        {"served_name": "$(HF_TOKEN)"},
    ],
)
def test_what_cannot_start_or_should_not_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(LaunchError):
        command(replace(LAUNCH, **wrong))  # type: ignore[arg-type]


def test_only_vllm_of_a_known_version_is_launched() -> None:
    with pytest.raises(EngineNotVllmError):
        command(replace(LAUNCH, engine="llama.cpp"))
    for version in ("", "nightly", "1"):
        with pytest.raises(EngineNotPinnedError):
            command(replace(LAUNCH, engine_version=version))


@pytest.mark.parametrize("version", ["0.32.0", "v0.32.0", "0.32.0+cpu", "0.32.0rc1", "0.32"])
def test_versions_are_read_as_people_write_them(version: str) -> None:
    assert engine_release(version) == (0, 32, 0)


def test_an_engine_that_would_cut_off_answers_is_refused() -> None:
    with pytest.raises(EngineTooOldError, match="--shutdown-timeout"):
        command(replace(LAUNCH, engine_version="0.17.2"))


def test_an_older_engine_goes_without_what_it_can_do_without() -> None:
    argv = command(replace(LAUNCH, engine_version="0.18.0"))
    assert "--fingerprint-value" not in argv
    assert "--shutdown-timeout" in argv


def test_the_table_has_every_flag_once() -> None:
    names = [flag.name for flag in FLAGS]
    assert len(names) == len(set(names))
    assert all(engine_release(flag.since) <= engine_release("0.32.0") for flag in FLAGS)


_text = st.text(max_size=30)


@given(_text, _text, _text, _text, st.sampled_from(["0.18.0", "0.32.0"]))
def test_no_text_of_a_pin_becomes_an_option(
    model: str, name: str, dtype: str, release: str, version: str
) -> None:
    launch = replace(LAUNCH, model=model, served_name=name, dtype=dtype, release=release)
    try:
        argv = command(replace(launch, engine_version=version))
    except LaunchError:
        return
    known = {flag.name for flag in FLAGS}
    assert {argument for argument in argv if argument.startswith("-")} <= known
