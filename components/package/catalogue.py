"""What the package offers: each component, the class of its arguments, and its outputs."""

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple, get_origin

import pulumi
from pulumi import Output

from ..access_key_user import AccessKeyUser, AccessKeyUserArgs
from ..config.keys import camel_case
from ..cross_account_role import CrossAccountRole, CrossAccountRoleArgs
from ..data_bucket import DataBucket, DataBucketArgs
from ..eks_cluster import EksCluster, EksClusterArgs
from ..namespace import Namespace, NamespaceArgs
from ..service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from ..workload import Workload, WorkloadArgs

NAME = "irsa"
"""The package's name, with which the types of all its resources begin."""

SECRET = frozenset({"kubeconfig", "secret_access_key"})
"""Fields and outputs whose values are secret."""


class Component(NamedTuple):
    """A component of the package."""

    kind: type[pulumi.ComponentResource]
    args: Any
    """The dataclass of its arguments."""

    @property
    def outputs(self) -> Mapping[str, str]:
        """Attribute of each output, by its name. Attributes that are resources are none: a program
        in another language depends on the component instead."""
        annotations = inspect.get_annotations(self.kind)
        return {
            camel_case(attribute): attribute
            for attribute, kind in annotations.items()
            if get_origin(kind) is Output
        }


COMPONENTS: Mapping[str, Component] = {
    f"{NAME}:index:{each.kind.__name__}": each
    for each in (
        Component(AccessKeyUser, AccessKeyUserArgs),
        Component(CrossAccountRole, CrossAccountRoleArgs),
        Component(DataBucket, DataBucketArgs),
        Component(EksCluster, EksClusterArgs),
        Component(Namespace, NamespaceArgs),
        Component(ServiceAccountRole, ServiceAccountRoleArgs),
        Component(Workload, WorkloadArgs),
    )
}
"""By type token."""
