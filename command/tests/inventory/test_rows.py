"""Owner of a call in CloudTrail, and notes on unknown facts."""

import pytest

from irsa.audit.findings import AuditFacts, ClusterFacts
from irsa.commands.inventory_table import cells
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.identity.subjects import ServiceAccountRef
from irsa.inventory.rows import ClusterInventory, Identity, IdentityKind, Inventory, listing
from irsa.observe.account_roles import AccountRoles
from irsa.observe.associations import Association
from irsa.observe.cloudtrail import PodIdentityFailure, Trail, WebIdentityCall
from irsa.observe.facts import Role, ServiceAccount
from irsa.observe.fleet_pods import FleetPod
from irsa.rules.finding import Finding
from tests.support.fleet import ACCOUNT, ISSUER

PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
OTHER_CLUSTER = PROVIDER.replace("0123", "9999")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
APP = "system:serviceaccount:dev:app"


def account(name, role=ROLE):
    return ServiceAccount("dev", name, {ROLE_ARN_ANNOTATION: role} if role else {})


APP_ALONE = (account("app"),)


def listed(
    *calls, accounts=APP_ALONE, complete=True, associations="not asked", pods=(), failures=()
):
    roles = (Role(ROLE, "AROA1", {}),)
    trail = Trail(calls, "us-east-1", complete, tuple(failures))
    cluster = ClusterFacts(
        issuer_url=f"https://{ISSUER}", account=ACCOUNT, service_accounts=accounts
    )
    return listing(
        Inventory(
            facts=AuditFacts(
                clusters=[cluster], accounts=[ACCOUNT], roles=roles, providers=(), now=0
            ),
            accounts=[AccountRoles(roles, {ROLE: ""})],
            findings=(),
            clusters=[
                ClusterInventory(cluster=cluster, pods=pods, associations=associations, trail=trail)
            ],
        )
    )


def call(minute, error="", subject=APP, issuer=PROVIDER):
    return WebIdentityCall(f"2026-11-26T09:{minute}:00Z", subject, issuer, ROLE, error)


def told(found):
    return [(row.last_session[11:16], row.failures, row.failure) for row in found.rows]


def test_the_newest_session_and_the_newest_error_count():
    found = listed(call(50, "AccessDenied"), call(40), call(30, "ExpiredTokenException"), call(20))

    assert told(found) == [("09:40", 2, "AccessDenied")]


def test_a_service_account_of_the_same_name_in_another_cluster_is_another():
    assert told(listed(call(50, issuer=OTHER_CLUSTER))) == [("", 0, "")]


def test_a_call_without_subject_is_of_the_only_user_of_the_role():
    lost = call(50, "InvalidIdentityToken", subject="", issuer="")

    assert told(listed(lost)) == [("", 1, "InvalidIdentityToken")]


def test_a_call_without_a_subject_has_no_row_where_several_have_the_role():
    lost = call(50, "InvalidIdentityToken", subject="", issuer="")

    found = listed(lost, lost, accounts=(account("app"), account("other")))

    assert told(found) == [("", 0, ""), ("", 0, "")]
    assert found.notes[-1] == (
        "failures without a readable token, of roles that several share: 2 InvalidIdentityToken"
    )


def of_two_clusters(*calls, findings=()):
    """The listing of blue and green, whose service account dev/app has one role."""
    clusters = [
        ClusterFacts(
            name=name, issuer_url=f"https://{issuer}", account=ACCOUNT, service_accounts=APP_ALONE
        )
        for name, issuer in (("blue", ISSUER), ("green", ISSUER.replace("0123", "9999")))
    ]
    roles = (Role(ROLE, "AROA1", {}),)
    trail = Trail(calls, "us-east-1", complete=True)
    return listing(
        Inventory(
            facts=AuditFacts(
                clusters=clusters, accounts=[ACCOUNT], roles=roles, providers=(), now=0
            ),
            accounts=[AccountRoles(roles, {ROLE: ""})],
            findings=findings,
            clusters=[
                ClusterInventory(clusters[0], (), {}, trail),
                ClusterInventory(clusters[1], "Pods: not read", {}, trail),
            ],
        )
    )


