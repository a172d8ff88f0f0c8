"""Identities and findings of a service account's row."""

import pytest

from irsa.audit.findings import AuditFacts, ClusterFacts
from irsa.commands.inventory_table import cells
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.identity.subjects import ServiceAccountRef
from irsa.inventory.rows import Identity, IdentityKind, Inventory, listing
from irsa.observe.eks import Association
from irsa.observe.facts import Role, ServiceAccount, Unread
from irsa.observe.iam import AccountPrincipals
from irsa.observe.pods import FleetPod
from irsa.rules.table import Finding
from tests.support.fleet import ACCOUNT, ISSUER

ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
OWN = {"namespace": "dev", "service_account": "app"}
UNREAD = Unread("Pods", "forbidden", "list pods")
ARN = f"arn:aws:eks:us-east-1:{ACCOUNT}:podidentityassociation/dev/a-1"
OWNER = f"arn:aws:eks:us-east-1:{ACCOUNT}:addon/dev/vpc-cni/42"
TARGET = "arn:aws:iam::444455556666:role/target"


def account(role=ROLE):
    return ServiceAccount("dev", "app", {ROLE_ARN_ANNOTATION: role} if role else {})


def cluster(role=ROLE, name="", issuer=ISSUER, pods=(), associations=UNREAD):
    """A cluster with the service account dev/app, whose role is this one."""
    return ClusterFacts(
        name=name,
        issuer_url=f"https://{issuer}",
        account=ACCOUNT,
        service_accounts=(account(role),),
        associations=associations,
        pods=pods,
    )


def listed(*clusters, findings=()):
    roles = (Role(ROLE, "AROA1", {}),)
    facts = AuditFacts(
        clusters=clusters, accounts=[ACCOUNT], roles=roles,
        providers=(), now=0,
    )  # fmt: skip
    accounts = [AccountPrincipals(roles, {ROLE: ""})]
    return listing(Inventory(facts=facts, accounts=accounts), findings)


def test_a_finding_of_one_cluster_is_not_the_others():
    findings = [
        Finding("unused-role", f"role {ROLE}", ISSUER, cluster="green"),
        Finding("other-cluster", f"role {ROLE}", ISSUER),
    ]
    green = cluster(
        name="green",
        issuer=ISSUER.replace("0123", "9999"),
        pods=UNREAD,
    )

    found = listed(cluster(name="blue", associations=()), green, findings=findings)

    own = [row.findings for row in found.rows]
    assert own == [("other-cluster",), ("unused-role", "other-cluster")]
    assert f"green: {UNREAD.text}" in found.notes


def associated(**more):
    """The association of dev/app with a second role."""
    of = Association(arn=ARN, account=ServiceAccountRef("dev", "app"), role_arn=f"{ROLE}-2", **more)
    return [of]


@pytest.mark.parametrize(("role", "more"), [(ROLE, [Identity(IdentityKind.IRSA, ROLE)]), ("", [])])
def test_an_association_wins_over_the_annotation(role, more):
    found = listed(cluster(role, associations=associated()))

    first, *rest = found.rows[0].identities
    assert (first.kind, first.source, rest) == (IdentityKind.POD_IDENTITY, f"{ROLE}-2", more)


def test_a_row_has_target_role_session_policy_and_owner_of_an_association():
    policy = '{"Statement": []}'
    more = {"target_role_arn": TARGET, "policy": policy, "disable_session_tags": True}
    found = listed(cluster("", associations=associated(**more, owner_arn=OWNER)))

    [row] = found.rows
    assert row.roles == (f"{ROLE}-2", TARGET)
    [identity] = row.as_json()["identities"]
    assert (identity["kind"], identity["source"]) == ("Pod Identity", f"{ROLE}-2")
    assert identity["association"] == {
        "arn": ARN,
        "target_role": TARGET,
        "session_policy": policy,
        "session_tags": False,
        "owner": OWNER,
    }
    assert cells(row)[2:4] == (
        "Pod Identity (addon dev/vpc-cni)",
        f"app-2, target {TARGET} (session policy)",
    )


def test_pods_older_than_an_association_are_counted():
    pods = [
        FleetPod(name="old", role_arn=ROLE, **OWN),
        FleetPod(name="new", pod_identity=True, **OWN),
    ]

    for associations, count in ((associated(), 1), ({}, 0)):
        [row] = listed(cluster(pods=pods, associations=associations)).rows
        assert row.without_role == count
