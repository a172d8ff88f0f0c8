"""Resources of this stack that a component takes over from another URN."""

from typing import Any

import pytest

import irsa_components as irsa
from irsa.takeover.children import CHILDREN
from irsa_core.identity import pulumi_types as types
from tests.support.engine import deploy
from tests.support.world import CLUSTER_ARN, PROVIDER_ARN, ROLE_ARN

OWN = "urn:pulumi:dev::irsa::"
ACCOUNT = irsa.ServiceAccount(namespace="dev", name="reports")
POLICY = "arn:aws:iam::111122223333:policy/read"
READ = {"policy_arns": {"read": POLICY}}
ROLE = {"provider_arns": [PROVIDER_ARN], "service_accounts": [ACCOUNT], "role_name": "reports"}
TRUSTED = [irsa.TrustedRoleArgs(role_arn=ROLE_ARN, unique_id="AROAEXAMPLE1")]
QUEUE = {"Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}
POD = {"containers": [{"name": "app", "image": "app"}]}
KINDS = {child.key: kind for kind, child in CHILDREN.items() if child.key}


def of(*keys: str, **policies: str) -> dict[str, str]:
    """Types of children by key: the fixed ones as in `irsa takeover`, and those of policies."""
    return {key: KINDS[key] for key in keys} | policies


USER_ATTACHMENT = "aws:iam/userPolicyAttachment:UserPolicyAttachment"
# Arguments of a component, and the types of its children by their keys.
COMPONENTS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "ServiceAccountRole": (
        {**ROLE, **READ, "policies": {"queue": QUEUE}, "role_b_arns": [ROLE_ARN]},
        of("role", read=types.ATTACHMENT, queue=types.INLINE_POLICY)
        | {"assume-role": types.ATTACHMENT, "assume-role-policy": types.POLICY},
    ),
    "CrossAccountRole": ({"trusted_roles": TRUSTED}, of("role")),
    "AccessKeyUser": (READ, of("user", "key", read=USER_ATTACHMENT)),
    "DataBucket": (
        {"managed_policies": ["read"]},
        of("bucket", *types.SETTINGS.values(), read=types.POLICY),
    ),
    "PodIdentityAssociation": (
        {"cluster_arn": CLUSTER_ARN, "role_arn": ROLE_ARN, "service_account": ACCOUNT},
        of("association"),
    ),
    "Workload": (
        {"service_account": ACCOUNT, "role_arn": ROLE_ARN, "pod_spec": POD},
        of("service-account", "deployment"),
    ),
    "Namespace": ({"namespace": "dev"}, of("namespace")),
    "EksCluster": ({"cluster_name": "dev"}, of("provider")),
}
each_component = pytest.mark.parametrize("name", COMPONENTS)


def aliases(name: str, taken_over: dict[str, str], **more: Any) -> dict[str, tuple[str, str]]:
    """Deploy a component; return type and name of its children by the URNs that are aliases."""
    given = {**COMPONENTS[name][0], **more, "taken_over": taken_over}
    args = getattr(irsa, f"{name}Args")(**given)
    requests = deploy(lambda: getattr(irsa, name)("reports", args)).monitor.requests.items()
    return {each.urn: child for child, made in requests for each in made.aliases if each.urn}


def part(kind: str, name: str = "old") -> str:
    return f"acme:aws:Irsa${kind}::{name}"


@each_component
def test_each_child_keeps_its_resource_under_the_old_urn(name):
    children = COMPONENTS[name][1]
    found = aliases(name, {key: part(kind, key) for key, kind in children.items()})
    assert len(found) == len(children)
    for key, kind in children.items():
        found_kind, child = found[OWN + part(kind, key)]
        assert found_kind == kind
        assert key in KINDS or child.endswith(f"-{key.removesuffix('-policy')}")


@each_component
def test_a_child_that_is_left_out_is_refused(name):
    taken_over = {key: part(kind, key) for key, kind in COMPONENTS[name][1].items()}
    for key in taken_over:
        without = {other: urn for other, urn in taken_over.items() if other != key}
        if without:
            with pytest.raises(ValueError, match=f"taken_over lacks '{key}'; give its URN of tod"):
                aliases(name, without)
        assert aliases(name, {**without, key: "new"}).keys() == {OWN + e for e in without.values()}


B, OF_PROD = "CrossAccountRole", f"urn:pulumi:prod::irsa::{part(types.ROLE)}"
NO_CHILD = r"'{}'\] is no child; remove".format


@pytest.mark.cases(("name", "taken_over", "more", "said"), {
    "URN of another type": (B, {"role": part(types.POLICY)}, {},
        "is no URN of type aws:iam/role:R"),
    "name for a URN": (B, {"role": "reports"}, {}, "is no URN of type aws:iam/role:Role"),
    "URN of another stack": (B, {"role": OF_PROD}, {}, "is of another stack; run `pulumi"),
    "misspelt child": (B, {"role": "new", "raed": "new"}, {},
        r"taken_over\['raed'\] is no child; give role"),
    "two children of one name": (B, {"role": "new"}, {"policy_arns": {"role": POLICY}},
        "'role' names two children in "),
    "imported child": ("ServiceAccountRole", of("role"), {"imported": True},
        "imported names a role of no stack"),
    # Else the old resource would leave the program, and the `up` would delete it.
    "existing cluster's provider": ("EksCluster", {"provider": "new"}, {"existing": True},
        NO_CHILD("provider")),
    "existing namespace": ("Namespace", {"namespace": "new"}, {"existing": True},
        NO_CHILD("namespace")),
})  # fmt: skip
def test_what_cannot_be_the_child_is_refused(name, taken_over, more, said):
    with pytest.raises(ValueError, match=said):
        aliases(name, taken_over, **more)


@pytest.mark.cases(("urn", "alias"), {
    "full": (f"{OWN}aws:s3/bucket:Bucket::old", f"{OWN}aws:s3/bucket:Bucket::old"),
    "type of an older pulumi-aws": ("aws:s3/bucketV2:BucketV2::old",
        f"{OWN}aws:s3/bucketV2:BucketV2::old"),
})  # fmt: skip
def test_a_urn_may_be_full_or_of_an_older_type(urn, alias):
    children = dict.fromkeys(COMPONENTS["DataBucket"][1], "new")
    assert [*aliases("DataBucket", {**children, "bucket": urn})] == [alias]
