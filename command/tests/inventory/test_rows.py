"""Identities and findings of a service account's row."""

from dataclasses import replace
from random import Random

import pytest

from command.tests.audit.audited import annotated, cluster, facts, role
from command.tests.verify.chains import ACCOUNT, ASSOCIATION, BARE, TRUST_EKS
from irsa.commands.inventory_table import COLUMNS, WIDTH, cells, table
from irsa.inventory.rows import Identity, IdentityKind, Inventory, listing
from irsa.observe.facts import Unread
from irsa.observe.iam import AccountPrincipals
from irsa.observe.pods import FleetPod
from irsa_core.identity.pod_identity import pod_identity_trust_policy
from irsa_core.rules.table import Finding
from tests.support.world import ACCOUNT_A, CLUSTER_ARN, ISSUER, ROLE_ARN, ROLE_B_ARN

OWN = {"namespace": "dev", "service_account": "s3-app"}
NEW = FleetPod(name="new", pod_identity=True, **OWN)
UNREAD = Unread("Pods", "forbidden", "list pods")
OWNER = f"arn:aws:eks:us-east-1:{ACCOUNT_A}:addon/dev/vpc-cni/42"
SECOND = f"{ROLE_ARN}-2"


def listed(*clusters, findings=(), document=None):
    roles = (role(document or {}),)
    accounts = [AccountPrincipals(roles, {ROLE_ARN: ""})]
    return listing(Inventory(facts=facts(*roles, clusters=clusters), accounts=accounts), findings)


def test_a_finding_of_one_cluster_is_not_the_others():
    about = f"role {ROLE_ARN}", ISSUER
    findings = [Finding("unused-role", *about, cluster="green"), Finding("other-cluster", *about)]
    green = cluster(ISSUER.replace("0123", "9999"), name="green", pods=UNREAD)

    listing = listed(cluster(name="blue"), green, findings=findings)

    rules = [row.findings for row in listing.rows]
    assert rules == [("other-cluster",), ("unused-role", "other-cluster")]
    assert f"green: {UNREAD.text}" in listing.notes


def associated(**more):
    """The association of the service account with a second role."""
    return [replace(ASSOCIATION, role_arn=SECOND, **more)]


@pytest.mark.cases("account", {"annotated": annotated(), "bare": BARE})
def test_an_association_wins_over_the_annotation(account):
    found = listed(cluster(service_accounts=[account], associations=associated()))
    first, *rest = found.rows[0].identities
    assert (first.kind, first.source) == (IdentityKind.POD_IDENTITY, SECOND)
    assert rest == ([] if account is BARE else [Identity(IdentityKind.IRSA, ROLE_ARN)])


def test_a_row_target_role_session_policy_and_owner_of_an_association():
    policy = '{"Statement": []}'
    more = {"target_role_arn": ROLE_B_ARN, "policy": policy, "disable_session_tags": True}
    one = associated(**more, owner_arn=OWNER)

    hits = (("pass-any-role", SECOND), ("output-as-text", ROLE_B_ARN))
    findings = [Finding(rule, f"role {arn}", "x") for rule, arn in hits]

    [row] = listed(cluster(service_accounts=[BARE], associations=one), findings=findings).rows
    assert row.findings == ("pass-any-role", "output-as-text")
    [identity] = row.as_json()["identities"]
    assert (identity["kind"], identity["source"]) == ("Pod Identity", SECOND)
    shown = {"arn": ASSOCIATION.arn, "target_role": ROLE_B_ARN, "owner": OWNER}
    shown |= {"session_policy": policy, "session_tags": False}
    assert identity["association"] == shown
    target = f"s3-app-2, target {ROLE_B_ARN} (session policy)"
    assert cells(row)[2:4] == ("Pod Identity (addon dev/vpc-cni)", target)


MISSING = "no association for this service account, or Pods older than it"
OF_CLUSTER = pod_identity_trust_policy([CLUSTER_ARN], [ACCOUNT], disable_session_tags=True)


@pytest.mark.cases(("document", "changed", "expected"), {
    "no association": (TRUST_EKS, {}, (MISSING, "s3-app trusts it")),
    "no association, Pods of EKS": (TRUST_EKS, {"pods": [NEW]}, (MISSING, "s3-app trusts it")),
    "annotated": (TRUST_EKS, {"service_accounts": [annotated()]}, ("IRSA", "s3-app")),
    "associations unread": (TRUST_EKS, {"associations": UNREAD}, ("?", "s3-app trusts it")),
    "another cluster": (TRUST_EKS, {"arn": f"{CLUSTER_ARN}-2"}, ("node's or none", "-")),
    "trust of a whole cluster": (OF_CLUSTER, {}, ("node's or none", "-")),
    "associated": (TRUST_EKS, {"associations": [ASSOCIATION]}, ("Pod Identity", "s3-app")),
})  # fmt: skip
def test_a_role_that_names_an_account_without_association_is_named(document, changed, expected):
    own = {"service_accounts": [BARE], "arn": CLUSTER_ARN} | changed
    [row] = listed(cluster(**own), document=document).rows
    assert cells(row)[2:4] == expected
    assert row.matters == (expected[1] != "-")


def test_pods_older_than_an_association_are_counted():
    old = FleetPod(name="old", role_arn=ROLE_ARN, **OWN)
    for associations, count in ((associated(), 1), ({}, 0)):
        [row] = listed(cluster(pods=[old, NEW], associations=associations)).rows
        assert row.without_role == count


def test_a_table_fits_or_names_the_columns_that_it_cut():
    plain, seen = listed(cluster(name="blue"), cluster(name="green")), set()
    for seed in range(300):
        random = Random(seed)  # noqa: S311 - chooses names
        long = [random.choice("ab") * random.choice([1, 8, n]) for n in (63, 253, 64, 90, 99, 40)]
        first = plain.rows[0]
        row = replace(
            first,
            account=replace(first.account, namespace=long[0], name=long[1]),
            cluster=replace(first.cluster, name=long[4]),
            identities=(Identity(IdentityKind.IRSA, f"arn:aws:iam::{ACCOUNT_A}:role/{long[2]}"),),
            pods=(replace(NEW, name=long[5], owner=""),),
            findings=tuple(long[3:5]),
        )

        lines, whole = table(plain, [row], width=WIDTH), table(plain, [row], width=None)

        assert max(map(len, lines)) <= WIDTH
        assert all(text in whole[2] for text in cells(row))
        lost = [name for name, e in zip(COLUMNS, cells(row), strict=True) if e not in lines[2]]
        lost += ["namespace"] * (lines[1] != whole[1])
        assert lines[3:] == [f"cut (-o wide has all): {', '.join(lost)}"] * bool(lost)
        seen |= {*lost, len(lines)}
    assert {3, "namespace", "service account", "role or key", "findings"} <= seen
