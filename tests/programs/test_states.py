"""A state of an older program that gives every name: nothing is replaced or deleted."""

from pathlib import Path

import pulumi_aws as aws
import pytest
import yaml
from pulumi import ResourceOptions

import irsa_components as irsa
from tests.support.engine import Engine, deploy, run_program, stack_file
from tests.support.versions import needs_session_policy
from tests.support.world import ACCOUNT_B, CLUSTER_OUTPUTS, ISSUER_URL, REGION

STATES = yaml.safe_load(Path(__file__).with_name("states.yaml").read_text())
CLUSTER = {**CLUSTER_OUTPUTS, "role_a_arn": "arn:aws:iam::111122223333:role/s3-app-A"}
CLUSTER["role_a_unique_id"] = "AROAEXAMPLE"
# A mock account has one id; and what a program leaves out, the providers fill in.


def account_a():
    """Account A's program as it was when it gave every physical name."""

    def role(name, account, **more):
        inputs = {"role_name": name, "subjects": [account], **more}
        args = irsa.ServiceAccountRoleArgs(provider_arns=[cluster.provider_arn], **inputs)
        return irsa.ServiceAccountRole(name, args, opts).role_arn

    def pods(name, **identity):
        pod = {"containers": [{"name": "app", "image": "app"}]}
        account = irsa.ServiceAccount(namespace="dev", name=name)
        args = irsa.WorkloadArgs(service_account=account, pod_spec=pod, **identity)
        irsa.Workload(name, args, in_cluster)

    opts = ResourceOptions(providers=[aws.Provider("account-a", region=REGION)])
    cluster = irsa.EksCluster("dev", irsa.EksClusterArgs(cluster_name="dev"), opts)
    in_cluster = ResourceOptions(providers=[cluster.kubernetes_provider])
    irsa.Namespace("dev", irsa.NamespaceArgs(namespace="dev"), in_cluster)
    forced = {"force_destroy": True, "read_policy_name": "bucket-s3-app-read"}
    bucket = irsa.DataBucketArgs(bucket_name="bucket-s3-app", **forced)
    read = {"bucket": irsa.DataBucket("bucket-s3-app", bucket, opts).read_policy_arn}
    user_args = irsa.AccessKeyUserArgs(user_name="s3-manager", policy_arns=read)
    user = irsa.AccessKeyUser("s3-manager", user_args, opts)
    pods("s3-app-key", access_key=irsa.AccessKeyArgs(user=user, region=REGION))
    pods("s3-app", role_arn=role("s3-app", "dev/s3-app", policy_arns=read))
    role("crossplane-aws-provider", "crossplane-system/aws-provider-*")
    role_b_arn = irsa.role_arn(ACCOUNT_B, "s3-app-B")
    chain = irsa.RoleChainArgs(targets=[irsa.TargetRoleArgs(role_arn=role_b_arn)], region=REGION)
    role_a = role("s3-app-A", "dev/s3-app-chain", role_b_arns=[role_b_arn])
    pods("s3-app-chain", role_arn=role_a, chain=chain)


def registered(project):
    """Inputs of what a program registers today, by URN without stack and project, and by alias."""
    engine = Engine(stacks={"organization/irsa/dev": CLUSTER})
    if project == "irsa":
        deploy(account_a, engine, project)
    else:
        folder = f"examples/{project.replace('-', '_')}"
        config = {**stack_file(folder), f"{project}:issuerUrl": ISSUER_URL}
        run_program(config, engine, folder=folder)
    inputs = {(child.typ, child.name): dict(child.inputs) for child in engine.registered}
    states = {}
    for urn in engine.monitor.depends_on:
        path, name = urn.split("::", 2)[2].removeprefix("pulumi:pulumi:Stack$").split("::", 1)
        kind = path.rpartition("$")[2]
        request = engine.monitor.requests.get((kind, name))  # none for what is only read
        aliases = request.aliases if request else ()
        for name_or_alias in (name, *(alias.spec.name for alias in aliases if alias.spec.name)):
            states[f"{path}::{name_or_alias}"] = inputs.get((kind, name), {})
    return states


@pytest.mark.parametrize(
    "project",
    [pytest.param(p, marks=needs_session_policy if p == "forms" else ()) for p in STATES],
)
def test_no_resource_is_replaced_or_deleted(project):
    today = registered(project)

    assert STATES[project].keys() <= today.keys(), "a missing one would be deleted"
    for urn, inputs in STATES[project].items():
        current = {key: today[urn][key] for key in inputs if key in today[urn]}
        before = yaml.safe_load(yaml.safe_dump(inputs).replace("444455556666", "111122223333"))
        if metadata := current.get("metadata"):
            keys = metadata.keys() & {"name", "namespace"}
            current["metadata"] = {key: metadata[key] for key in keys}
        assert current == {key: before[key] for key in current}, urn
