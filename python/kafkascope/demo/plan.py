"""What px-kafka consists of: its deployments, their services, and how many pods each has at first."""

from __future__ import annotations

import hashlib
import secrets
import sys
from dataclasses import dataclass, field

from kafkascope.demo.errors import DemoError

#: As in pods' names on Kubernetes: no vowels, nothing that reads like another sign.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
MAX_REPLICAS = 20


@dataclass(frozen=True)
class Deployment:
    """Pods of one kind. ``port`` is what it serves HTTP (or Kafka) on in its own namespace."""

    name: str
    port: int
    owner_kind: str = "Deployment"
    module: str = ""
    scalable: bool = True
    service: str = ""
    #: Started when these are ready.
    after: tuple[str, ...] = ()
    start_s: float = 30.0

    def command(self) -> list[str]:
        return [sys.executable, "-m", self.module]


@dataclass(frozen=True)
class Demo:
    """A demo application."""

    name: str
    short: str
    deployments: tuple[Deployment, ...]
    front: str = ""
    by_name: dict[str, Deployment] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_name.update({d.name: d for d in self.deployments})


_SERVICES = "kafkascope.demo.services"
PX_KAFKA = Demo(
    "px-kafka",
    "Orders on Kafka: one producer, two consumer groups, one of which can be made slow",
    (
        Deployment("kafka", 9092, "StatefulSet", scalable=False, service="kafka", start_s=60),
        Deployment("order", 8080, module=f"{_SERVICES}.order", scalable=False, service="order-service", after=("kafka",)),
        Deployment("shipping", 8080, module=f"{_SERVICES}.shipping", service="shipping-service", after=("order",)),
        Deployment("invoicing", 8080, module=f"{_SERVICES}.invoicing", service="invoicing-service", after=("order",)),
        Deployment("apache", 8080, module=f"{_SERVICES}.front", scalable=False, service="apache", after=("order", "shipping", "invoicing")),
        Deployment("load-generator", 8080, module=f"{_SERVICES}.load", scalable=False, after=("apache",)),
    ),
    front="apache",
)
DEMOS = {demo.name: demo for demo in (PX_KAFKA,)}


def find(name: str) -> Demo:
    """The demo of that name. Raises ``DemoError`` with the names there are."""
    try:
        return DEMOS[name]
    except KeyError:
        raise DemoError(f"no demo named '{name}'", f"one of: {', '.join(DEMOS)}", 2) from None


def pod_name(demo: str, deployment: Deployment, ordinal: int) -> str:
    """A name as Kubernetes gives it: ``kafka-0`` in a stateful set, ``order-7c9d5f8b6-x2k4p`` in a deployment."""
    if deployment.owner_kind == "StatefulSet":
        return f"{deployment.name}-{ordinal}"
    return f"{deployment.name}-{template_hash(demo, deployment.name)}-{''.join(secrets.choice(_ALPHABET) for _ in range(5))}"


def template_hash(demo: str, deployment: str) -> str:
    digest = hashlib.sha256(f"{demo}/{deployment}".encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:9])
