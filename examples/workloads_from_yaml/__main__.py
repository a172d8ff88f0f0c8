"""YAML for teams, on top of the components: a workload for each file in workloads/."""

from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import yaml
from pydantic import BaseModel, ValidationError

from irsa_components.container import ContainerArgs
from irsa_components.data_bucket import DataBucket, DataBucketArgs
from irsa_components.namespace import Namespace, NamespaceArgs
from irsa_components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from irsa_components.workload import Workload, WorkloadArgs


class WorkloadFile(BaseModel, extra="forbid"):
    """The keys of a file; the workload is named after the file."""

    image: str
    command: list[str] | None = None
    access: str = "read"


class _Loader(yaml.SafeLoader):
    """Refuse a key that is given twice, of which `yaml.SafeLoader` takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise yaml.YAMLError(f"{twice} is given twice")
        return super().construct_mapping(node, deep)


workloads: dict[str, WorkloadFile] = {}
for file in sorted(Path(__file__).with_name("workloads").glob("*.yaml")):
    try:
        workloads[file.stem] = WorkloadFile.model_validate(
            _Loader(file.read_text()).get_single_data()
        )
    except yaml.YAMLError as error:
        raise pulumi.RunError(f"{file.name}: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        mistakes = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise pulumi.RunError(f"{file.name}: {'; '.join(mistakes)}") from None

platform = pulumi.StackReference(f"{pulumi.get_organization()}/platform/{pulumi.get_stack()}")
cluster = k8s.Provider(
    "platform",
    kubeconfig=platform.require_output("kubeconfig"),
    cluster_identifier=platform.require_output("issuer_url"),
)
namespace_args = NamespaceArgs(namespace="team-2", force_destroy=True)
namespace = Namespace("team-2", namespace_args, pulumi.ResourceOptions(providers=[cluster]))
in_namespace = pulumi.ResourceOptions(providers=[cluster], depends_on=[namespace])

for workload, spec in workloads.items():
    name = f"acme-team-2-{workload}"
    data = DataBucketArgs(bucket_name=name, force_destroy=True, policies={name: spec.access})
    bucket = DataBucket(name, data)
    trust = ServiceAccountRoleArgs(
        role_name=name,
        provider_arns=[platform.require_output("provider_arn")],
        subjects=[f"team-2/{workload}"],
        policy_arns={"bucket": bucket.policy_arns[name]},
    )
    role = ServiceAccountRole(name, trust)
    container = ContainerArgs(image=spec.image, command=spec.command)
    args = WorkloadArgs(namespace="team-2", role_arn=role.role_arn, container=container)
    Workload(workload, args, in_namespace)
