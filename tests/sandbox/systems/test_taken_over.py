"""Shapes of public programs, taken over by the lines that `irsa takeover` prints, while their pods
call STS and S3."""

import json
import re
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest
from lightkube.resources.core_v1 import Namespace, ServiceAccount
from pulumi import ResourceOptions

from irsa.identity.arns import aws_policy_arn
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.identity.policies import bucket_permissions_policy
from irsa_sandbox.session import left_overs
from irsa_sandbox.testing.sandbox import CLUSTER
from tests.sandbox.support.cluster import apply, eventually
from tests.sandbox.support.in_process import RegisteredCluster
from tests.sandbox.support.pod_identity import node_role, nodes_with_agent, wait_for_agent
from tests.sandbox.support.previews import preview
from tests.sandbox.support.programs import exported, in_cluster, stack_of
from tests.sandbox.support.sdk_programs import SOURCES

pytestmark = pytest.mark.sandbox

NAMESPACE, BUCKET = "shapes", "shapes-data"
S3, READ_ONLY = map(aws_policy_arn, ("AmazonS3ReadOnlyAccess", "IAMReadOnlyAccess"))
DATA = json.dumps(bucket_permissions_policy(f"arn:aws:s3:::{BUCKET}"))
PODS = {"Service": "pods.eks.amazonaws.com"}
ASSUMED_BY_EKS = {"Effect": "Allow", "Principal": PODS, "Action": ["sts:AssumeRole", "sts:TagSession"]}
BY_EKS = json.dumps({"Version": "2012-10-17", "Statement": [ASSUMED_BY_EKS]})
HEAD = """
import pulumi_aws as aws
from pulumi import ResourceOptions, get_project, get_stack
from irsa_components import *
"""


def flat(name, trust, *_):
    """Two resources, whose names Pulumi makes."""
    role = aws.iam.Role(f"{name}-role", assume_role_policy=trust)
    aws.iam.RolePolicyAttachment(f"{name}-s3", role=role.name, policy_arn=S3)
    return role


def own_component(name, trust, _, kind="acme:aws:Irsa"):
    own = ResourceOptions(parent=pulumi.ComponentResource(kind, name))
    role = aws.iam.Role(f"{name}-role", name=name, assume_role_policy=trust, opts=own)
    for index, arn in enumerate((S3, READ_ONLY)):
        attached = {"role": role, "policy_arn": arn}
        aws.iam.RolePolicyAttachment(f"{name}-{index}", **attached, opts=own)
    return role


def loop(name, trust, _):
    return [flat(f"{each}-{name}", trust) for each in ("first", "second")][0]


def inline_policies(name, trust, _):
    inline = [{"name": "data", "policy": DATA}]
    return aws.iam.Role(name, name=name, assume_role_policy=trust, inline_policies=inline)


def managed_policy_arns(name, trust, _):
    return aws.iam.Role(name, assume_role_policy=trust, managed_policy_arns=[S3, READ_ONLY])


def role_policy(name, trust, _):
    role = aws.iam.Role(name, assume_role_policy=trust)
    aws.iam.RolePolicy(f"{name}-policy", role=role.id, policy=DATA)
    return role


def path(name, trust, _):
    policy = aws.iam.Policy(f"{name}-policy", path="/team/", policy=DATA)
    more = {"path": "/team/", "permissions_boundary": S3, "tags": {"team": "x"}}
    role = aws.iam.Role(name, name=name, description=name, assume_role_policy=trust, **more)
    aws.iam.RolePolicyAttachment(f"{name}-attach", role=role.name, policy_arn=policy.arn)
    return role


def pulumi_eks(name, trust, _):
    """The OIDC provider as pulumi-eks makes it, which the sandbox leaves out."""
    own = ResourceOptions(parent=pulumi.ComponentResource("eks:index:Cluster", name))
    issuer = "https://" + json.loads(trust)["Statement"][0]["Principal"]["Federated"].split("/", 1)[1]
    given = {"url": issuer, "client_id_lists": ["sts.amazonaws.com"], "thumbprint_lists": ["0" * 40]}
    aws.iam.OpenIdConnectProvider(f"{name}-oidcProvider", **given, opts=own)
    return flat(name, trust)


