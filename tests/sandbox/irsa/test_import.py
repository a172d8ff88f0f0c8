"""`python -m irsa import`, and the `up` of the program that it prints: existing roles of Terraform
and eksctl become a stack's, while pods use them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from irsa.identity.arns import bucket_arn, policy_arn, role_arn
from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.policies import bucket_permissions_policy, irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A, REGION
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.json_types import Json
from irsa_sandbox.testing.sandbox import CLUSTER
from tests.sandbox.support.helm import release
from tests.sandbox.support.pod_identity import associate
from tests.sandbox.support.programs import refusal
from tests.sandbox.support.workload import CLUSTER_ARN, sdk_in
from tests.sandbox.support.world import RegisteredCluster
from tests.support.roles_of_others import (
    attachment,
    eksctl_tags,
    eksctl_trust,
    resource,
    role_attributes,
    state,
    terraform_trust,
    without_audience,
)

pytestmark = pytest.mark.sandbox

NAMESPACE, BUCKET = "import", "import-data"
POLICY = policy_arn(ACCOUNT_A, BUCKET)
PATH = "/platform/"
ROLES = {
    "loki": "loki-20240514093012345600000001",
    "tempo": "tempo",
    "mimir": "eksctl-dev-addon-iamserviceaccount-import--Role1-1ABCDEF23456",
}
"""The role of each service account."""


def arn_of(name: str) -> str:
    return role_arn(ACCOUNT_A, ROLES[name], path=PATH if name == "loki" else "/")


@dataclass
class Account:
    """An account with a bucket, three roles of other tools, and a Pod with each of them."""

    world: RegisteredCluster

    @property
    def iam(self) -> Any:
        return self.world.session.aws("iam")

    @property
    def trusts(self) -> dict[str, Json]:
        provider, tempo = self.world.provider_arn, [f"{NAMESPACE}/tempo", f"{NAMESPACE}/query"]
        return {
            "loki": terraform_trust(provider, f"{NAMESPACE}/loki"),
            # StringLike with exact values, and two subjects: rewritten, for the same callers.
            "tempo": terraform_trust(provider, *tempo, audience_test="StringLike"),
            "mimir": eksctl_trust(provider, f"{NAMESPACE}/mimir"),
        }

    def create(self) -> None:
        session, iam = self.world.session, self.iam
        session.aws("s3").create_bucket(Bucket=BUCKET)
        document = json.dumps(bucket_permissions_policy(bucket_arn(BUCKET)))
        iam.create_policy(PolicyName=BUCKET, PolicyDocument=document)
        settings: dict[str, Any] = {
            "mimir": {"Tags": tags(eksctl_tags("dev", f"{NAMESPACE}/mimir"))},
            "tempo": {},
            "loki": {
                "Description": 'Logs "of" all', "Path": PATH, "MaxSessionDuration": 7200,
                "Tags": tags({"team": "observability", "owner": ""}),
            },
        }  # fmt: skip
        for name, trust in self.trusts.items():
            made = {"RoleName": ROLES[name], "AssumeRolePolicyDocument": json.dumps(trust)}
            iam.create_role(**made, **settings[name])
            iam.attach_role_policy(RoleName=ROLES[name], PolicyArn=POLICY)
            release(session, NAMESPACE, name, arn_of(name))

    def list_bucket_in_pods(self) -> None:
        for name in ROLES:
            with sdk_in(self.world.session, NAMESPACE, name) as sdk:
                sdk.client("s3").list_objects_v2(Bucket=BUCKET)

    def roles(self) -> Json:
        """Identity, trust and permissions of the three roles."""
        found = {}
        for name in ROLES.values():
            role = self.iam.get_role(RoleName=name)["Role"]
            attached = self.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            found[name] = {
                "arn": role["Arn"],
                "id": role["RoleId"],
                "trust": role["AssumeRolePolicyDocument"],
                "description": role.get("Description", ""),
                "duration": role["MaxSessionDuration"],
                "tags": {each["Key"]: each["Value"] for each in role.get("Tags", [])},
                "attached": [each["PolicyArn"] for each in attached],
            }
        return found

    def program(self, folder: Path, text: str, stack: str = "dev") -> SandboxStack:
        """A stack of a project whose ``__main__.py`` this is."""
        (folder / "__main__.py").write_text(text)
        (folder / "Pulumi.yaml").write_text("name: imported\nruntime: python\n")
        return SandboxStack(self.world.session.state, folder, stack=stack)


def tags(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


@pytest.fixture(scope="module")
def account(irsa_world: RegisteredCluster) -> Account:
    found = Account(irsa_world)
    found.create()
    return found


def test_a_state_of_terraform_gives_the_same_program_as_the_account(account: Account, tmp_path):
    resources = []
    for name, trust in account.trusts.items():
        live = account.roles()[ROLES[name]]
        attributes = role_attributes(
            arn_of(name), trust, description=live["description"], tags_all=live["tags"],
            max_session_duration=live["duration"],
        )  # fmt: skip
        attached = {0: attachment(ROLES[name], POLICY)}
        resources += [
            resource(name, "aws_iam_role", "this", {0: attributes}),
            resource(name, "aws_iam_role_policy_attachment", "this", attached),
        ]
    file = tmp_path / "terraform.tfstate"
    file.write_text(json.dumps(state(*resources)))

    live = account.world.irsa("import")
    stored = account.world.irsa("import", "--terraform-state", str(file), "--region", REGION)

    assert (live.code, stored.code) == (0, 0), live.err + stored.err
    assert stored.out == live.out


def test_the_printed_program_takes_the_roles_over_without_a_replacement(account: Account, tmp_path):
    before, irsa = account.roles(), account.world.irsa

    done = irsa("import")

    tempo, loki, mimir = arn_of("tempo"), arn_of("loki"), arn_of("mimir")
    rewritten = "`pulumi up` writes its trust policy in other words, for the same callers"
    assert done.code == 0, done.err
    assert done.err.splitlines() == [
        f"taken      {mimir} (eksctl, for service account import/mimir), as mimir",
        f"taken      {loki}, as loki",
        f"taken      {tempo}, as {ROLES['tempo']}",
        f"rewritten  {tempo}: {rewritten}",
        "3 roles taken, 0 left out",
    ]
    stack = account.program(tmp_path, done.out)
    up = stack.up()
    assert (up["import"], up["update"]) == (6, 3)
    assert not up.keys() & {"replace", "delete", "create-replacement", "delete-replaced"}
    account.list_bucket_in_pods()
    expected = {
        name: {
            **was,
            "description": was["description"] or f"IRSA for {NAMESPACE}",
            "tags": {**was["tags"], "project": "imported", "stack": "dev"},
        }
        for name, was in before.items()
    }
    expected[ROLES["tempo"]]["trust"] = irsa_trust_policy(
        [account.world.provider_arn],
        [ServiceAccountRef(NAMESPACE, name) for name in ("query", "tempo")],
    )
    assert account.roles() == expected
    assert stack.refresh().keys() == {"same"}

    without = done.out.replace("        imported=True,\n", "")
    assert account.program(tmp_path, without).preview().keys() == {"same"}
    export = tmp_path / "export.json"
    export.write_text(json.dumps({"version": 3, "deployment": stack.export()}))
    ask = ("--stack", str(export), "--workload", "loki", "--bucket", BUCKET, "--wait", "0")
    verified = irsa("verify", *ask)
    assert verified.code == 0, verified.out + verified.err
    second = account.program(tmp_path, done.out, "prod")
    assert "belongs to stack 'dev' of project 'imported'" in refusal(second.preview)
    account.program(tmp_path, done.out).destroy()
    names = {each["RoleName"] for each in account.iam.list_roles()["Roles"]}
    assert not set(ROLES.values()) & names, "the roles are the stack's"


def test_what_is_open_is_limited_by_options(account: Account, tmp_path):
    """A role of Terraform for every audience, and one of EKS Pod Identity for all associations."""
    iam, session, irsa = account.iam, account.world.session, account.world.irsa
    open_ = without_audience(terraform_trust(account.world.provider_arn, f"{NAMESPACE}/loki"))
    for_eks = {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }
    every = {"Version": "2012-10-17", "Statement": [for_eks]}
    made = {
        name: iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
        for name, trust in (("open", open_), ("oracle", every))
    }
    provider = {"OpenIDConnectProviderArn": account.world.provider_arn, "ClientID": "vault"}
    iam.add_client_id_to_open_id_connect_provider(**provider)
    oracle, arn = ServiceAccountRef(NAMESPACE, "oracle"), made["oracle"]["Arn"]
    own = associate(session.aws("eks"), CLUSTER, oracle, arn)

    def assume(audience: str) -> None:
        session.aws("sts").assume_role_with_web_identity(
            RoleArn=made["open"]["Arn"],
            RoleSessionName="tests",
            WebIdentityToken=session.token(NAMESPACE, "loki", audience=audience),
        )

    assume("vault")
    refused, done = irsa("import"), irsa("import", "--add-audience", "--only-associations")
    stack = account.program(tmp_path, done.out)
    up = stack.up()

    assert (refused.code, done.code) == (1, 0)
    assert "--only-associations limits it to them" in refused.err
    assert "--add-audience" in refused.err
    assert [each for each in done.err.splitlines() if "oracle" in each] == [
        f"taken      {arn}, as oracle",
        f"limited    {arn}: `pulumi up` limits its trust policy to associations of this cluster",
        f"taken      association {CLUSTER},{own}, as {NAMESPACE}-oracle",
    ]
    assert not up.keys() & {"replace", "delete", "create-replacement", "delete-replaced"}
    trust = iam.get_role(RoleName="oracle")["Role"]["AssumeRolePolicyDocument"]
    assert trust == pod_identity_trust_policy([CLUSTER_ARN], [oracle])
    listed = session.aws("eks").list_pod_identity_associations(clusterName=CLUSTER)["associations"]
    assert [each["associationId"] for each in listed] == [own]
    assume("sts.amazonaws.com")
    with pytest.raises(ClientError, match="AccessDenied"):
        assume("vault")
    assert stack.preview().keys() == {"same"}
