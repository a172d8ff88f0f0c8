"""A Deployment whose pods get AWS credentials through one service account, or an access key."""

from typing import TYPE_CHECKING, Any

import pulumi_kubernetes as k8s
from pulumi import Input, Output, ResourceOptions

from irsa.identity.subjects import check_workload_name

from . import values
from .workload_identity import WorkloadIdentity, WorkloadIdentityArgs

if TYPE_CHECKING:
    PodSpec = Input[k8s.core.v1.PodSpecArgs | k8s.core.v1.PodSpecArgsDict]
else:
    PodSpec = Input[Any]


@values.arguments
class WorkloadArgs(WorkloadIdentityArgs):
    """Arguments of `Workload`: those of `WorkloadIdentity`, and of a Deployment."""

    pod_spec: PodSpec
    """Spec of the pods, to which the identity is added: see `WorkloadIdentity.pod_template`."""

    replicas: int | None = None
    """Number of pods. Without it there is one, until an autoscaler or `kubectl scale` sets another
    number, which then stays."""


class Workload(WorkloadIdentity):
    """A `WorkloadIdentity`, and a Deployment of pods that have it.

    The component's name is the Deployment's name and the pods' label.
    """

    deployment_name: Output[str]
    """Name of the Deployment, once its pods are ready."""

    def __init__(self, name: str, args: WorkloadArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(check_workload_name(name), args, opts)

    def _create(self, name: str, args: Any) -> dict[str, Any]:
        labels = {"app.kubernetes.io/name": name}
        namespace = args.service_account.namespace
        template: Any = {"metadata": {"labels": labels}, "spec": args.pod_spec}
        self.deployment_name = k8s.apps.v1.Deployment(
            name,
            metadata={"name": name, "namespace": namespace, "labels": labels},
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=args.replicas,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
                template=self.pod_template(template),
            ),
            opts=self.options(self._opts),
        ).metadata.name
        return {"deployment_name": self.deployment_name}
