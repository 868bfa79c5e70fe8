"""plan: does a model fit on these GPUs, what is left for its requests, and what is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from assay import exit_codes, output
from assay.errors import PlanUnclearError
from assay.options import AsJson
from assay.plans import options, showing
from assay.plans.model import architecture_of, name_of, weights_of
from assay.plans.pin import decided, launch_of, object_name, pin_of

if TYPE_CHECKING:
    from registry.domain.model_pin import ModelPin
    from serving.launch import Launch
    from serving.manifest import Place
    from serving.planner.plan import Plan
    from serving.planner.suggestion import Suggestion


def plan(  # one option per setting of vLLM and choice of the cluster
    gpu: options.GpuName,
    model: options.ModelName = None,
    pins: options.Pins = None,
    name: options.PinName = None,
    count: options.Count = None,
    gpus_per_node: options.GpusPerNode = 8,
    tp: options.TensorParallel = None,
    pp: options.PipelineParallel = 1,
    dtype: options.Dtype = None,
    kv_dtype: options.KvDtype = "auto",
    quantization: options.Quantization = None,
    max_model_len: options.MaxModelLen = None,
    utilization: options.Utilization = None,
    max_num_seqs: options.MaxNumSeqs = None,
    max_num_batched_tokens: options.MaxNumBatchedTokens = None,
    vllm_version: options.VllmVersion = None,
    explain: options.Explain = False,
    as_json: AsJson = False,
    manifest: options.Manifest = False,
    image: options.Image = "",
    weights: options.Weights = None,
    release: options.Release = None,
    as_name: options.ObjectName = None,
    namespace: options.Namespace = "",
    replicas: options.Replicas = 1,
    max_replicas: options.MaxReplicas = None,
    cache_claim: options.CacheClaim = "",
    hub_secret: options.HubSecret = "",
    key_secret: options.KeySecret = "",
    topology_key: options.TopologyKey = "",
) -> None:
    """Plan the GPU memory of a model server, without a GPU or a server.

    Says whether `vllm serve` would start, what each part takes, how many requests fit, on how many
    machines it runs, and the smallest plan that fits. Exit code 1 when it does not fit.

    With --from a pin of models.yaml is planned, and with --manifest deployed: Kubernetes objects go
    to stdout if it fits, and what is to be said about them to stderr.
    """
    from serving.manifest import Place
    from serving.planner.plan import make_plan
    from serving.planner.request import PlanRequest
    from serving.planner.suggestion import suggest

    pin = pin_of(pins, name) if pins else None
    wanted = name_of(model, pin)
    architecture, index_bytes = architecture_of(wanted)
    said = {
        "tp": tp,
        "dtype": dtype,
        "quantization": quantization,
        "max_model_len": max_model_len,
        "vllm_version": vllm_version,
    }
    request = PlanRequest(
        model=architecture,
        gpu=gpu,
        gpus=count,
        gpus_per_node=gpus_per_node,
        pp=pp,
        kv_dtype=kv_dtype,
        utilization=utilization,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
        index_bytes=index_bytes,
        **decided(pin, said),
    )
    made = make_plan(request)
    suggestion = suggest(request, made)
    cluster: dict[str, Any] = {
        "image": image,
        "namespace": namespace,
        "topology_key": topology_key,
        "cache_claim": cache_claim,
        "hub_secret": hub_secret,
        "key_secret": key_secret,
    }
    if manifest:
        deployed = _to_deploy(pin, image=image, is_table=not (as_json or explain))
        loaded = weights_of(weights, wanted, deployed)
        launch = launch_of(deployed, made.settings, model=loaded, release=release)
        place = Place(
            name=as_name or object_name(deployed),
            replicas=replicas,
            max_replicas=replicas if max_replicas is None else max_replicas,
            gpus_per_node=gpus_per_node,
            **cluster,
        )
        _deploy(launch, place, made, suggestion)
    elif any(cluster.values()) or weights or release or as_name or max_replicas:
        raise PlanUnclearError("these options are for what is deployed", hint="add --manifest")
    elif as_json:
        output.emit(showing.document(made, suggestion))
    else:
        showing.show(made, suggestion, explain=explain)
    raise typer.Exit(exit_codes.PASS if made.fits else exit_codes.GATE_FAILED)


def _to_deploy(pin: ModelPin | None, *, image: str, is_table: bool) -> ModelPin:
    """The pin. Raises PlanUnclearError when something is missing that is not the pin's to say."""
    if pin is None:
        raise PlanUnclearError("only a pin can be deployed", hint="--from models.yaml")
    if not image:
        raise PlanUnclearError("which image of vLLM?", hint="--image, by version or digest")
    if not is_table:
        raise PlanUnclearError("--manifest prints YAML", hint="leave --json and --explain out")
    return pin


def _deploy(launch: Launch, place: Place, made: Plan, suggestion: Suggestion | None) -> None:
    """Objects on stdout, where the plan fits, and what is to be said on stderr."""
    from serving.manifest import manifest as manifest_of

    text = manifest_of(launch, place)
    for line in showing.verdict(made):
        output.say(line)
    if made.fits:
        output.write_text(text)
        return
    for line in showing.advice(made, suggestion):
        output.say(line)