def pod_identity(name, *_):
    role = flat(name, BY_EKS)
    pods = {"namespace": NAMESPACE, "service_account": name, "role_arn": role.arn}
    aws.eks.PodIdentityAssociation(f"{name}-association", cluster_name=CLUSTER, **pods)
    return role


def typescript(name, trust, _):
    """A component in a component, as `class Irsa extends ComponentResource` makes it."""
    stack = ResourceOptions(parent=pulumi.ComponentResource("acme:index:Stack", name))
    own = ResourceOptions(parent=pulumi.ComponentResource("acme:index:Irsa", name, {}, stack))
    role = aws.iam.Role(f"{name}Role", assume_role_policy=trust, opts=own)
    aws.iam.RolePolicy(f"{name}Policy", name="data", role=role.id, policy=DATA, opts=own)
    return role


def go(name, trust, _):
    return own_component(name, trust, _, "acme:pkg/irsa:Role")


def bucket(name, trust, _):
    made = aws.s3.Bucket(name, bucket=BUCKET, force_destroy=True)
    closed = dict.fromkeys(("block_public_acls", "block_public_policy"), True)
    aws.s3.BucketPublicAccessBlock(f"{name}-access", bucket=made.id, **closed)
    aws.s3.BucketVersioning(
        f"{name}-versions", bucket=made.id, versioning_configuration={"status": "Enabled"}
    )
    return flat(name, trust)


def service_account(name, trust, cluster):
    role = flat(name, trust)
    annotations = {ROLE_ARN_ANNOTATION: role.arn}
    metadata = {"name": name, "namespace": NAMESPACE, "annotations": annotations}
    k8s.core.v1.ServiceAccount(name, metadata=metadata, opts=cluster)
    return role


SHAPES = (
    *(flat, own_component, loop, inline_policies, managed_policy_arns, role_policy, path),
    *(pulumi_eks, pod_identity, typescript, go, bucket, service_account),
)
OF_ANOTHER_STACK = own_component, pulumi_eks, pod_identity, bucket


@pytest.fixture(scope="module")
def world(session, sandbox):
    """With a namespace and EKS Pod Identity, and without the cluster's OIDC provider."""
    found, iam = RegisteredCluster(session), session.aws("iam")
    apply(session.cluster, Namespace, "", NAMESPACE)
    nodes_with_agent(session.aws("eks"), CLUSTER, node_role(iam))
    wait_for_agent(session)
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=found.provider_arn)
    return found


def old(world, sandbox, project, shapes):
    """A stack of shapes, each with a role for the service account of its name."""

    def program():
        cluster = in_cluster(world.session)
        for shape in shapes:
            name = shape.__name__.replace("_", "-")
            role = shape(name, sandbox.trust_policy(f"{NAMESPACE}/{name}"), cluster)
            pulumi.export(name, role.arn)

    return stack_of(world.session, project, program)


def new(world, project, lines):
    """A stack of printed lines, with what they leave to the hand."""
    lines = lines.replace('"…"', f'"{CLUSTER}"')
    for component in re.findall(r"^WorkloadIdentity\($.*?^\)$", lines, re.M | re.S):
        lines = lines.replace(component, f"{component[:-1]}    cluster,\n)")

    def program():
        exec(HEAD + lines, {"cluster": in_cluster(world.session)})  # noqa: S102

    return stack_of(world.session, project, program)


