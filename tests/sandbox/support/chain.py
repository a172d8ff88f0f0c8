"""Two small stacks: pods of account A that reach a bucket of account B, in two ways."""

from pathlib import Path

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions, StackReference
from pulumi.automation import EngineEvent

from irsa.identity.arns import role_arn
from irsa_components import ServiceAccount
from irsa_components.credentials import RoleChainArgs, TargetRoleArgs
from irsa_components.cross_account_role import (
    CrossAccountRole,
    CrossAccountRoleArgs,
    TrustedRoleArgs,
)
from irsa_components.data_bucket import DataBucket, DataBucketArgs
from irsa_components.namespace import NamespaceArgs
from irsa_components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from irsa_components.workload import Workload, WorkloadArgs
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from irsa_sandbox.aws.clients import AwsClients, Credentials
from irsa_sandbox.aws.server import CROSS_ACCOUNT_ROLE
from irsa_sandbox.engine.stack import SandboxStack
from tests.sandbox.support.programs import POD_SPEC, in_namespace, stack_of
from tests.sandbox.support.world import RegisteredCluster

NAMESPACE = "chain"
APP = "app"
"""A workload with role A, and a profile for role B."""

NAME_A, NAME_B = "chain-A", "chain-B"
ROLE_A, ROLE_B = role_arn(ACCOUNT_A, NAME_A), role_arn(ACCOUNT_B, NAME_B)
BUCKET, OBJECT = "chain-data", "ledger/2026-11.csv"

WHO = ["aws", "sts", "get-caller-identity", "--query", "Arn", "--output", "text"]


class Chain:
    """Both stacks, which are up."""

    def __init__(self, world: RegisteredCluster) -> None:
        self.world = world
        self.session = world.session
        self.stack_a().up()
        self.stack_b().up()
        s3 = self.session.aws("s3", ACCOUNT_B)
        s3.put_object(Bucket=BUCKET, Key=OBJECT, Body=b"amount\n")

    def stack_a(self) -> SandboxStack:
        return stack_of(self.session, "chain-a", self._program_a)

    def stack_b(self, trust: str = "role-arn") -> SandboxStack:
        return stack_of(self.session, "chain-b", lambda: self._program_b(trust))

    def destroy(self) -> tuple[dict[str, int], dict[str, int]]:
        """Destroy account A's stack first."""
        self.session.empty_bucket(BUCKET, ACCOUNT_B)
        return self.stack_a().destroy(), self.stack_b().destroy()

    def _program_a(self) -> None:
        opts = in_namespace(self.session, NamespaceArgs(namespace=NAMESPACE, force_destroy=True))
        account = ServiceAccount(namespace=NAMESPACE, name=APP)
        role = ServiceAccountRole(
            NAME_A,
            ServiceAccountRoleArgs(
                role_name=NAME_A,
                provider_arns=[self.world.provider_arn],
                service_accounts=[account],
                role_b_arns=[ROLE_B],
            ),
        )
        chain = RoleChainArgs(targets=[TargetRoleArgs(role_arn=ROLE_B)], region=REGION)
        args = WorkloadArgs(
            service_account=account, role_arn=role.role_arn, chain=chain, pod_spec=POD_SPEC
        )
        Workload(APP, args, opts)
        pulumi.export("role_a_arn", role.role_arn)
        pulumi.export("role_a_unique_id", role.role_unique_id)

    def _program_b(self, trust: str) -> None:
        opts = ResourceOptions(providers=[account_b()])
        bucket = DataBucket(
            BUCKET,
            DataBucketArgs(bucket_name=BUCKET, force_destroy=True, read_policy_name=BUCKET),
            opts,
        )
        policies = {"data": bucket.read_policy_arn}
        account_a = StackReference("organization/chain-a/dev")
        trusted = TrustedRoleArgs(
            role_arn=account_a.require_output("role_a_arn"),
            unique_id=account_a.require_output("role_a_unique_id"),
        )
        args = CrossAccountRoleArgs(
            role_name=NAME_B, trusted_roles=[trusted], trust=trust, policy_arns=policies
        )
        CrossAccountRole(NAME_B, args, opts)

    def listing(self) -> str:
        """The object in account B's bucket, as the Pod lists it, or the error."""
        command = ["aws", "s3", "ls", "--recursive", f"s3://{BUCKET}", "--profile", "B"]
        done = self.session.in_pod(NAMESPACE, APP, command)
        return OBJECT if done.code == 0 and OBJECT in done.output else done.output

    def delete_role_a(self) -> None:
        """Delete role A behind Pulumi's back."""
        iam = self.session.aws("iam")
        for policy in iam.list_attached_role_policies(RoleName=NAME_A)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=NAME_A, PolicyArn=policy["PolicyArn"])
        iam.delete_role(RoleName=NAME_A)

    def create_role_a(self) -> None:
        """Let Pulumi create it again."""
        stack = self.stack_a()
        stack.refresh()
        stack.up()

    def as_role_a(self) -> AwsClients:
        """Return clients with a session of role A, got with the pod's kind of token."""
        keys = self.session.aws("sts").assume_role_with_web_identity(
            RoleArn=ROLE_A,
            RoleSessionName="test",
            WebIdentityToken=self.session.token(NAMESPACE, APP),
        )["Credentials"]
        state = self.session.state
        return AwsClients(
            Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]),
            state.aws_proxy,
            Path(state.aws_ca_bundle),
        )


def account_b() -> aws.Provider:
    """Create a provider for account B."""
    role = role_arn(ACCOUNT_B, CROSS_ACCOUNT_ROLE)
    return aws.Provider(
        "account-b",
        region=REGION,
        assume_roles=[aws.ProviderAssumeRoleArgs(role_arn=role, session_name="chain")],
    )


def changes_of(stack: SandboxStack) -> dict[str, list[str]]:
    """Return the changes of a preview: `type::name`, and the properties."""
    found: dict[str, list[str]] = {}

    def note(event: EngineEvent) -> None:
        step = event.resource_pre_event and event.resource_pre_event.metadata
        if step and step.op not in ("same", "read"):
            kind, name = step.urn.split("::")[2:]
            found[f"{kind.rpartition('$')[2]}::{name}"] = sorted(step.diffs or [step.op])

    stack.preview(on_event=note)
    return found