def test_each_cluster_has_its_own_calls_and_a_lost_one_is_of_neither():
    found = of_two_clusters(
        call(50, issuer=OTHER_CLUSTER), call(40, "InvalidIdentityToken", subject="", issuer="")
    )

    assert told(found) == [("", 0, ""), ("09:50", 0, "")]
    assert found.notes == [
        "sessions and failures: the last 12 hours in us-east-1",
        "failures without a readable token, of roles that several share: 1 InvalidIdentityToken",
        "green: Pods: not read",
    ]


def test_a_finding_of_one_cluster_is_not_the_others():
    findings = [
        Finding("unused-role", f"role {ROLE}", ISSUER, cluster="green"),
        Finding("other-cluster", f"role {ROLE}", OTHER_CLUSTER),
    ]

    rows = of_two_clusters(findings=findings).rows

    assert [row.findings for row in rows] == [("other-cluster",), ("unused-role", "other-cluster")]


def test_a_listing_that_is_cut_says_how_far_it_reaches_back():
    found = listed(call(50), call(40), complete=False)

    assert (
        "sessions and failures: the newest 2 calls in us-east-1, which reach back to "
        "2026-11-26T09:40:00Z instead of 12 hours; --trail-pages reads more"
    ) in found.notes


ARN = f"arn:aws:eks:us-east-1:{ACCOUNT}:podidentityassociation/dev/a-1"
OWNER = f"arn:aws:eks:us-east-1:{ACCOUNT}:addon/dev/vpc-cni/42"
TARGET = "arn:aws:iam::444455556666:role/target"


def associated(**more):
    """The association of dev/app with a second role."""
    of = Association(arn=ARN, account=ServiceAccountRef("dev", "app"), role_arn=f"{ROLE}-2", **more)
    return {of.account: of}


@pytest.mark.parametrize(("role", "more"), [(ROLE, [Identity(IdentityKind.IRSA, ROLE)]), ("", [])])
def test_an_association_wins_over_the_annotation(role, more):
    found = listed(accounts=(account("app", role),), associations=associated())

    first, *rest = found.rows[0].identities
    assert (first.kind, first.source, rest) == (IdentityKind.POD_IDENTITY, f"{ROLE}-2", more)


def test_a_row_has_target_role_session_policy_and_owner_of_an_association():
    policy = '{"Statement": []}'
    more = {"target_role_arn": TARGET, "policy": policy, "disable_session_tags": True}
    found = listed(accounts=(account("app", ""),), associations=associated(**more, owner_arn=OWNER))

    [row] = found.rows
    assert row.roles == (f"{ROLE}-2", TARGET)
    assert row.as_json()["identities"] == [
        {
            "kind": "Pod Identity",
            "source": f"{ROLE}-2",
            "association": {
                "arn": ARN,
                "target_role": TARGET,
                "session_policy": policy,
                "session_tags": False,
                "owner": OWNER,
            },
        }
    ]
    assert cells(row)[2:4] == (
        "Pod Identity (addon dev/vpc-cni)",
        f"app-2, target {TARGET} (session policy)",
    )


def test_pods_older_than_an_association_are_counted():
    own = {"namespace": "dev", "service_account": "app"}
    pods = [
        FleetPod(name="old", role_arn=ROLE, **own),
        FleetPod(name="new", pod_identity=True, **own),
    ]

    assert listed(associations=associated(), pods=pods).rows[0].without_role == 1
    assert listed(associations={}, pods=pods).rows[0].without_role == 0


def test_failures_of_pod_identity_are_counted_by_cluster_and_message():
    failures = [
        PodIdentityFailure(f"2026-11-26T09:{minute}:00Z", "dev", "AccessDenied", "Unauthorized")
        for minute in (10, 20)
    ]

    assert listed(failures=failures).notes[-1] == (
        "failures of EKS Pod Identity in cluster dev, whose service account CloudTrail does not "
        "say: 2 AccessDenied (Unauthorized)"
    )
