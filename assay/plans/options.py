"""The options of `assay plan`, one for each setting of vLLM and each choice of the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

INDEX = "model.safetensors.index.json"


GpuName = Annotated[str, typer.Option("--gpu", help="A GPU, such as h100-sxm, a100-80 or l4.")]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="HF_ID|config.json",
        help="A model of the catalogue, or the path of a config.json or of its folder; "
        f"{INDEX} beside it gives the exact size of the weights.",
        show_default="the pin's served_id",
    ),
]
Count = Annotated[
    int | None, typer.Option("--count", min=1, help="GPUs there are.", show_default="TP x PP")
]
GpusPerNode = Annotated[
    int, typer.Option("--gpus-per-node", min=1, help="GPUs that one machine gives.")
]
TensorParallel = Annotated[
    int | None, typer.Option("--tp", min=1, help="Tensor-parallel size.", show_default="1")
]
PipelineParallel = Annotated[int, typer.Option("--pp", min=1, help="Pipeline-parallel size.")]
Dtype = Annotated[
    str | None,
    typer.Option("--dtype", help="auto, bfloat16, float16 or float32.", show_default="auto"),
]
KvDtype = Annotated[str, typer.Option("--kv-dtype", help="Type of the KV cache: auto or fp8.")]
Quantization = Annotated[
    str | None, typer.Option("--quantization", help="fp8: quantise while loading.")
]
MaxModelLen = Annotated[
    int | None,
    typer.Option("--max-model-len", min=1, help="Tokens.", show_default="the model's"),
]
Utilization = Annotated[
    float | None, typer.Option("--utilization", help="Share of a GPU.", show_default="vLLM's")
]
MaxNumSeqs = Annotated[int | None, typer.Option("--max-num-seqs", min=1, show_default="vLLM's")]
MaxNumBatchedTokens = Annotated[
    int | None, typer.Option("--max-num-batched-tokens", min=1, show_default="vLLM's")
]
VllmVersion = Annotated[
    str | None,
    typer.Option("--vllm-version", help="The version that will serve.", show_default="0.32.0"),
]
Explain = Annotated[bool, typer.Option("--explain", help="Show every number's formula.")]
Pins = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="models.yaml",
        help="Plan a pin: version, dtype, quantisation, context and TP are what it says.",
    ),
]
PinName = Annotated[
    str | None, typer.Option("--name", help="Which of its models.", show_default="the only one")
]
Manifest = Annotated[
    bool,
    typer.Option("--manifest", help="Print Kubernetes objects for the pin, if it fits."),
]
Image = Annotated[
    str, typer.Option("--image", help="Of vLLM, by version or digest.", show_default=False)
]
Weights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="HF_ID|/FOLDER",
        help="What vLLM loads at the pin's revision.",
        show_default="the model's name in the catalogue",
    ),
]
Release = Annotated[
    str | None,
    typer.Option(
        "--release",
        help="What the server says it is (system_fingerprint).",
        show_default="the pin's name and digest",
    ),
]
ObjectName = Annotated[
    str | None,
    typer.Option("--as", help="Name of the objects.", show_default="the pin's, with -"),
]
Namespace = Annotated[str, typer.Option("--namespace", help="Of the objects.", show_default=False)]
Replicas = Annotated[int, typer.Option("--replicas", min=1, help="Servers, or groups of machines.")]
MaxReplicas = Annotated[
    int | None,
    typer.Option(
        "--max-replicas", min=1, help="As many when requests wait.", show_default="--replicas"
    ),
]
CacheClaim = Annotated[
    str,
    typer.Option(
        "--cache-claim", help="PersistentVolumeClaim that keeps weights.", show_default=False
    ),
]
HubSecret = Annotated[
    str, typer.Option("--hub-secret", help="Secret with the hub's `token`.", show_default=False)
]
KeySecret = Annotated[
    str, typer.Option("--key-secret", help="Secret with the API's `api-key`.", show_default=False)
]
TopologyKey = Annotated[
    str,
    typer.Option(
        "--topology-key",
        help="Label of nodes that a group of machines must have alike.",
        show_default=False,
    ),
]
