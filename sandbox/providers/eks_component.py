"""The `eks` component provider: `pulumi_eks.Cluster` as plain children of the `aws` provider.

pulumi-eks is a Node.js plugin. This stands in for it with the children and outputs that the
components rely on: the cluster's role and the cluster. It leaves out the add-ons kube-proxy and
vpc-cni, and refuses by name what would make anything else. The API server is the sandbox's,
whatever version and network are asked for, and its only node is the sandbox's kubelet.
https://www.pulumi.com/registry/packages/eks/api-docs/cluster/ names the inputs and outputs.
"""

import asyncio
import json
import threading
from typing import Any

import grpc
import pulumi
import pulumi_aws as aws
from google.protobuf import empty_pb2
from pulumi import Inputs, Output, ResourceOptions
from pulumi.provider import ConstructResult, Provider
from pulumi.provider.server import ProviderServicer
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb
from typing_extensions import override

from irsa.identity.arns import aws_policy_arn
from irsa.identity.kubeconfig import kubeconfig
from irsa.identity.policies import service_trust_policy

from ..serving.owner_port import OwnerPort

VERSION = "4.4.0"
SERVER_START_TIMEOUT = 10.0  # seconds
CLUSTER_POLICIES = ("AmazonEKSClusterPolicy",)
SUPPORTED_INPUTS = frozenset(
    {
        "authenticationMode",
        "createOidcProvider",
        "deletionProtection",
        "enabledClusterLogTypes",
        "encryptionConfigKeyArn",
        "endpointPrivateAccess",
        "endpointPublicAccess",
        "name",
        "providerCredentialOpts",
        "publicAccessCidrs",
        "skipDefaultNodeGroup",
        "skipDefaultSecurityGroups",
        "subnetIds",
        "version",
        "vpcId",
    }
)


class Cluster(pulumi.ComponentResource):
    """What the sandbox makes of a `pulumi_eks.Cluster`."""

    outputs: dict[str, Any]
    """The component's outputs, by their names on the wire."""

    def __init__(self, name: str, inputs: Inputs, opts: ResourceOptions) -> None:
        super().__init__("eks:index:Cluster", name, {}, opts)
        child = ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-eksRole",
            assume_role_policy=json.dumps(service_trust_policy("eks.amazonaws.com")),
            opts=child,
        )
        attachments = [
            aws.iam.RolePolicyAttachment(
                f"{name}-eksRole-{policy}",
                role=role.name,
                policy_arn=aws_policy_arn(policy),
                opts=child,
            )
            for policy in CLUSTER_POLICIES
        ]
        cluster = aws.eks.Cluster(
            f"{name}-eksCluster",
            name=inputs.get("name"),
            role_arn=role.arn,
            version=inputs.get("version"),
            vpc_config=aws.eks.ClusterVpcConfigArgs(
                subnet_ids=self._subnets(inputs),
                endpoint_private_access=inputs.get("endpointPrivateAccess"),
                endpoint_public_access=inputs.get("endpointPublicAccess"),
                public_access_cidrs=inputs.get("publicAccessCidrs"),
            ),
            access_config={"authentication_mode": inputs.get("authenticationMode") or "CONFIG_MAP"},
            deletion_protection=inputs.get("deletionProtection"),
            enabled_cluster_log_types=inputs.get("enabledClusterLogTypes"),
            encryption_config=_encryption(inputs),
            opts=ResourceOptions(parent=self, depends_on=list[pulumi.Resource](attachments)),
        )
        credentials = Output.from_input(inputs.get("providerCredentialOpts") or {})
        issuer_url = cluster.identities[0].oidcs[0].issuer
        config = Output.all(
            arn=cluster.arn,
            name=cluster.name,
            server=cluster.endpoint,
            ca=cluster.certificate_authority.data,
            role_arn=credentials.apply(lambda given: given.get("roleArn")),
        ).apply(lambda found: kubeconfig(**found))
        self.outputs = {
            "eksCluster": cluster,
            "kubeconfig": config,
            "kubeconfigJson": Output.json_dumps(config),
            "oidcProviderUrl": issuer_url,
            "oidcIssuer": issuer_url.apply(lambda url: url.removeprefix("https://")),
            "oidcProviderArn": "",
        }
        self.register_outputs(self.outputs)

    def _subnets(self, inputs: Inputs) -> Any:
        """The subnets that are given, or those of the default VPC."""
        if "vpcId" in inputs:
            return inputs.get("subnetIds", [])
        opts = pulumi.InvokeOptions(parent=self)
        vpc = aws.ec2.get_vpc_output(default=True, opts=opts)
        of_vpc = vpc.id.apply(
            lambda vpc_id: [aws.ec2.GetSubnetsFilterArgs(name="vpc-id", values=[vpc_id])]
        )
        return aws.ec2.get_subnets_output(filters=of_vpc, opts=opts).ids


