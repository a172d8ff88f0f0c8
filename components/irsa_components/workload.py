"""A Deployment whose pods get AWS credentials through one service account, or an access key."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

import pulumi_kubernetes as k8s
from pulumi import Input, Output, ResourceOptions

from irsa_core.identity.subjects import check_workload_name

from . import values
from .workload_identity import WorkloadIdentity, WorkloadIdentityArgs

PodSpec = Input[k8s.core.v1.PodSpecArgs | k8s.core.v1.PodSpecArgsDict]
Strategy = Input[k8s.apps.v1.DeploymentStrategyArgs | k8s.apps.v1.DeploymentStrategyArgsDict]


@values.arguments
class WorkloadArgs(WorkloadIdentityArgs):
    """Arguments of `Workload`: those of `WorkloadIdentity`, and of a Deployment."""

    pod_spec: PodSpec
    """Spec of the pods, to which the identity is added: see `WorkloadIdentity.pod_template`."""

    replicas: int | None = None
    """Number of pods. Without it there is one, until an autoscaler or `kubectl scale` sets another
    number, which then stays."""

    strategy: Strategy | None = None
    """Strategy of the Deployment; a rolling update by default."""

    labels: Mapping[str, Input[str]] = field(default_factory=dict)
    """Further labels of the Deployment."""

    annotations: Mapping[str, Input[str]] = field(default_factory=dict)
    """Annotations of the Deployment."""

    pod_labels: Mapping[str, Input[str]] = field(default_factory=dict)
    """Further labels of the pods; ``app.kubernetes.io/name`` is the component's name."""

    pod_annotations: Mapping[str, Input[str]] = field(default_factory=dict)
    """Annotations of the pods."""


class Workload(WorkloadIdentity):
    """A `WorkloadIdentity`, and a Deployment of pods that have it.

    The component's name is the Deployment's name and the pods' label.
    """

    deployment_name: Output[str]
    """Name of the Deployment, once its pods are ready."""

    pod_labels: Output[dict[str, str]]
    """Labels by which a Service or a policy selects the pods."""

    def __init__(self, name: str, args: WorkloadArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(check_workload_name(name), args, opts)

    def _create(self, name: str, args: Any) -> dict[str, Any]:
        selector = {"app.kubernetes.io/name": name}
        meta: Any = {"labels": {**args.pod_labels, **selector}}
        if args.pod_annotations:
            meta["annotations"] = {**args.pod_annotations}
        self.deployment = k8s.apps.v1.Deployment(
            name,
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=name,
                namespace=args.service_account.namespace,
                labels={**args.labels, **selector},
                annotations={**args.annotations} or None,
            ),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=args.replicas,
                strategy=args.strategy,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector),
                template=self.pod_template({"metadata": meta, "spec": args.pod_spec}),
            ),
            opts=self.options(self._child_opts("deployment", k8s.apps.v1.Deployment)),
        )
        self.deployment_name = self.deployment.metadata.name
        self.pod_labels = Output.from_input(selector)
        return {"deployment_name": self.deployment_name, "pod_labels": self.pod_labels}
