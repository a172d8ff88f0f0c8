"""`python -m irsa import`, and the `up` of the program that it prints: existing roles of Terraform
and eksctl become a stack's, while pods use them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from lightkube.resources.core_v1 import Namespace

from irsa.identity.arns import bucket_arn, policy_arn, role_arn
from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.policies import bucket_permissions_policy, irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A, REGION
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.session import Session
from tests.sandbox.irsa.test_list import subnets
from tests.sandbox.support.helm import release
from tests.sandbox.support.programs import refusal
from tests.sandbox.support.world import RegisteredCluster, world
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

NAMESPACE = "import"
BUCKET = "import-data"
LIST = ["aws", "s3", "ls", "--recursive", f"s3://{BUCKET}"]
POLICY = policy_arn(ACCOUNT_A, "import-data")
PATH = "/platform/"
REWRITTEN = "`pulumi up` writes its trust policy in other words, for the same callers"
ROLES = {
    "loki": "loki-20240514093012345600000001",
    "tempo": "tempo",
    "mimir": "eksctl-dev-addon-iamserviceaccount-import--Role1-1ABCDEF23456",
}
"""The role of each service account."""


def trusts(world: RegisteredCluster) -> dict[str, Any]:
    provider = world.provider_arn
    return {
        "loki": terraform_trust(provider, f"{NAMESPACE}/loki"),
        # StringLike with exact values, and two subjects: rewritten, for the same callers.
        "tempo": terraform_trust(
            provider, f"{NAMESPACE}/tempo", f"{NAMESPACE}/tempo-query", audience_test="StringLike"
        ),
        "mimir": eksctl_trust(provider, f"{NAMESPACE}/mimir"),
    }


@pytest.fixture(scope="module")
def registered(session: Session) -> Iterator[RegisteredCluster]:
    SandboxStack(session.state).destroy()  # an earlier module may have left it, with its roles
    with world(session) as own:
        yield own


@pytest.fixture(scope="module")
def others(registered: RegisteredCluster) -> Iterator[RegisteredCluster]:
    """A bucket, three roles of other tools, and a pod with each of them."""
    session = registered.session
    s3, iam = session.aws("s3"), session.aws("iam")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="november.csv", Body=b"x")
    document = json.dumps(bucket_permissions_policy(bucket_arn(BUCKET)))
    iam.create_policy(PolicyName="import-data", PolicyDocument=document)
    settings: dict[str, Any] = {
        "mimir": {"Tags": tags(eksctl_tags("dev", f"{NAMESPACE}/mimir"))},
        "tempo": {},
        "loki": {
            "Description": 'Logs "of" all', "Path": PATH, "MaxSessionDuration": 7200,
            "Tags": tags({"team": "observability", "owner": ""}),
        },
    }  # fmt: skip
    for name, trust in trusts(registered).items():
        iam.create_role(
            RoleName=ROLES[name], AssumeRolePolicyDocument=json.dumps(trust), **settings[name]
        )
        iam.attach_role_policy(RoleName=ROLES[name], PolicyArn=POLICY)
        release(session, NAMESPACE, name, arn_of(name))
    yield registered
    for name in set(ROLES.values()) & role_names(registered):
        iam.detach_role_policy(RoleName=name, PolicyArn=POLICY)
        iam.delete_role(RoleName=name)
    iam.delete_policy(PolicyArn=POLICY)
    session.empty_bucket(BUCKET)
    s3.delete_bucket(Bucket=BUCKET)
    session.cluster.delete(Namespace, NAMESPACE)


def tags(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


def arn_of(name: str) -> str:
    return role_arn(ACCOUNT_A, ROLES[name], path=PATH if name == "loki" else "/")


def role_names(world: RegisteredCluster) -> set[str]:
    return {each["RoleName"] for each in world.session.aws("iam").list_roles()["Roles"]}


def assert_pods_list_their_bucket(world: RegisteredCluster) -> None:
    for name in ROLES:
        listed = world.session.in_pod(NAMESPACE, name, LIST)
        assert (listed.code, "november.csv" in listed.output) == (0, True), listed.output


def in_iam(world: RegisteredCluster) -> dict[str, Any]:
    """Identity, trust and permissions of the three roles."""
    iam = world.session.aws("iam")
    found = {}
    for name in ROLES.values():
        role = iam.get_role(RoleName=name)["Role"]
        attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
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


def program(
    world: RegisteredCluster, folder: Path, text: str, *, stack: str = "dev"
) -> SandboxStack:
    """A stack of a project whose ``__main__.py`` this is."""
    folder.mkdir(exist_ok=True)
    (folder / "__main__.py").write_text(text)
    (folder / "Pulumi.yaml").write_text("name: imported\nruntime: python\n")
    (folder / f"Pulumi.{stack}.yaml").write_text("config: {}\n")
    return SandboxStack(world.session.state, folder, stack=stack)


def in_terraform(folder: Path, *resources: Any) -> str:
    """A state of Terraform with these resources."""
    file = folder / "terraform.tfstate"
    file.write_text(json.dumps(state(*resources)))
    return str(file)


def test_a_state_of_terraform_gives_the_same_program_as_the_account(
    others: RegisteredCluster, tmp_path
):
    resources = []
    for name, trust in trusts(others).items():
        live = in_iam(others)[ROLES[name]]
        attributes = role_attributes(
            arn_of(name), trust, description=live["description"], tags_all=live["tags"],
            max_session_duration=live["duration"],
        )  # fmt: skip
        attached = {0: attachment(ROLES[name], POLICY)}
        resources += [
            resource(name, "aws_iam_role", "this", {0: attributes}),
            resource(name, "aws_iam_role_policy_attachment", "this", attached),
        ]

    live = others.irsa("import")
    file = in_terraform(tmp_path, *resources)
    stored = others.irsa("import", "--terraform-state", file, "--region", REGION)

    assert (live.code, stored.code) == (0, 0), live.err + stored.err
    assert stored.out == live.out


def test_a_role_of_terraform_for_every_audience_is_tightened(others: RegisteredCluster, tmp_path):
    iam = others.session.aws("iam")
    trust = without_audience(terraform_trust(others.provider_arn, f"{NAMESPACE}/loki"))
    arn = iam.create_role(RoleName="open", AssumeRolePolicyDocument=json.dumps(trust))["Role"][
        "Arn"
    ]
    provider = {"OpenIDConnectProviderArn": others.provider_arn, "ClientID": "vault"}
    iam.add_client_id_to_open_id_connect_provider(**provider)
    file = in_terraform(
        tmp_path, resource("open", "aws_iam_role", "this", {0: role_attributes(arn, trust)})
    )

    def assume(audience: str) -> None:
        others.session.aws("sts").assume_role_with_web_identity(
            RoleArn=arn,
            RoleSessionName="tests",
            WebIdentityToken=others.session.token(NAMESPACE, "loki", audience=audience),
        )

    assume("vault")
    arguments = ("--terraform-state", file, "--region", REGION, "--add-audience")
    done = others.irsa("import", "--provider-arn", others.provider_arn, *arguments)
    stack = program(others, tmp_path / "imported", done.out)
    up = stack.up()

    assert (up["import"], up["update"]) == (1, 1)
    assume("sts.amazonaws.com")
    with pytest.raises(ClientError, match="AccessDenied"):
        assume("vault")
    assert stack.up().keys() == {"same"}
    stack.destroy()
    iam.remove_client_id_from_open_id_connect_provider(**provider)


def test_the_printed_program_takes_the_roles_over_without_a_replacement(
    others: RegisteredCluster, tmp_path
):
    before = in_iam(others)
    assert_pods_list_their_bucket(others)

    done = others.irsa("import")

    tempo, loki, mimir = arn_of("tempo"), arn_of("loki"), arn_of("mimir")
    assert done.code == 0, done.err
    assert done.err.splitlines() == [
        f"taken      {mimir} (eksctl, for service account import/mimir), as mimir",
        f"taken      {loki}, as loki",
        f"taken      {tempo}, as {ROLES['tempo']}",
        f"rewritten  {tempo}: {REWRITTEN}",
        "3 roles taken, 0 left out",
    ]

    stack = program(others, tmp_path / "imported", done.out)
    up = stack.up()
    assert (up["import"], up["update"]) == (6, 3)
    assert not up.keys() & {"replace", "delete", "create-replacement", "delete-replaced"}
    assert_pods_list_their_bucket(others)
    stack_tags = {"project": "imported", "stack": "dev"}
    expected = {
        name: {
            **was,
            "description": was["description"] or f"IRSA for {NAMESPACE}",
            "tags": {**was["tags"], **stack_tags},
        }
        for name, was in before.items()
    }
    expected[ROLES["tempo"]]["trust"] = irsa_trust_policy(
        [others.provider_arn],
        [ServiceAccountRef(NAMESPACE, "tempo"), ServiceAccountRef(NAMESPACE, "tempo-query")],
    )
    assert in_iam(others) == expected
    assert stack.up().keys() == {"same"}
    assert stack.refresh().keys() == {"same"}

    without = done.out.replace("        imported=True,\n", "")
    assert program(others, tmp_path / "imported", without).up().keys() == {"same"}
    assert_pods_list_their_bucket(others)
    export = tmp_path / "export.json"
    export.write_text(json.dumps({"version": 3, "deployment": stack.export()}))
    verified = others.irsa(
        "verify", "--stack", str(export), "--workload", "loki", "--bucket", BUCKET, "--wait", "0"
    )
    assert verified.code == 0, verified.out + verified.err
    second = program(others, tmp_path / "imported", done.out, stack="prod")
    assert "belongs to stack 'dev' of project 'imported'" in refusal(second.up)
    second.destroy()
    assert_pods_list_their_bucket(others)

    stack.destroy()
    assert not set(ROLES.values()) & role_names(others), "the roles are the stack's"


def test_a_role_of_pod_identity_is_limited_to_its_association(others: RegisteredCluster, tmp_path):
    eks, iam = others.session.aws("eks"), others.session.aws("iam")
    for_eks = {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [for_eks]})
    arn = iam.create_role(RoleName="oracle", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    cluster = eks.create_cluster(
        name="imported", roleArn=arn, resourcesVpcConfig={"subnetIds": subnets(others)}
    )["cluster"]
    own = eks.create_pod_identity_association(
        clusterName="imported", namespace=NAMESPACE, serviceAccount="oracle", roleArn=arn
    )["association"]

    refused = others.irsa("import")
    done = others.irsa("import", "--only-associations")
    stack = program(others, tmp_path / "by-eks", done.out)
    up = stack.up()

    assert (refused.code, done.code) == (1, 0)
    assert "--only-associations limits it to them" in refused.err
    assert [each for each in done.err.splitlines() if "oracle" in each] == [
        f"taken      {arn}, as oracle",
        f"limited    {arn}: `pulumi up` limits its trust policy to associations of this cluster",
        f"taken      association imported,{own['associationId']}, as {NAMESPACE}-oracle",
    ]
    assert not up.keys() & {"replace", "delete", "create-replacement", "delete-replaced"}
    account = ServiceAccountRef(NAMESPACE, "oracle")
    role = iam.get_role(RoleName="oracle")["Role"]
    assert role["AssumeRolePolicyDocument"] == pod_identity_trust_policy(
        [cluster["arn"]], [account]
    )
    listed = eks.list_pod_identity_associations(clusterName="imported")["associations"]
    assert [each["associationId"] for each in listed] == [own["associationId"]]
    assert stack.up().keys() == {"same"}
    stack.destroy()
    assert eks.list_pod_identity_associations(clusterName="imported")["associations"] == []
    eks.delete_cluster(name="imported")
