"""The Kubernetes objects: valid, closed, and the model's are what `serving.manifest` makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from serving.launch import Launch
from serving.manifest import Place, manifest
from tests.unit.deploy.files import DEPLOY, settings_variables
from tests.unit.deploy.schemas import validate

_FOLDER = DEPLOY / "kubernetes"
_BASE, _EXAMPLE = _FOLDER / "base", _FOLDER / "example"
_FILES = sorted(p for p in _FOLDER.rglob("*.yaml") if p.name != "kustomization.yaml")
_RELEASES = ("1.30", "1.37")

#: What deploy/kubernetes/example/model.yaml was made from.
LAUNCH = Launch(
    model="meta-llama/Llama-3.1-8B-Instruct",
    served_name="llama-3.1-8b",
    revision="0e9e39f249a16976918f6564b8830bc894c89659",
    engine_version="0.32.0",
    dtype="bfloat16",
    max_context=8192,
    gpu_memory_utilization=0.9,
    release="llama-3.1-8b-1",
)
PLACE = Place(
    name="llama-3-1-8b",
    image="vllm:v0.32.0",
    max_replicas=4,
    hub_secret="model-hub",
    cache_claim="model-weights",
)


def objects(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def workloads() -> dict[str, dict[str, Any]]:
    """Our own pods by the name of their Deployment or Job."""
    found = [one for path in _BASE.glob("*.yaml") for one in objects(path)]
    kinds = {"Deployment", "Job"}
    return {
        one["metadata"]["name"]: one["spec"]["template"] for one in found if one["kind"] in kinds
    }


def containers(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [*template["spec"].get("initContainers", ()), *template["spec"]["containers"]]


@pytest.mark.parametrize("release", _RELEASES)
@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_objects_are_what_kubernetes_takes(path: Path, release: str) -> None:
    for one in objects(path):
        validate(one, release)


def test_the_validator_is_not_blind() -> None:
    [job] = objects(_BASE / "migrate.yaml")
    job["spec"]["template"]["spec"]["containers"][0]["imagePulPolicy"] = "Always"
    with pytest.raises(jsonschema.ValidationError):
        validate(job, "1.37")


@pytest.mark.parametrize("folder", [_BASE, _EXAMPLE], ids=["base", "example"])
def test_kustomizations_name_every_file_and_nothing_else(folder: Path) -> None:
    [kustomization] = objects(folder / "kustomization.yaml")
    listed = set(kustomization["resources"])
    assert {name for name in listed if name.endswith(".yaml")} == {
        path.name for path in folder.glob("*.yaml") if path.name != "kustomization.yaml"
    }
    assert all((folder / name).exists() for name in listed)


def test_the_example_sets_every_image() -> None:
    [kustomization] = objects(_EXAMPLE / "kustomization.yaml")
    set_here = {image["name"] for image in kustomization["images"]}
    used = {
        container["image"].partition(":")[0]
        for path in _FILES
        for one in objects(path)
        if one["kind"] in {"Deployment", "Job"}
        for container in containers(one["spec"]["template"])
    }
    assert used == set_here == {"assay", "vllm"}


def test_the_example_model_is_what_a_pin_makes() -> None:
    assert (_EXAMPLE / "model.yaml").read_text(encoding="utf-8") == manifest(LAUNCH, PLACE)


def test_the_example_reaches_its_model() -> None:
    [kustomization] = objects(_EXAMPLE / "kustomization.yaml")
    literals = {
        line.partition("=")[0]: line.partition("=")[2]
        for generator in kustomization["configMapGenerator"]
        for line in generator["literals"]
    }
    assert literals["ASSAY_MODEL_LLAMA_URL"] == f"http://{PLACE.name}:{LAUNCH.port}/v1"


def test_every_part_is_there() -> None:
    assert set(workloads()) == {
        *("assay-web", "assay-stream", "assay-worker", "assay-beat", "assay-migrate")
    }


@pytest.mark.parametrize("name", sorted(workloads()))
def test_pods_have_no_rights(name: str) -> None:
    template = workloads()[name]
    spec = template["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in containers(template):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", sorted(workloads()))
def test_secrets_are_files_by_reference(name: str) -> None:
    template = workloads()[name]
    [secrets] = [v["secret"] for v in template["spec"]["volumes"] if v["name"] == "secrets"]
    files = {f"/secrets/{item['path']}" for item in secrets["items"]}
    variables = dict(
        line.split("=", 1)
        for line in (_BASE / "assay.env").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    wanted = {value for key, value in variables.items() if key.endswith("_FILE")}
    for container in containers(template):
        extra = {e["name"]: e.get("value", "") for e in container.get("env", ())}
        wanted |= {value for key, value in extra.items() if key.endswith("_FILE")}
    assert wanted == files


def test_every_variable_is_one_that_the_settings_read() -> None:
    lines = (_BASE / "assay.env").read_text(encoding="utf-8").splitlines()
    names = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    for template in workloads().values():
        names |= {e["name"] for c in containers(template) for e in c.get("env", ())}
    assert names - {"POD_IP", "PUBLIC_HOSTS"} <= settings_variables()


def test_only_workers_have_the_keys_of_models() -> None:
    holders = {
        name
        for name, template in workloads().items()
        for container in containers(template)
        for source in container.get("envFrom", ())
        if "secretRef" in source
    }
    assert holders == {"assay-worker"}


def test_nobody_but_the_listeners_is_reached() -> None:
    closed, web, stream = objects(_BASE / "network.yaml")
    assert closed["spec"].get("ingress") is None
    for template in workloads().values():
        selector = closed["spec"]["podSelector"]["matchLabels"]
        assert selector.items() <= template["metadata"]["labels"].items()
    assert web["spec"]["ingress"] == [{"ports": [{"protocol": "TCP", "port": 8000}]}]
    assert stream["spec"]["ingress"] == [{"ports": [{"protocol": "TCP", "port": 8001}]}]


def test_the_ingress_leads_streams_to_their_listener() -> None:
    [ingress] = objects(_EXAMPLE / "ingress.yaml")
    [rule] = ingress["spec"]["rules"]
    routes = {one["path"]: one["backend"]["service"]["name"] for one in rule["http"]["paths"]}
    assert routes == {"/api/v1/stream": "assay-stream", "/": "assay-web"}
    # What is told of runs lies below: /api/v1/stream/runs/.
    assert {one["pathType"] for one in rule["http"]["paths"]} == {"Prefix"}


def test_the_models_policy_lets_our_workers_in() -> None:
    policy = next(o for o in objects(_EXAMPLE / "model.yaml") if o["kind"] == "NetworkPolicy")
    parts = policy["spec"]["ingress"][0]["from"][0]["podSelector"]
    labels = workloads()["assay-worker"]["metadata"]["labels"]
    assert parts["matchLabels"].items() <= labels.items()
    assert labels["app.kubernetes.io/component"] in parts["matchExpressions"][0]["values"]
    web = workloads()["assay-web"]["metadata"]["labels"]["app.kubernetes.io/component"]
    assert web not in parts["matchExpressions"][0]["values"]


@pytest.mark.parametrize("name", ["assay-web", "assay-stream"])
def test_a_listener_ends_after_its_last_answer(name: str) -> None:
    spec = workloads()[name]["spec"]
    [web] = spec["containers"]
    drain = int(web["lifecycle"]["preStop"]["exec"]["command"][1])
    kill = int(web["args"][web["args"].index("--workers-kill-timeout") + 1])
    assert spec["terminationGracePeriodSeconds"] >= drain + kill
