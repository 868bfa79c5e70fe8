"""What is written for `vllm serve` is what the installed vLLM's own parser understands."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from assay.plans.pin import decided, launch_of
from registry.domain.model_pin import ModelPin, parse_models
from serving.launch import FLAGS, HASH_ALGORITHMS, Launch, Node, command
from serving.planner import catalogue
from serving.planner.plan import make_plan
from serving.planner.request import PlanRequest
from tests.unit.serving.launches import COMMIT, LAUNCH

Parse = Callable[[Sequence[Sequence[str]]], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def parse(environment: Path) -> Iterator[Parse]:
    """Asks vLLM's parser about many argument lists. It is imported once: that takes seconds."""
    script = Path(__file__).with_name("parse_arguments.py")
    program = [str(environment / "bin" / "python"), str(script)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parser:
        asked, told = parser.stdin, parser.stdout
        assert asked is not None
        assert told is not None

        def ask(lists: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
            answers = []
            for argv in lists:
                asked.write(json.dumps(argv).encode() + b"\n")
                asked.flush()
                answers.append(json.loads(told.readline()))
            return answers

        yield ask


#: Where vLLM keeps what a flag says, and what of a launch it must be.
_MEANING: dict[str, Callable[[Launch], object]] = {
    "model_tag": lambda launch: launch.model,
    "host": lambda launch: launch.host,
    "port": lambda launch: launch.port,
    "served_model_name": lambda launch: [launch.served_name],
    "revision": lambda launch: None if launch.is_folder else launch.revision,
    "code_revision": lambda launch: None if launch.is_folder else launch.revision,
    "tokenizer_revision": lambda launch: None if launch.is_folder else launch.revision,
    "tensor_parallel_size": lambda launch: launch.tensor_parallel,
    "dtype": lambda launch: launch.dtype or "auto",
    "quantization": lambda launch: launch.quantization or None,
    "kv_cache_dtype": lambda launch: launch.kv_dtype or "auto",
    "max_model_len": lambda launch: launch.max_context or None,
    "max_num_seqs": lambda launch: launch.max_sequences or None,
    "max_num_batched_tokens": lambda launch: launch.max_batched_tokens or None,
    "kv_cache_memory_bytes": lambda launch: launch.kv_cache_bytes,
    "enable_prefix_caching": lambda launch: launch.prefix_caching,
    "enable_prompt_tokens_details": lambda launch: True,
    "shutdown_timeout": lambda launch: launch.shutdown_seconds,
    "fingerprint_mode": lambda launch: "custom" if launch.release else None,
    "fingerprint_value": lambda launch: launch.release or None,
}


def launches() -> list[Launch]:
    """Every shape that a model version can have: on GPUs and off, from a hub and from a folder."""
    folder = {"model": "/models/smollm2", "revision": "sha256:ab"}
    sizes: list[dict[str, Any]] = [
        {"gpu_memory_utilization": 0.95, "kv_cache_bytes": None},
        {"gpu_memory_utilization": None, "kv_cache_bytes": 2**33},
        {"gpu_memory_utilization": None, "kv_cache_bytes": None},
    ]
    limits: list[dict[str, Any]] = [
        {"max_context": 0, "max_sequences": 0, "max_batched_tokens": 0},
        {"max_context": 131_072, "max_sequences": 256, "max_batched_tokens": 8192},
    ]
    dtypes: list[dict[str, Any]] = [
        {"dtype": "", "quantization": "", "kv_dtype": ""},
        {"dtype": "float16", "quantization": "fp8", "kv_dtype": "fp8"},
        {"dtype": "bfloat16", "quantization": "compressed-tensors", "kv_dtype": "fp8_e4m3"},
        {"dtype": "float32", "quantization": "awq", "kv_dtype": "auto"},
        {"dtype": "half", "quantization": "gptq_marlin", "kv_dtype": "fp8_e5m2"},
    ]
    caches: list[dict[str, Any]] = [{"hash_algorithm": name} for name in HASH_ALGORITHMS]
    caches.append({"prefix_caching": False})
    shapes = product([{}, folder], sizes, limits, dtypes, caches, [{}, {"release": ""}], [1, 8])
    return [
        replace(LAUNCH, tensor_parallel=gpus, **where, **size, **limit, **dtype, **cache, **named)
        for where, size, limit, dtype, cache, named, gpus in shapes
    ]


def test_every_shape_of_a_model_version_is_understood_as_it_is_meant(parse: Parse) -> None:
    shapes = launches()
    argvs = [command(launch)[2:] for launch in shapes]
    used = {a for argv in (*argvs, *of_machines()) for a in argv if a.startswith("--")}
    assert used == {flag.name for flag in FLAGS}
    for launch, answer in zip(shapes, parse(argvs), strict=True):
        assert "refused" not in answer, (launch, answer)
        assert answer["unknown"] == [], launch  # argparse takes abbreviations too
        for name, meant in _MEANING.items():
            expected = meant(launch)
            if expected is not None or name in {"revision", "kv_cache_memory_bytes"}:
                assert answer["values"][name] == str(expected), (name, launch)


def of_machines() -> list[tuple[str, ...]]:
    """Of a launch on two machines: the leader's arguments, and the other one's."""
    launch = replace(LAUNCH, tensor_parallel=8, pipeline_parallel=2)
    nodes = [Node(2, rank, "vllm-0.vllm", 29_600, wait_seconds=900) for rank in ("0", "1")]
    return [command(launch, node)[2:] for node in nodes]


def test_each_of_several_machines_is_understood_as_it_is_meant(parse: Parse) -> None:
    for rank, answer in enumerate(parse(of_machines())):
        assert answer["unknown"] == []
        said = answer["values"]
        assert (said["tensor_parallel_size"], said["pipeline_parallel_size"]) == ("8", "2")
        assert (said["nnodes"], said["node_rank"]) == ("2", str(rank))
        assert (said["master_addr"], said["master_port"]) == ("vllm-0.vllm", "29600")
        assert said["distributed_executor_backend"] == "mp"
        assert said["distributed_timeout_seconds"] == "900"
        assert said["cpu_distributed_timeout_seconds"] == "900"
        assert said["headless"] == str(rank > 0)


#: Every key that a pin of models.yaml can have, and how it is launched. None: not vLLM's to know.
_PINNED: dict[str, tuple[str, object] | None] = {
    "served_id": ("served_model_name", ["llama-3.1-8b"]),
    "revision": ("revision", COMMIT),
    "tokenizer_revision": ("tokenizer_revision", COMMIT[::-1]),
    "engine": None,
    "engine_version": None,
    "dtype": ("dtype", "bfloat16"),
    "quantization": ("quantization", "fp8"),
    "max_context": ("max_model_len", 8192),
    "tensor_parallel": ("tensor_parallel_size", 2),
    "base_url": None,
    "base_url_env": None,
    "concurrency": None,
    "price_prompt": None,
    "price_completion": None,
    "timeout_seconds": None,
    "limit_max_tokens": None,
    "limit_temperature": None,
    "limit_top_p": None,
    "limit_stop": None,
}
_MODELS = f"""\
models:
  llama:
    served_id: llama-3.1-8b
    revision: {COMMIT}
    tokenizer_revision: {COMMIT[::-1]}
    engine: vllm
    engine_version: 0.32.0
    dtype: bfloat16
    quantization: fp8
    max_context: 8192
    tensor_parallel: 2
    base_url: http://vllm:8000
    concurrency: 16
    price: {{prompt: 0.5, completion: 1.5}}
    limits: {{max_tokens: 512, temperature: 1}}
    timeout_seconds: 60
"""


def launched(pin: ModelPin) -> Launch:
    """What is pinned, as `assay plan --manifest` launches it."""
    model = "meta-llama/Llama-3.1-8B-Instruct"
    said = decided(pin, {})
    request = PlanRequest(catalogue.find(model).architecture, gpu="h100-sxm", **said)
    return launch_of(pin, make_plan(request).settings, model=model, release=None)


def test_every_field_of_a_pin_reaches_the_engine_or_is_known_not_to(parse: Parse) -> None:
    assert set(_PINNED) | {"name"} == {field.name for field in fields(ModelPin)}
    pins, findings = parse_models("models.yaml", _MODELS.encode())
    assert not findings
    unset = ModelPin(name="llama", served_id="").to_json()
    said = {name for name, value in pins["llama"].to_json().items() if value != unset[name]}
    assert said >= {name for name, meaning in _PINNED.items() if meaning}
    [answer] = parse([command(launched(pins["llama"]))[2:]])
    assert answer["unknown"] == []
    for name, meaning in _PINNED.items():
        if meaning is not None:
            option, expected = meaning
            assert answer["values"][option] == str(expected), name


def test_the_planner_s_flags_are_understood(parse: Parse) -> None:
    plans = [
        make_plan(PlanRequest(catalogue.find(name).architecture, gpu="h100-sxm", tp=1))
        for name in catalogue.names()
    ]
    assert len(plans) > 25
    for plan, answer in zip(plans, parse([["m", *plan.flags] for plan in plans]), strict=True):
        assert "refused" not in answer, (plan.flags, answer)
        names = [flag.partition("=")[0] for flag in plan.flags]
        assert answer["values"]["max_model_len"] == str(plan.settings.max_model_len)
        assert not set(names) & set(answer["unknown"])


def test_what_the_planner_says_of_several_machines_is_understood(parse: Parse) -> None:
    large = catalogue.find("meta-llama/Llama-3.1-70B-Instruct").architecture
    plan = make_plan(PlanRequest(large, gpu="h100-sxm", tp=8, pp=2))
    assert plan.machines
    told = (plan.machines.leader_flags, plan.machines.worker_flags)
    filled = [["m", *plan.flags, *(f.replace("RANK", "1") for f in flags)] for flags in told]
    leader, worker = (answer["values"] for answer in parse(filled))
    assert (leader["nnodes"], leader["node_rank"], leader["headless"]) == ("2", "0", "False")
    assert (worker["nnodes"], worker["node_rank"], worker["headless"]) == ("2", "1", "True")


def test_the_parser_would_notice(parse: Parse) -> None:
    wrong = [
        ["m", "--no-such-flag"],
        ["m", "--prefix-caching-hash-algo", "md5"],
        ["m", "--dtype", "float99"],
        ["m", "--port", "many"],
        ["m", "--node-rank", "$(LWS_WORKER_INDEX)"],
    ]
    assert all("refused" in answer for answer in parse(wrong))
    [abbreviated] = parse([["m", "--kv-cache-memory-byt", "5"]])
    assert abbreviated["unknown"] == ["--kv-cache-memory-byt"]
