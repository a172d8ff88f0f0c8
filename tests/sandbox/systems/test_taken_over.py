"""Shapes of public programs, taken over by the lines of `irsa takeover` while their pods call."""

import json
import re
import subprocess
from contextlib import ExitStack, contextmanager

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest
from lightkube.resources.core_v1 import Namespace, ServiceAccount
from pulumi import ResourceOptions

from irsa_core.identity.arns import aws_policy_arn
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION
from irsa_core.identity.policies import bucket_permissions_policy, service_trust_policy
from irsa_sandbox.session import left_overs
from irsa_sandbox.testing.sandbox import CLUSTER
from tests.sandbox.support.cluster import apply, eventually
from tests.sandbox.support.in_process import RegisteredCluster
from tests.sandbox.support.pod_identity import node_role, nodes_with_agent, wait_for_agent
from tests.sandbox.support.previews import preview
from tests.sandbox.support.programs import exported, in_cluster, stack_of
from tests.sandbox.support.sdk_programs import listing

BUCKET, S3, MORE = "shapes-data", *map(aws_policy_arn, ("AmazonS3ReadOnlyAccess", "ReadOnlyAccess"))
DATA = json.dumps(bucket_permissions_policy(f"arn:aws:s3:::{BUCKET}"))
TRUST = {each: service_trust_policy(f"{each}.amazonaws.com") for each in ("eks", "pods.eks")}
TRUST["pods.eks"]["Statement"][0]["Action"] = ["sts:AssumeRole", "sts:TagSession"]
HEAD = """import pulumi_aws as aws
from pulumi import ResourceOptions, get_project, get_stack
from irsa_components import *
"""


def below(kind, name, parent=None):
    return ResourceOptions(parent=pulumi.ComponentResource(kind, name, {}, parent))


def role(name, trust, /, *arns, opts=None, **args):
    """A role for the service account of its name, with attachments by number."""
    made = aws.iam.Role(f"{name}-role", assume_role_policy=trust(name), opts=opts, **args)
    pulumi.export(name, made.arn)
    for index, arn in enumerate(arns):
        aws.iam.RolePolicyAttachment(f"{name}-{index}", role=made.name, policy_arn=arn, opts=opts)
    return made


def own_component(name, trust, _):
    role(name, trust, S3, MORE, opts=below("acme:aws:Irsa", name), name=name)


def inline_policies(name, trust, _):
    role(name, trust, inline_policies=[{"name": "data", "policy": DATA}])


def managed_policy_arns(name, trust, _):
    role(name, trust, managed_policy_arns=[S3, MORE])


def path(name, trust, _):
    own = aws.iam.Policy(name, path="/team/", policy=DATA)
    more = {"permissions_boundary": S3, "description": name, "tags": {"team": "x"}}
    role(name, trust, own.arn, path="/team/", **more)


def of_cluster(*_):
    """A cluster's own role, which no component takes over."""
    own = below("eks:index:Cluster", "eks")
    aws.iam.Role("eks-eksRole-role", assume_role_policy=json.dumps(TRUST["eks"]), opts=own)
    return own


def pulumi_eks(name, trust, _):
    """With the OIDC provider, which the sandbox's pulumi-eks does not make."""
    url = re.sub(r'.*oidc-provider/([^"]+).*', r"https://\1", trust(name))
    given = {"client_id_lists": ["sts.amazonaws.com"], "thumbprint_lists": ["0" * 40]}
    aws.iam.OpenIdConnectProvider("eks-oidcProvider", url=url, **given, opts=of_cluster())
    role(name, trust, S3)


def pod_identity(name, *_):
    made = role(name, lambda _: json.dumps(TRUST["pods.eks"]), S3)
    pods = {"namespace": "shapes", "service_account": name, "role_arn": made.arn}
    aws.eks.PodIdentityAssociation(name, cluster_name=CLUSTER, **pods)


def typescript(name, trust, _):
    own = below("acme:index:Irsa", name, below("acme:index:Stack", name))
    made = role(name, trust, opts=own)
    aws.iam.RolePolicy(name, role=made.id, policy=DATA, opts=ResourceOptions(parent=made))


def bucket(name, trust, _):
    made = aws.s3.Bucket(name, bucket=BUCKET, force_destroy=True)
    aws.s3.BucketPublicAccessBlock(f"{name}-access", bucket=made.id, block_public_acls=True)
    versions = {"versioning_configuration": {"status": "Enabled"}}
    aws.s3.BucketVersioning(f"{name}-versions", bucket=made.id, **versions)
    role(name, trust, S3)


def account(name, trust, cluster):
    made = role(name, trust, S3)
    metadata = {"namespace": "shapes", "annotations": {ROLE_ARN_ANNOTATION: made.arn}}
    k8s.core.v1.ServiceAccount(name, metadata={"name": name, **metadata}, opts=cluster)


OF_ANOTHER_STACK = (own_component, pulumi_eks, pod_identity, typescript, bucket)
SHAPES = (inline_policies, managed_policy_arns, path, account)


@pytest.fixture(scope="module")
def world(session, sandbox):
    """With EKS Pod Identity, and without the cluster's OIDC provider."""
    iam = session.aws("iam")
    apply(session.cluster, Namespace, "", "shapes")
    nodes_with_agent(session.aws("eks"), CLUSTER, node_role(iam))
    wait_for_agent(session)
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=sandbox.provider_arn)
    return RegisteredCluster(session)


