"""The emulator answers every call that the published plugins make for our programs."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pulumi_aws
import pytest

from irsa.identity.policies import service_trust_policy, tls_only_bucket_policy
from sandbox.aws import ec2
from sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from sandbox.aws.server import CROSS_ACCOUNT_ROLE
from tests.sandbox.support import plugin_calls
from tests.sandbox.support.aws_harness import Aws
from tests.sandbox.support.networks import network
from tests.sandbox.support.plugin_calls import Entry, Outcome, Replay
from tests.support.paths import ROOT

pytestmark = pytest.mark.sandbox

ENTRIES = plugin_calls.entries()
BY_TOKEN = {entry.token: entry for entry in ENTRIES}
BUCKET = "replayed-bucket"
OPEN = {"sts.get_caller_identity"}
"""What needs no permission."""
REFUSALS = {
    "403",  # HeadBucket's answer has no body
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
}


def names(aws: Aws) -> dict[str, str]:
    """What the programs know before they ask anything."""
    vpc, (subnet_a, subnet_b) = network(aws.administrator()("ec2"), "a", "b")
    return {
        "account": ACCOUNT_A,
        "administrator": aws.emulator.administrator_arn,
        "bucket": BUCKET,
        "issuer": "oidc.eks.us-east-1.amazonaws.com/id/REPLAYED",
        "role_in_b": f"arn:aws:iam::{ACCOUNT_B}:role/{CROSS_ACCOUNT_ROLE}",
        "subnet_a": subnet_a,
        "subnet_b": subnet_b,
        "tls_only": json.dumps(tls_only_bucket_policy(f"arn:aws:s3:::{BUCKET}")),
        "trust": json.dumps(service_trust_policy("eks.amazonaws.com")),
        "vpc": vpc,
    }


@pytest.fixture(scope="module")
def replay(aws: Aws) -> Replay:
    return Replay(aws.administrator(), names(aws))


@pytest.fixture(scope="module")
def outcomes(replay: Replay) -> list[Outcome]:
    return replay.run(ENTRIES)


def problems(outcomes: list[Outcome]) -> list[str]:
    return [f"{o.token} {o.step}: {o.call}: {o.problem}" for o in outcomes if o.problem]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.token)
def test_every_call_is_answered_as_the_plugin_needs_it(outcomes, entry: Entry):
    asked = [each for each in outcomes if each.token == entry.token]
    assert problems(asked) == []
    made = {step for step, calls in entry.calls.items() if calls}
    assert {each.step for each in asked} == made


def test_nothing_is_left_of_the_replay(aws, outcomes):
    del outcomes
    administrator = aws.administrator()
    assert administrator("eks").list_clusters()["clusters"] == []
    groups = administrator("ec2").describe_security_groups()["SecurityGroups"]
    assert {group["GroupName"] for group in groups} == {"default"}
    assert BUCKET not in [b["Name"] for b in administrator("s3").list_buckets()["Buckets"]]


def test_nothing_of_it_is_for_somebody_without_permissions(aws, replay, outcomes):
    """Not even that there is none, but for buckets: S3 says so of a name that nobody has."""
    del outcomes
    s3 = aws.administrator()("s3")
    s3.create_bucket(Bucket=BUCKET)
    workload = Replay(aws.session(), replay.names)

    made = [each for each in workload.run(ENTRIES) if each.call not in OPEN]

    s3.delete_bucket(Bucket=BUCKET)
    answered = {(each.call, each.code) for each in made if each.code not in REFUSALS}
    assert answered == {("s3.head_bucket", "404")}
    assert len(made) > 200


def test_every_type_and_function_of_our_programs_is_in_the_list():
    files = [ROOT / "__main__.py", ROOT / "account_b" / "__main__.py"]
    files += sorted((ROOT / "components").rglob("*.py"))
    used = {token for file in files for token in tokens(file)}
    assert used >= {"aws:iam/role:Role", "aws:s3/bucket:Bucket"}
    assert used - BY_TOKEN.keys() == set()


def tokens(file: Path) -> Iterator[str]:
    """The tokens of the `aws` provider that a file of ours uses."""
    text = file.read_text()
    yield from re.findall(r'"(aws:\w+/\w+:\w+)"', text)
    for module, name in re.findall(r"\baws\.(\w+)\.([A-Z]\w+)\b", text):
        kind = getattr(getattr(pulumi_aws, module), name)
        if isinstance(token := getattr(kind, "pulumi_type", None), str):
            yield token
    for module, name in re.findall(r"\baws\.(\w+)\.(get_\w+)\(", text):
        words = name.removesuffix("_output").split("_")
        function = words[0] + "".join(word.capitalize() for word in words[1:])
        yield f"aws:{module}/{function}:{function}"


def test_what_pulumi_eks_makes_of_a_cluster_is_in_the_list():
    """The children of its `Cluster` as we call it, and what it looks up (facts of its source)."""
    assert BY_TOKEN.keys() >= {
        "aws:ec2/getSubnets:getSubnets",
        "aws:ec2/getVpc:getVpc",
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/securityGroupRule:SecurityGroupRule",
        "aws:eks/addon:Addon",
        "aws:eks/cluster:Cluster",
        "aws:eks/getAddonVersion:getAddonVersion",
        "aws:iam/role:Role",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:index/getPartition:getPartition",
    }


NETWORKS = {
    "CreateDefaultVpc",
    "CreateSubnet",
    "CreateVpc",
    "DeleteSubnet",
    "DeleteVpc",
    "DescribeAvailabilityZones",
    "DescribeInternetGateways",
    "DetachInternetGateway",
}
"""What makes an account's network as somebody else's program or test needs it."""


def ec2_actions() -> set[str]:
    """EC2's actions in the list, as EC2 names them."""
    operations = {call.name for e in ENTRIES for calls in e.calls.values() for call in calls}
    names = [name.removeprefix("ec2.") for name in operations if name.startswith("ec2.")]
    return {"".join(word.capitalize() for word in name.split("_")) for name in names}


def test_ec2_does_what_is_asked_of_it_and_no_more():
    assert ec2_actions() | NETWORKS == ec2.ACTIONS
