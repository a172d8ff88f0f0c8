"""`python -m irsa list` of the three systems, live and from saved files."""

import json
import re
import subprocess
from contextlib import contextmanager

import pytest

from irsa.identity.arns import role_arn
from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_B
from tests.sandbox.support.in_process import clean_environment
from tests.sandbox.support.two_accounts import NAMESPACE, ROLE_A
from tests.sandbox.support.workload import new_workload
from tests.sandbox.support.world import RegisteredCluster
from tests.support.paths import ROOT

pytestmark = pytest.mark.sandbox

ROLE, ROLE_B = ROLE_A.removesuffix("-A"), role_arn(ACCOUNT_B, "s3-app-B")


@pytest.fixture(scope="module")
def systems(session, pair) -> RegisteredCluster:
    """Both stacks, after each system's Pod has used its identity."""
    pair.up()
    for name in ("s3-app", "s3-app-chain"):
        done = pair.in_pod(["aws", "sts", "get-caller-identity"], name)
        assert done.code == 0, done.output
    return RegisteredCluster(session)


def of(done, namespace=NAMESPACE):
    """The service accounts of a namespace by name."""
    listed = done.json["service_accounts"]
    return {each["name"]: each for each in listed if each["namespace"] == namespace}


def test_the_three_systems_are_told_apart(systems):
    done = systems.irsa("list", "--output", "json")

    assert (done.code, done.err) == (0, "")
    found = of(done)
    assert {name: each["identities"] for name, each in found.items()} == {
        "default": [],
        "s3-app": [{"kind": "IRSA", "source": ROLE}],
        "s3-app-chain": [{"kind": "IRSA", "source": ROLE_A, "targets": [ROLE_B]}],
        "s3-app-key": [{"kind": "access key", "source": "Secret s3-app-key"}],
    }
    for name in ("s3-app", "s3-app-chain"):
        [pod] = found[name]["pods"]
        assert pod.startswith(f"{name}-")
        assert found[name]["role_last_used"]
        assert found[name]["findings"] == []


@contextmanager
def user_with(world, *actions):
    """The keys of a user who may do this and no more, as environment variables."""
    iam = world.session.aws("iam")
    iam.create_user(UserName="lister")
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="lister", PolicyName="list", PolicyDocument=document)
    key = iam.create_access_key(UserName="lister")["AccessKey"]
    try:
        yield {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }
    finally:
        iam.delete_access_key(UserName="lister", AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(UserName="lister", PolicyName="list")
        iam.delete_user(UserName="lister")


def documented():
    """The actions of the policy in docs/commands.md."""
    text = (ROOT / "docs/commands.md").read_text()
    [block] = re.findall(r"```json\n(\{\n  \"Version\".*?)```", text, re.DOTALL)
    [statement] = json.loads(block)["Statement"]
    return statement["Action"]


def test_the_documented_policy_is_enough_and_no_action_of_it_is_too_much(irsa_world):
    workload = new_workload(irsa_world)
    every = documented()
    eks, iam = irsa_world.session.aws("eks"), irsa_world.session.aws("iam")
    cluster = eks.create_cluster(
        name="listed",
        roleArn=workload.role_arn,
        resourcesVpcConfig={"subnetIds": subnets(irsa_world)},
    )["cluster"]
    role_name = workload.role_arn.rpartition("/")[2]
    trust = iam.get_role(RoleName=role_name)["Role"]["AssumeRolePolicyDocument"]
    account = ServiceAccountRef(workload.namespace, "app")
    trust["Statement"] += pod_identity_trust_policy([cluster["arn"]], [account])["Statement"]
    iam.update_assume_role_policy(RoleName=role_name, PolicyDocument=json.dumps(trust))
    irsa_world.clean_up.callback(eks.delete_cluster, name="listed")
    associated = eks.create_pod_identity_association(
        clusterName="listed",
        namespace=workload.namespace,
        serviceAccount="app",
        roleArn=workload.role_arn,
    )["association"]

    with user_with(irsa_world, *every) as keys:
        done = irsa_world.irsa("list", "--output", "json", **keys)
        audit = irsa_world.irsa("audit", "--output", "json", **keys)
    with user_with(irsa_world, *(each for each in every if "eks:" not in each)) as keys:
        without_eks = irsa_world.irsa("audit", "--output", "json", **keys)
    less = {}
    for action in every:
        with user_with(irsa_world, *(each for each in every if each != action)) as keys:
            less[action] = irsa_world.irsa("list", **keys)

    eks.delete_pod_identity_association(
        clusterName="listed", associationId=associated["associationId"]
    )
    assert not [each for each in done.json["notes"] if each.startswith("could not read")]
    by_eks, annotated = of(done, workload.namespace)["app"]["identities"]
    assert by_eks["association"]["arn"] == associated["associationArn"]
    assert (by_eks["kind"], by_eks["source"]) == ("Pod Identity", workload.role_arn)
    assert annotated == {"kind": "IRSA", "source": workload.role_arn}
    assert of(done, workload.namespace)["app"]["findings"] == []
    assert audit.err == ""  # what it finds, other tests' roles decide as well
    # Associations are read for a role that trusts EKS.
    [unchecked] = without_eks.err.splitlines()
    assert without_eks.code in (0, 1)
    assert "not checked: disabled-tags, no-agent: could not read Pod Identity assoc" in unchecked
    for action, got in less.items():
        assert "could not read" in got.out + got.err, action


def subnets(world):
    found = world.session.aws("ec2").describe_subnets()["Subnets"]
    return [each["SubnetId"] for each in found][:2]


def test_what_kubectl_and_aws_save_says_the_same(systems, tmp_path):
    """The commands are those that the options' help names."""
    state = systems.session.state
    environment = {**clean_environment(), **state.environment(), "HOME": str(tmp_path)}
    details = "aws iam get-account-authorization-details --filter Role LocalManagedPolicy"
    commands = {
        "accounts": "kubectl get serviceaccounts --all-namespaces --output json",
        "pods": "kubectl get pods --all-namespaces --output json",
        "roles": details,
        "providers": "aws iam list-open-id-connect-providers",
    }
    for name, command in commands.items():
        with (tmp_path / name).open("w") as file:
            subprocess.run(command.split(), env=environment, stdout=file, check=True)
    with (tmp_path / "providers").open("a") as file:
        arn = systems.provider_arn
        command = "aws iam get-open-id-connect-provider --open-id-connect-provider-arn"
        subprocess.run([*command.split(), arn], env=environment, stdout=file, check=True)
    saved = [
        *("--service-accounts", str(tmp_path / "accounts"), "--issuer", state.issuer_url),
        *("--roles", str(tmp_path / "roles"), "--providers", str(tmp_path / "providers")),
    ]

    offline = of(systems.irsa("list", *saved, "--pods", str(tmp_path / "pods"), "--output", "json"))
    live = of(systems.irsa("list", "--output", "json"))

    assert offline == live
    nothing = {"KUBECONFIG": "/none", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    *same, associations = systems.irsa("audit", *saved, **nothing).out.splitlines()
    live = systems.irsa("audit").out.replace(", 1 Pod Identity associations", "")
    assert same == live.splitlines()
    assert associations.endswith("not read, since AWS was not asked")
