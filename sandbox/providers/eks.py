"""The `eks` component provider: `pulumi_eks.Cluster` as plain children of the `aws` provider.

pulumi-eks is a Node.js plugin. This stands in for it with the children and outputs that the
components rely on: cluster role, cluster, node role and managed node group. The API server is the
sandbox's, whatever version and network are asked for; nodes are the sandbox's kubelet.
https://www.pulumi.com/registry/packages/eks/api-docs/cluster/ names the inputs and outputs.
"""

import asyncio
import json
import threading
from collections.abc import Mapping
from typing import Any

import grpc
import pulumi
import pulumi_aws as aws
from google.protobuf import empty_pb2
from pulumi import Input, Inputs, Output, ResourceOptions
from pulumi.provider import ConstructResult, Provider
from pulumi.provider.server import ProviderServicer
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb
from typing_extensions import override

VERSION = "4.4.0"
SERVER_START_TIMEOUT = 10.0  # seconds
CLUSTER_POLICIES = ("AmazonEKSClusterPolicy",)
NODE_POLICIES = (
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonEC2ContainerRegistryReadOnly",
)
SUPPORTED_INPUTS = frozenset(
    {
        "accessEntries",
        "authenticationMode",
        "clusterTags",
        "createOidcProvider",
        "desiredCapacity",
        "enabledClusterLogTypes",
        "endpointPrivateAccess",
        "endpointPublicAccess",
        "instanceType",
        "maxSize",
        "minSize",
        "name",
        "nodeSubnetIds",
        "privateSubnetIds",
        "proxy",
        "publicAccessCidrs",
        "publicSubnetIds",
        "skipDefaultNodeGroup",
        "skipDefaultSecurityGroups",
        "subnetIds",
        "tags",
        "useDefaultVpcCni",
        "version",
        "vpcId",
    }
)
DEFAULT_SUBNETS = ("subnet-0sandbox0a", "subnet-0sandbox0b")


def service_trust(service: str) -> str:
    """A trust policy for an AWS service's own use of a role."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def service_role(
    name: str, service: str, policies: tuple[str, ...], opts: ResourceOptions
) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
    """A role for ``service`` with AWS's own policies attached."""
    role = aws.iam.Role(name, assume_role_policy=service_trust(service), opts=opts)
    attachments: list[pulumi.Resource] = [
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy}",
            role=role.name,
            policy_arn=f"arn:aws:iam::aws:policy/{policy}",
            opts=opts,
        )
        for policy in policies
    ]
    return role, attachments


class Cluster(pulumi.ComponentResource):
    """What the sandbox makes of a `pulumi_eks.Cluster`."""

    outputs: dict[str, Any]
    """The component's outputs, by their names on the wire."""

    def __init__(
        self, name: str, inputs: Inputs, opts: ResourceOptions, kubeconfig: Mapping[str, Any]
    ) -> None:
        super().__init__("eks:index:Cluster", name, {}, opts)
        child = ResourceOptions(parent=self)
        subnets = inputs.get("subnetIds") or inputs.get("privateSubnetIds") or DEFAULT_SUBNETS

        role, attachments = service_role(
            f"{name}-eksRole", "eks.amazonaws.com", CLUSTER_POLICIES, child
        )
        cluster = aws.eks.Cluster(
            f"{name}-eksCluster",
            name=inputs.get("name"),
            role_arn=role.arn,
            version=inputs.get("version"),
            vpc_config={"subnet_ids": subnets},
            access_config={"authentication_mode": inputs.get("authenticationMode") or "CONFIG_MAP"},
            opts=ResourceOptions(parent=self, depends_on=attachments),
        )
        if not inputs.get("skipDefaultNodeGroup"):
            self._default_nodes(name, inputs, cluster, subnets)

        issuer_url = cluster.identities[0].oidcs[0].issuer
        # Depends on the cluster, so that the provider made of it is configured afterwards.
        config = Output.secret(cluster.endpoint.apply(lambda _: dict(kubeconfig)))
        self.outputs = {
            "eksCluster": cluster,
            "kubeconfig": config,
            "kubeconfigJson": Output.secret(Output.json_dumps(config)),
            "oidcProviderUrl": issuer_url,
            "oidcIssuer": issuer_url.apply(lambda url: url.removeprefix("https://")),
            "oidcProviderArn": "",
        }
        self.register_outputs(self.outputs)

    def _default_nodes(
        self, name: str, inputs: Inputs, cluster: aws.eks.Cluster, subnets: Input[Any]
    ) -> None:
        child = ResourceOptions(parent=self)
        role, attachments = service_role(
            f"{name}-instanceRole", "ec2.amazonaws.com", NODE_POLICIES, child
        )
        aws.eks.NodeGroup(
            f"{name}-nodes",
            cluster_name=cluster.name,
            node_role_arn=role.arn,
            subnet_ids=subnets,
            scaling_config={
                "desired_size": inputs.get("desiredCapacity") or 2,
                "min_size": inputs.get("minSize") or 1,
                "max_size": inputs.get("maxSize") or 2,
            },
            opts=ResourceOptions(parent=self, depends_on=attachments),
        )


