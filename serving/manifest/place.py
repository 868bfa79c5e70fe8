"""Where a model is to run: everything that is a choice of the cluster, not of the model."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import InvalidError
from serving.launch import Launch, machines

#: RFC 1035 label: what Kubernetes takes as the name of a Service.
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,51}[a-z0-9])?")
#: A group's name, its number and a hash of ten characters make a label, of 63 at most.
_LONGEST_OF_GROUPS = 42
#: A label's name, with or without whose it is; or nothing.
_LABEL = re.compile(
    r"([a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?|"
)
#: Written by people and by CI; never a tag that moves.
_MOVING_TAGS = (":latest", ":nightly", ":main")


class PlaceError(InvalidError):
    """The model cannot run in this place."""

    code = "place_invalid"


@dataclass(frozen=True, slots=True)
class Place:
    """Seconds and counts. Empty strings leave a part out.

    `name` names all objects. `image` must be pinned by a tag or digest. `cache_claim` is a
    PersistentVolumeClaim for downloaded weights (else each pod downloads into a folder of its own),
    `hub_secret` a Secret with the key `token`, `key_secret` one with the key `api-key`.
    `drain_seconds` is the time load balancers get to stop sending before the server hears SIGTERM.
    `gpus_per_node`, `cpu`, memories and `cache_size` are those of one machine. A model that takes
    several gets them in groups; with `topology_key`, a label of nodes such as that of their rack,
    all machines of a group have it alike, and no other group is there.
    """

    name: str
    image: str
    namespace: str = ""
    replicas: int = 1
    max_replicas: int = 1
    #: Requests waiting on each replica at which another is started.
    waiting_target: int = 5
    gpu_resource: str = "nvidia.com/gpu"
    gpus_per_node: int = 8
    topology_key: str = ""
    cpu: str = "4"
    memory: str = "32Gi"
    shared_memory: str = "8Gi"
    cache_claim: str = ""
    cache_size: str = "200Gi"
    hub_secret: str = ""
    key_secret: str = ""
    monitoring_namespace: str = "monitoring"
    startup_seconds: int = 1800
    drain_seconds: int = 15
    #: Beyond preStop and shutdown timeout, for the processes to end.
    slack_seconds: int = 15

    @property
    def labels(self) -> dict[str, str]:
        """What selects this model's pods and nobody else's."""
        return {"app.kubernetes.io/name": "vllm", "app.kubernetes.io/instance": self.name}

    @property
    def group_name(self) -> str:
        """The name of groups of machines. Not `name`: what makes them makes a Service of their name
        too, by which a group's machines find each other.
        """
        return f"{self.name}-group"

    def machines(self, launch: Launch) -> int:
        """How many machines serve the launch together. Raises MachinesUnevenError."""
        return machines(launch.tensor_parallel, launch.pipeline_parallel, self.gpus_per_node)

    def grace_seconds(self, launch: Launch) -> int:
        """How long a pod may take to end."""
        return self.drain_seconds + launch.shutdown_seconds + self.slack_seconds

    @property
    def all_labels(self) -> dict[str, str]:
        """`labels`, and whose these pods are."""
        whose = {"app.kubernetes.io/part-of": "assay", "app.kubernetes.io/component": "model"}
        return {**self.labels, **whose}

    def metadata(self, **more: object) -> dict[str, object]:
        """Name, namespace and labels of an object."""
        where = {"namespace": self.namespace} if self.namespace else {}
        return {"name": self.name, **where, "labels": self.all_labels, **more}


def check_place(launch: Launch, place: Place) -> None:
    """Raise PlaceError, or MachinesUnevenError, for a place where the launch cannot run."""
    if not _NAME.fullmatch(place.name):
        raise PlaceError(
            f"{place.name[:60]!r} cannot name Kubernetes objects",
            hint="lower-case letters, digits and -, at most 53, and a letter first",
        )
    _check_image(place.image)
    if place.gpus_per_node < 1:
        raise PlaceError("a node has at least one GPU")
    if place.machines(launch) > 1 and len(place.name) > _LONGEST_OF_GROUPS:
        raise PlaceError(
            f"{place.name!r} is too long a name for groups of machines",
            hint=f"at most {_LONGEST_OF_GROUPS} characters",
        )
    if not _LABEL.fullmatch(place.topology_key):
        raise PlaceError(f"{place.topology_key[:60]!r} is no label of nodes")
    if not 1 <= place.replicas <= place.max_replicas:
        raise PlaceError("replicas are at least 1 and at most max_replicas")
    if min(place.drain_seconds, place.slack_seconds, place.waiting_target) < 1:
        raise PlaceError("drain, slack and the waiting target are at least 1")
    if place.startup_seconds < 60:
        raise PlaceError("loading weights takes more than a minute; raise startup_seconds")


def _check_image(image: str) -> None:
    named = image.rpartition("/")[2]
    if not image or image.startswith("-") or not image.isprintable() or " " in image:
        raise PlaceError(f"{image[:60]!r} is no image")
    if image.endswith(_MOVING_TAGS) or not (":" in named or "@" in named):
        raise PlaceError(
            f"the image {image!r} is not pinned",
            hint="name a version or a digest: another engine would serve under the same name",
        )