def _encryption(inputs: Inputs) -> Any:
    if "encryptionConfigKeyArn" not in inputs:
        return None
    key_arn = inputs["encryptionConfigKeyArn"]
    return {"provider": {"key_arn": key_arn}, "resources": ["secrets"]}


class EksProvider(Provider):
    """Constructs the sandbox's `Cluster`; any other component is refused by name."""

    def __init__(self) -> None:
        super().__init__(VERSION)

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
                f"eks:index:Cluster {name}: the sandbox creates no OIDC provider here; "
                "leave createOidcProvider false and use aws.iam.OpenIdConnectProvider"
            )
        if not inputs.get("skipDefaultNodeGroup"):
            raise pulumi.RunError(
                f"eks:index:Cluster {name}: the sandbox has no self-managed nodes; "
                "set skipDefaultNodeGroup and use aws.eks.NodeGroup"
            )
        if not inputs.get("skipDefaultSecurityGroups"):
            raise pulumi.RunError(
                f"eks:index:Cluster {name}: pulumi-eks would create two security groups for nodes "
                "of its own, and the sandbox creates none; set skipDefaultSecurityGroups"
            )
        if "subnetIds" in inputs and "vpcId" not in inputs:
            raise pulumi.RunError(
                f"eks:index:Cluster {name}: subnetIds without vpcId: pulumi-eks takes the "
                "account's default VPC then, which may not exist or not be theirs; give vpcId"
            )
        cluster = Cluster(name, inputs, options or ResourceOptions())
        return ConstructResult(urn=cluster.urn, state=cluster.outputs)


class _Servicer(ProviderServicer):
    """pulumi's component servicer, for an engine that attaches instead of starting a plugin."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider, [], engine_address="")

    async def Handshake(
        self, request: pb.ProviderHandshakeRequest, context: grpc.aio.ServicerContext
    ) -> pb.ProviderHandshakeResponse:
        self.engine_address = request.engine_address
        return pb.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=True, accept_outputs=True
        )

    async def Attach(
        self, request: plugin_pb2.PluginAttach, context: grpc.aio.ServicerContext
    ) -> empty_pb2.Empty:
        self.engine_address = request.address
        return empty_pb2.Empty()

    async def Cancel(
        self, request: empty_pb2.Empty, context: grpc.aio.ServicerContext
    ) -> empty_pb2.Empty:
        return empty_pb2.Empty()


class EksServer:
    """Serves `EksProvider` on a free loopback port, on an event loop of its own."""

    def __init__(self) -> None:
        self._provider = EksProvider()
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="eks-provider", daemon=True)
        self._front = OwnerPort()
        self.port = self._front.port

    def start(self) -> None:
        """Return when the port is open."""
        self._thread.start()
        if not self._started.wait(SERVER_START_TIMEOUT):
            raise RuntimeError("the eks provider did not start; see the sandbox's log")
        self._front.start()

    def ended(self) -> str | None:
        """Says that nothing is answered any more; None while it is."""
        return None if self._thread.is_alive() else "the eks provider ended"

    def stop(self) -> None:
        """Stop at once; safe to call again."""
        self._front.stop()
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        server = grpc.aio.server()
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(_Servicer(self._provider), server)
        server.add_insecure_port(self._front.address)
        await server.start()
        self._started.set()
        await self._stopping.wait()
        await server.stop(grace=None)