class EksProvider(Provider):
    """Constructs the sandbox's `Cluster`; any other component is refused by name."""

    def __init__(self, kubeconfig: Mapping[str, Any]) -> None:
        super().__init__(VERSION)
        self._kubeconfig = kubeconfig

    @override
    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: Inputs,
        options: ResourceOptions | None = None,
    ) -> ConstructResult:
        if resource_type != "eks:index:Cluster":
            raise pulumi.RunError(
                f"the sandbox has no component {resource_type}; it has eks:index:Cluster"
            )
        for given in sorted(inputs.keys() - SUPPORTED_INPUTS):
            raise pulumi.RunError(
                f"eks:index:Cluster {name}: the sandbox does not know the input {given}"
            )
        if inputs.get("createOidcProvider"):
            raise pulumi.RunError(
                f"eks:index:Cluster {name}: the sandbox makes no OIDC provider here; "
                "leave createOidcProvider false and use aws.iam.OpenIdConnectProvider"
            )
        cluster = Cluster(name, inputs, options or ResourceOptions(), self._kubeconfig)
        return ConstructResult(urn=cluster.urn, state=cluster.outputs)


class _Servicer(ProviderServicer):
    """pulumi's component servicer, for an engine that attaches instead of starting a plugin."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider, [], engine_address="")

    async def Handshake(  # noqa: N802 - gRPC's name
        self, request: pb.ProviderHandshakeRequest, _context: grpc.aio.ServicerContext
    ) -> pb.ProviderHandshakeResponse:
        self.engine_address = request.engine_address
        return pb.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=True, accept_outputs=True
        )

    async def Attach(  # noqa: N802 - gRPC's name
        self, request: plugin_pb2.PluginAttach, _context: grpc.aio.ServicerContext
    ) -> empty_pb2.Empty:
        self.engine_address = request.address
        return empty_pb2.Empty()

    async def Cancel(  # noqa: N802 - gRPC's name
        self, _request: empty_pb2.Empty, _context: grpc.aio.ServicerContext
    ) -> empty_pb2.Empty:
        return empty_pb2.Empty()


class EksServer:
    """Serves `EksProvider` on a free loopback port, on an event loop of its own."""

    def __init__(self, kubeconfig: Mapping[str, Any]) -> None:
        self._provider = EksProvider(kubeconfig)
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="eks-provider", daemon=True)
        self.port = 0

    def start(self) -> None:
        """Return when the port is open."""
        self._thread.start()
        if not self._started.wait(SERVER_START_TIMEOUT):
            raise RuntimeError("the eks provider did not start; see the sandbox's log")

    def stop(self) -> None:
        """Stop at once; safe to call again."""
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        server = grpc.aio.server()
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(_Servicer(self._provider), server)
        self.port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        self._started.set()
        await self._stopping.wait()
        await server.stop(grace=None)
