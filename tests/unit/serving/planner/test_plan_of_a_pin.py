"""`assay plan --from models.yaml --manifest`: a pin becomes what is deployed, or an error that says
what to write.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from assay.commands.planning import plan
from assay.errors import FileUnusableError, ModelMissingError, PlanUnclearError
from core.errors import AssayError
from serving.launch import EngineNotPinnedError, EngineNotVllmError, RevisionNotPinnedError
from serving.manifest import PlaceError
from tests.unit.deploy.schemas import validate

_COMMIT = "0e9e39f249a16976918f6564b8830bc894c89659"
_TOKENIZER = _COMMIT[::-1]
_PIN = {
    "served_id": "meta-llama/Llama-3.1-8B-Instruct",
    "revision": _COMMIT,
    "tokenizer_revision": _TOKENIZER,
    "engine": "vllm",
    "engine_version": "0.32.0",
    "dtype": "bfloat16",
    "max_context": 8192,
    "tensor_parallel": 2,
}
_MANIFEST = ("--manifest", "--image", "vllm:v0.32.0")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return written(tmp_path / "models.yaml")


def written(path: Path, name: str = "llama-3.1-8b", /, **changes: object) -> Path:
    """models.yaml with one pin; a change to None leaves the key out."""
    pin = {key: value for key, value in {**_PIN, **changes}.items() if value is not None}
    path.write_text(yaml.safe_dump({"models": {name: pin}}), encoding="utf-8")
    return path


def run(*arguments: object) -> int:
    """The exit code."""
    app = typer.Typer()
    app.command()(plan)
    said = ["--gpu", "h100-sxm", *map(str, arguments)]
    return int(app(said, standalone_mode=False) or 0)


def deployed(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, dict[str, Any]]:
    """The objects by kind, every one as Kubernetes takes it."""
    assert run(*arguments, *_MANIFEST) == 0
    objects = list(yaml.safe_load_all(capsys.readouterr().out))
    for one in objects:
        validate(one, "1.37")
    return {one["kind"]: one for one in objects}


def arguments_of(template: dict[str, Any]) -> dict[str, str]:
    [container] = template["spec"]["containers"]
    return dict(pairwise(container["args"]))


def test_everything_that_a_pin_says_is_served(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = deployed(capsys, "--from", models)
    said = arguments_of(found["Deployment"]["spec"]["template"])
    assert said["serve"] == "meta-llama/Llama-3.1-8B-Instruct"
    assert said["--served-model-name"] == _PIN["served_id"]
    assert (said["--revision"], said["--tokenizer-revision"]) == (_COMMIT, _TOKENIZER)
    assert (said["--dtype"], said["--max-model-len"]) == ("bfloat16", "8192")
    assert said["--tensor-parallel-size"] == "2"
    assert found["Deployment"]["metadata"]["name"] == "llama-3-1-8b"


def test_nothing_that_the_plan_counts_on_is_left_to_a_default(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = deployed(capsys, "--from", models, "--utilization", "0.8", "--kv-dtype", "fp8")
    said = arguments_of(found["Deployment"]["spec"]["template"])
    assert said["--gpu-memory-utilization"] == "0.8"
    assert said["--kv-cache-dtype"] == "fp8"
    assert said["--max-num-seqs"] == "1024"
    assert said["--max-num-batched-tokens"] == "8192"


def test_another_pin_of_the_name_answers_as_another_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    releases = set()
    for revision in (_COMMIT, _TOKENIZER):
        path = written(tmp_path / "models.yaml", revision=revision)
        found = deployed(capsys, "--from", path)
        said = arguments_of(found["Deployment"]["spec"]["template"])
        releases.add(said["--fingerprint-value"])
    assert len(releases) == 2
    assert all(release.startswith("llama-3.1-8b-") for release in releases)


def test_a_pin_of_more_gpus_than_a_machine_has_is_a_group(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pin = {"served_id": "meta-llama/Llama-3.1-70B-Instruct", "tensor_parallel": 8}
    models = written(tmp_path / "models.yaml", "llama-70b", **pin)
    found = deployed(capsys, "--from", models, "--pp", 2, "--max-replicas", 3)
    group = found["LeaderWorkerSet"]["spec"]["leaderWorkerTemplate"]
    assert group["size"] == 2
    assert arguments_of(group["leaderTemplate"])["--pipeline-parallel-size"] == "2"
    assert found["HorizontalPodAutoscaler"]["spec"]["maxReplicas"] == 3
    assert found["Service"]["metadata"]["name"] == "llama-70b"


def test_the_cluster_has_its_say(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = deployed(
        *(capsys, "--from", models, "--as", "chat", "--namespace", "models", "--release", "r7"),
        *("--cache-claim", "weights", "--hub-secret", "hub", "--key-secret", "keys"),
    )
    assert {(o["metadata"]["name"], o["metadata"]["namespace"]) for o in found.values()} == {
        ("chat", "models")
    }
    template = found["Deployment"]["spec"]["template"]
    assert arguments_of(template)["--fingerprint-value"] == "r7"
    assert {"HF_TOKEN", "VLLM_API_KEY"} <= {
        entry["name"] for entry in template["spec"]["containers"][0]["env"]
    }
    claims = [v.get("persistentVolumeClaim") for v in template["spec"]["volumes"]]
    assert {"claimName": "weights"} in claims


def test_what_does_not_fit_is_not_printed(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run("--from", models, "--utilization", "0.05", *_MANIFEST)
    told = capsys.readouterr()
    assert code == 1
    assert told.out == ""
    assert "does not start" in told.err
    assert "fits instead" in told.err


def test_a_pin_is_planned_without_a_manifest_too(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--from", models.parent, "--name", "llama-3.1-8b") == 0
    shown = capsys.readouterr().out
    assert "on 2 × h100-sxm: fits" in shown
    assert "--max-model-len=8192" in shown


@pytest.mark.parametrize(
    ("option", "value", "key"),
    [
        ("--tp", 4, "tensor_parallel"),
        ("--dtype", "float16", "dtype"),
        ("--max-model-len", 4096, "max_context"),
        ("--vllm-version", "0.31.0", "engine_version"),
        ("--quantization", "fp8", "quantization"),
    ],
)
def test_an_option_that_contradicts_the_pin_is_refused(
    models: Path, option: str, value: object, key: str
) -> None:
    with pytest.raises(PlanUnclearError) as told:
        run("--from", models, option, value)
    assert option in told.value.message
    assert key in told.value.message


def test_an_option_that_says_the_same_is_not(models: Path) -> None:
    assert run("--from", models, "--tp", 2, "--vllm-version", "v0.32.0") == 0


@pytest.mark.parametrize(
    ("missing", "error", "hint"),
    [
        ("revision", RevisionNotPinnedError, "models.yaml"),
        ("engine", EngineNotVllmError, "engine: vllm"),
        ("engine_version", EngineNotPinnedError, "engine_version"),
    ],
)
def test_what_a_pin_leaves_open_is_asked_for(
    tmp_path: Path, missing: str, error: type[AssayError], hint: str
) -> None:
    models = written(tmp_path / "models.yaml", **{missing: None})
    with pytest.raises(error) as told:
        run("--from", models, *_MANIFEST)
    assert hint in told.value.hint


def test_another_engine_is_not_planned(tmp_path: Path) -> None:
    models = written(tmp_path / "models.yaml", engine="llama.cpp", engine_version="b6500")
    with pytest.raises(EngineNotVllmError, match=r"llama\.cpp"):
        run("--from", models)


def test_what_a_pin_cannot_say_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = written(tmp_path / "models.yaml", served_id="chat")
    with pytest.raises(PlanUnclearError) as told:
        run("--from", models, *_MANIFEST)
    assert "--model" in told.value.hint
    config = tmp_path / "config.json"
    config.write_text(
        '{"model_type": "llama", "hidden_size": 576, "num_hidden_layers": 30,'
        '"num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 1536,'
        '"vocab_size": 49152, "max_position_embeddings": 8192, "torch_dtype": "bfloat16"}',
        encoding="utf-8",
    )
    with pytest.raises(PlanUnclearError) as told:
        run("--from", models, "--model", config, *_MANIFEST)
    assert "--weights" in told.value.hint
    found = deployed(capsys, "--from", models, "--model", config, "--weights", "team/chat")
    said = arguments_of(found["Deployment"]["spec"]["template"])
    assert (said["serve"], said["--served-model-name"]) == ("team/chat", "chat")


def test_a_manifest_needs_a_pin_and_an_image(models: Path) -> None:
    model = "meta-llama/Llama-3.1-8B-Instruct"
    for arguments in (
        ("--model", model, *_MANIFEST),
        ("--from", models, "--manifest"),
        ("--from", models, *_MANIFEST, "--json"),
        ("--from", models, *_MANIFEST, "--explain"),
        ("--from", models, "--image", "vllm:v0.32.0"),
        ("--from", models, "--release", "r7"),
        (),
    ):
        with pytest.raises(PlanUnclearError) as told:
            run(*arguments)
        assert told.value.hint
    with pytest.raises(PlaceError, match="not pinned"):
        run("--from", models, "--manifest", "--image", "vllm:latest")


def test_a_name_that_kubernetes_does_not_take_can_be_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = written(tmp_path / "models.yaml", "8b")
    with pytest.raises(PlaceError, match="cannot name"):
        run("--from", models, *_MANIFEST)
    assert deployed(capsys, "--from", models, "--as", "llama-8b")


def test_the_pin_must_be_there_and_readable(tmp_path: Path, models: Path) -> None:
    with pytest.raises(ModelMissingError) as told:
        run("--from", models, "--name", "gpt")
    assert "llama-3.1-8b" in told.value.hint
    with pytest.raises(FileUnusableError):
        run("--from", tmp_path / "none.yaml")
    broken = written(tmp_path / "broken.yaml", tensor_parallel="two")
    with pytest.raises(FileUnusableError, match="tensor_parallel"):
        run("--from", broken, "--name", "llama-3.1-8b")
    two = tmp_path / "two.yaml"
    two.write_text(yaml.safe_dump({"models": {"a": _PIN, "b": _PIN}}), encoding="utf-8")
    with pytest.raises(PlanUnclearError) as unclear:
        run("--from", two)
    assert "--name" in unclear.value.hint