def identities(session):
    """What tells resources from later ones of their names."""
    iam, eks, s3 = (session.aws(each) for each in ("iam", "eks", "s3"))
    providers = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    listed = session.cluster.list(ServiceAccount, namespace=NAMESPACE)
    return (
        {each["RoleId"] for each in iam.list_roles()["Roles"]},
        {each["PolicyId"] for each in iam.list_policies(Scope="Local")["Policies"]},
        [iam.get_open_id_connect_provider(OpenIDConnectProviderArn=e["Arn"])["CreateDate"] for e in providers],
        eks.list_pod_identity_associations(clusterName=CLUSTER)["associations"],
        [(each["Name"], each["CreationDate"]) for each in s3.list_buckets()["Buckets"]],
        {each.metadata.uid for each in listed if each.metadata},
    )


@contextmanager
def calls(sandbox, roles, folder):
    """Let a pod of each role call STS and S3 all the time; none of the calls may fail."""
    with ExitStack() as running:
        files = {name: folder / name for name in roles}
        for name, file in files.items():
            made = {} if name == "service-account" else {"role_arn": roles[name]}
            pod = running.enter_context(sandbox.pod(f"{NAMESPACE}/{name}", **made))
            command = [sys.executable, str(SOURCES / "lister.py"), BUCKET, "0.5"]
            output = running.enter_context(file.open("w"))
            child = subprocess.Popen(command, env=pod.environment, stdout=output)
            running.enter_context(child)
            running.callback(child.terminate)
        for counted in (1, 2):
            lines = {name: len(file.read_text().splitlines()) for name, file in files.items()}
            eventually(
                lambda: all(len(f.read_text().splitlines()) > lines[n] for n, f in files.items())
            )
            if counted == 1:
                yield
    for name, file in files.items():
        assert {*file.read_text().splitlines()} == {"ok"}, name
        print(name, len(file.read_text().splitlines()))


def take_over(stack, world, sandbox, roles, folder):
    """Bring a stack of printed lines up; nothing but components leaves it."""
    plan, output = folder / "preview.json", []
    plan.write_text(preview(stack, "--json"))
    audited = world.irsa("audit", "--stack", str(plan), "--output", "json").json
    assert [each for each in audited if "deleted" in each["rule"]] == []
    with calls(sandbox, roles, folder):
        before = identities(world.session)
        print(stack.up(on_output=output.append))
        assert identities(world.session) == before
    print("\n".join(output))
    left = [line for line in output if re.match(r" *(-|\+-|\+\+|--) ", line)]
    assert [line for line in left if re.search(r" (aws|kubernetes|pulumi:providers):", line)] == []


def test_shapes_of_the_same_stack(world, sandbox, tmp_path):
    before = left_overs(world.session)
    stack = old(world, sandbox, "taken-over", SHAPES)
    stack.up()
    lines = world.irsa("takeover", exported(stack, tmp_path)).out
    print(lines)
    take_over(new(world, "taken-over", lines), world, sandbox, stack.outputs(), tmp_path)

    without = re.sub(r"^ +(taken_over=\{.*?^ +\}|opts=.*?),$", "", lines, flags=re.M | re.S)
    for each in (lines, without):
        assert new(world, "taken-over", each).up().keys() == {"same"}
    new(world, "taken-over", without).destroy()
    assert left_overs(world.session) == before


def test_shapes_of_another_stack(world, sandbox, tmp_path):
    before = left_overs(world.session)
    stack = old(world, sandbox, "old", OF_ANOTHER_STACK)
    stack.up()
    new(world, "new", "")
    file = exported(stack, tmp_path)
    printed = world.irsa("takeover", file, "--to", "organization/new/dev").out
    print(printed)
    move, _, lines = printed.split("\n", 2)
    env = {**sandbox.environment(), **world.session.state.engine_environment()}
    done = subprocess.run(move, shell=True, env=env, capture_output=True, text=True)
    print(done)
    take_over(new(world, "new", lines), world, sandbox, stack.outputs(), tmp_path)
    counts = old(world, sandbox, "old", ()).up()
    print(counts)
    assert new(world, "new", lines).up().keys() == {"same"}
    new(world, "new", lines).destroy()
    assert left_overs(world.session) == before
