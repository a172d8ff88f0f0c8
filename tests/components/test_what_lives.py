"""What the components ask of the engine, so that what lives stays (labels F1, F2, F3, F6)."""

import re
from typing import Any

import pytest

from components import existing
from components.access_key_user import AccessKeyUser, AccessKeyUserArgs
from components.cross_account_role import CrossAccountRole, CrossAccountRoleArgs, TrustedRoleArgs
from components.data_bucket import DataBucket, DataBucketArgs
from components.namespace import Namespace, NamespaceArgs
from components.pod_credentials import StaticCredentialsArgs
from components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from components.specs import ContainerSpec
from components.workload import Workload, WorkloadArgs
from irsa.identity.subjects import service_account_ref
from tests.support.engine import PROVIDER_ARN, Engine, deploy

BUCKET = "aws:s3/bucket:Bucket"
NAMESPACE = "kubernetes:core/v1:Namespace"
ROLE = "aws:iam/role:Role"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ARN = "arn:aws:iam::111122223333:policy/p"


def bucket(**args: Any) -> Engine:
    return deploy(lambda: DataBucket("data", DataBucketArgs(bucket_name="acme", **args)))


def namespace(**args: Any) -> Engine:
    return deploy(lambda: Namespace("acme", NamespaceArgs(namespace="acme", **args)))


# F3: buckets


@pytest.mark.parametrize("force_destroy", [False, True], ids=["data stays", "data goes"])
def test_f3_a_bucket_and_its_protection_stay_unless_told_otherwise(force_destroy):
    engine = bucket(force_destroy=force_destroy)

    for resource in engine.registered:
        if resource.typ.startswith("aws:s3/"):
            asked = engine.options(resource.typ, resource.name)
            assert asked.retainOnDelete is not force_destroy, resource.typ


def test_f3_protection_goes_with_the_bucket_and_not_before_it():
    engine = bucket(force_destroy=True)

    guards = [r for r in engine.registered if r.typ.startswith("aws:s3/bucket") and r.typ != BUCKET]
    assert len(guards) == 5
    for guard in guards:
        assert engine.options(guard.typ, guard.name).deletedWith.endswith(f"{BUCKET}::data")


def test_f6_an_existing_bucket_is_read_and_nothing_about_it_is_set():
    def program() -> None:
        DataBucket("data", DataBucketArgs(bucket_name="acme", existing=True)).access_policy(
            "reader"
        )

    engine = deploy(program)

    assert engine.one(BUCKET).resource_id == "acme"
    assert [r.typ for r in engine.registered if r.typ.startswith("aws:")] == [
        BUCKET,
        "aws:iam/policy:Policy",
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: DataBucketArgs(bucket_name="acme", existing=True, force_destroy=True),
            "bucket 'acme' exists (existing: true), so it is never deleted; remove forceDestroy",
        ),
        (
            lambda: NamespaceArgs(namespace="acme", existing=True, force_destroy=True),
            "namespace 'acme' exists (existing: true), so it is never deleted; remove forceDestroy",
        ),
        (lambda: NamespaceArgs(namespace="Acme"), "namespace 'Acme' is not a DNS-1123 label"),
    ],
    ids=["bucket", "namespace", "name"],
)
def test_a_contradiction_is_refused(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


# F1: namespaces


@pytest.mark.parametrize("force_destroy", [False, True], ids=["stays", "goes"])
def test_f1_a_namespace_stays_unless_told_otherwise(force_destroy):
    engine = namespace(force_destroy=force_destroy)

    assert engine.one(NAMESPACE).inputs["metadata"] == {"name": "acme"}
    assert engine.options(NAMESPACE, "acme").retainOnDelete is not force_destroy


def test_f1_an_existing_namespace_is_read():
    assert namespace(existing=True).one(NAMESPACE).resource_id == "acme"


# F2: logical names


def irsa_role() -> None:
    args = ServiceAccountRoleArgs(
        role_name="writer",
        path="/team/",
        provider_arns=[PROVIDER_ARN],
        subjects=[service_account_ref("dev", "s3-app")],
        policy_arns={"bucket": ARN},
    )
    ServiceAccountRole("reports", args)


def role_b() -> None:
    trusted = TrustedRoleArgs(role_arn="arn:aws:iam::111122223333:role/a", unique_id="AROAA")
    args = CrossAccountRoleArgs(
        role_name="writer", path="/team/", trusted_roles=[trusted], policy_arns={"bucket": ARN}
    )
    CrossAccountRole("reports", args)


@pytest.mark.parametrize("program", [irsa_role, role_b])
def test_f2_a_role_is_named_after_itself_alone(program):
    """With an alias a renamed role would be the old one, which goes first and takes what needs it
    along."""
    engine = deploy(program)

    assert engine.aliases(ROLE, "team/writer") == []
    assert engine.aliases(ATTACHMENT, "team/writer-bucket") == []


def test_f2_a_user_is_named_after_itself_alone():
    args = AccessKeyUserArgs(user_name="writer", policy_arns={"bucket": ARN})
    engine = deploy(lambda: AccessKeyUser("reports", args))

    assert engine.aliases("aws:iam/user:User", "writer") == []
    assert engine.aliases("aws:iam/accessKey:AccessKey", "writer-v1") == []
    attachment = "aws:iam/userPolicyAttachment:UserPolicyAttachment"
    assert engine.aliases(attachment, "writer-bucket") == []


# F6: what exists already


def workload(kubeconfig: str | None) -> Engine:
    credentials = StaticCredentialsArgs(
        access_key_id="AKIA", secret_access_key="secret", region="us-east-1"
    )
    args = WorkloadArgs(
        namespace="acme",
        service_account_name="writer",
        static_credentials=credentials,
        container=ContainerSpec(image="app"),
        kubeconfig=kubeconfig,
    )
    return deploy(lambda: Workload("reports", args))


def hooked(engine: Engine) -> set[str]:
    """Types of which nothing is made that exists already."""
    return {typ for (typ, _), asked in engine.monitor.requests.items() if asked.hooks.before_create}


def test_f6_everything_with_a_name_of_its_own_is_looked_up_before_it_is_made():
    found = set[str]().union(
        hooked(bucket()),
        hooked(namespace(kubeconfig="{}")),
        hooked(workload("{}")),
        *map(hooked, map(deploy, (irsa_role, role_b))),
        hooked(deploy(lambda: AccessKeyUser("reports", AccessKeyUserArgs(user_name="writer")))),
    )

    chain_and_cluster = {
        "aws:iam/policy:Policy",
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        "kubernetes:core/v1:ConfigMap",
    }
    assert found == (existing.LOOKED_UP - chain_and_cluster)


def test_f6_without_a_kubeconfig_the_cluster_is_not_asked():
    assert hooked(workload(None)) == set()
