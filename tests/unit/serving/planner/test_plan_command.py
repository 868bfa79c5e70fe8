"""`assay plan`: the plan on a terminal and as one JSON document, without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from assay.commands.planning import plan
from core.errors import AssayError
from serving.planner import catalogue
from serving.planner.weights import checkpoint_bytes

FIELDS = [
    *("fits", "reasons", "weights_gib", "non_torch_gib", "activation_gib", "cudagraph_gib"),
    *("kv_gib", "kv_bytes_per_token", "kv_tokens", "max_concurrency", "interval", "flags"),
    *("machines", "suggestion", "formulas"),
]


def run(*arguments: str) -> int:
    """The exit code."""
    app = typer.Typer()
    app.command()(plan)
    return int(app(list(arguments), standalone_mode=False) or 0)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small"
    path.mkdir()
    config = {
        "model_type": "llama", "hidden_size": 576, "num_hidden_layers": 30,
        "num_attention_heads": 9, "num_key_value_heads": 3, "intermediate_size": 1536,
        "vocab_size": 49152, "max_position_embeddings": 8192, "torch_dtype": "bfloat16",
    }  # fmt: skip
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return path


def test_the_document_has_exactly_these_fields(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(
        *("--model", "meta-llama/Llama-3.1-8B-Instruct", "--gpu", "h100-sxm", "--count", "1"),
        *("--max-model-len", "8192", "--utilization", "0.95", "--vllm-version", "0.19.0", "--json"),
    )
    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert list(told) == FIELDS
    assert told["fits"] is True
    assert told["kv_gib"] == pytest.approx(58.11, rel=0.002)
    assert told["suggestion"] is None
    assert told["interval"]["measured"] is True
    assert told["formulas"][0]["name"] == "requested_gib"


def test_what_does_not_start_ends_with_exit_code_1_and_a_way_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = run(
        *("--model", "meta-llama/Meta-Llama-3-70B-Instruct", "--gpu", "h100-sxm", "--count", "2"),
        *("--tp", "2", "--utilization", "0.88", "--max-model-len", "8192", "--explain"),
    )
    shown = capsys.readouterr().out
    assert code == 1
    assert "does not start" in shown
    assert "fits instead: utilisation 0.95 instead of 0.88" in shown
    assert "max(0, requested - weights - activation" in shown


def test_a_folder_with_its_index(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--gpu", "l4", "--json")
    assert run("--model", str(small / "config.json"), *arguments) == 0
    from_shapes = json.loads(capsys.readouterr().out)
    index = {"metadata": {"total_size": 400_000_000}, "weight_map": {}}
    (small / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    assert run("--model", str(small), *arguments) == 0
    from_files = json.loads(capsys.readouterr().out)
    assert from_files["weights_gib"] > from_shapes["weights_gib"]


@pytest.mark.parametrize("model", ["missing/config.json", "nobody/nothing"])
def test_a_model_that_is_not_there_is_a_typed_error(model: str) -> None:
    with pytest.raises(AssayError):
        run("--model", model, "--gpu", "l4")


def test_the_catalogue_is_what_the_command_reads() -> None:
    assert checkpoint_bytes(catalogue.find("Qwen/Qwen3-8B").architecture) > 1e10