def stack_with(world, sandbox, project, *shapes, lines=""):
    """A stack of shapes, and of printed lines with what they leave to the hand."""
    lines = HEAD + lines.replace('"…"', f'"{CLUSTER}"')
    lines = re.sub(r"(?s)(\nWorkloadIdentity\(.*?\n    \),\n)", r"\1    cluster,\n", lines)

    def program():
        cluster = in_cluster(world.session)
        exec(lines, {"cluster": cluster})  # noqa: S102
        for shape in shapes:
            name = shape.__name__.replace("_", "-")
            shape(name, lambda account: sandbox.trust_policy(f"shapes/{account}"), cluster)

    return stack_of(world.session, project, program)


def identities(session):
    """Ids and dates that a resource made anew would not have."""
    iam, eks, s3 = (session.aws(service) for service in ("iam", "eks", "s3"))
    accounts = session.cluster.list(ServiceAccount, namespace="shapes")
    return (
        {iam_role["RoleId"] for iam_role in iam.list_roles()["Roles"]},
        {policy["PolicyId"] for policy in iam.list_policies(Scope="Local")["Policies"]},
        eks.list_pod_identity_associations(clusterName=CLUSTER)["associations"],
        [(bucket["Name"], bucket["CreationDate"]) for bucket in s3.list_buckets()["Buckets"]],
        {account.metadata.uid for account in accounts if account.metadata},
    )


@contextmanager
def calls(sandbox, roles):
    """Let a pod of each role call STS and S3, also before and after; no call may fail."""
    lines: dict[str, list[str]] = {name: [] for name in roles}

    def each_calls():
        before = {name: len(lines[name]) for name in lines}
        eventually(lambda: all(len(lines[name]) > before[name] for name in lines))

    with ExitStack() as running:
        for name in lines:
            annotated = None if name == "account" else roles[name]
            pod = running.enter_context(sandbox.pod(f"shapes/{name}", annotated))
            running.enter_context(listing(pod.environment, BUCKET, lines[name], pause=0.5))
        each_calls()
        yield
        each_calls()
    print({name: len(lines[name]) for name in lines}, "calls")
    assert {line for name in lines for line in lines[name]} == {"ok"}


def deleted(world, stack, folder, *flags):
    """Findings of `audit` of the plan about what it deletes."""
    plan = folder / "preview.json"
    plan.write_text(preview(stack, "--json", *flags))
    found = world.irsa("audit", "--stack", str(plan), "--output", "json").json["findings"]
    return [each for each in found if each["rule"] in ("imported-and-deleted", "perhaps-deleted")]


@pytest.mark.cases("to", {"the same stack": "shapes", "another stack": "new"})
def test_shapes_are_taken_over_without_a_failed_call(world, sandbox, tmp_path, to):
    moves, at_first, output = to != "shapes", left_overs(world.session), []
    shapes = OF_ANOTHER_STACK if moves else (*OF_ANOTHER_STACK, *SHAPES)
    stack = stack_with(world, sandbox, "shapes", *shapes)
    stack.up()
    roles, to_stack = stack.outputs(), ("--to", f"organization/{to}/dev")
    lines = world.irsa("takeover", exported(stack, tmp_path), *to_stack).out
    if moves:
        stack_with(world, sandbox, to)
        env = {**sandbox.environment(), **world.session.state.engine_environment()}
        move, _, lines = lines.partition("\n")
        subprocess.run(move, shell=True, env=env, check=True)  # noqa: S602
    rest = [] if moves else [of_cluster]
    taken = stack_with(world, sandbox, to, *rest, lines=lines)
    assert deleted(world, taken, tmp_path) == []

    with calls(sandbox, roles):
        before = identities(world.session)
        print(taken.up(on_output=output.append))
        if moves:
            stack_with(world, sandbox, "shapes", of_cluster).up()
        assert identities(world.session) == before

    gone = re.findall(r"(?m)^ *(?:-+|\+-|\+\+|-\+) +(\S+:\S+) ", "\n".join(output))
    assert [kind for kind in gone if not kind.startswith(("acme:", "eks:index:"))] == []
    without = re.sub(r"(?m)^ +taken_over=\{$(?s:.*?)^ +\},$|^    opts=.*$", "", lines)
    assert not re.search("taken_over|aliases", without)
    for text in (lines, without):
        taken = stack_with(world, sandbox, to, *rest, lines=text)
        assert taken.up().keys() == {"same"}
    taken.destroy()
    stack.destroy()
    assert left_overs(world.session) == at_first


def test_audit_refuses_a_plan_that_deletes_with_the_lines_to_write(world, sandbox, tmp_path):
    stack = stack_with(world, sandbox, "lost", own_component)
    stack.up()
    state = exported(stack, tmp_path)
    lines = world.irsa("takeover", state).out
    [component] = world.irsa("takeover", state, "--output", "json").json["components"]
    imported = re.sub(r"(?s)taken_over=\{.*?\},", "imported=True,", lines)
    plan = stack_with(world, sandbox, "lost", lines=imported)

    role, *attached = deleted(world, plan, tmp_path)

    assert len(attached) == 2
    assert len(deleted(world, plan, tmp_path, "--show-sames")) == 3
    for part in ("acme:aws:Irsa$", "irsa:index:ServiceAccountRole$"):
        assert f"urn:pulumi:dev::lost::{part}aws:iam/role:Role::own-component" in role["found"]
    assert json.dumps(component["taken_over"]) in role["remedy"]
    misspelt = lines.replace("::own-component-0", "::own-component-O")
    plan = stack_with(world, sandbox, "lost", lines=misspelt)
    [finding] = deleted(world, plan, tmp_path)
    assert finding["rule"] == "imported-and-deleted"
    stack.destroy()
