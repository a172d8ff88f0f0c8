"""Findings about Pod Identity associations, their Pods, and roles that could use them."""

from dataclasses import replace

import pytest

from command.tests.audit.audited import cluster, facts, role
from command.tests.verify.chains import ACCOUNT, ASSOCIATION, BY_ASSOCIATION, TRUST, TRUST_EKS
from core.tests.decide.policies import allow, deny, document
from irsa.audit.findings import audit
from irsa.observe.facts import PermissionsPolicy, Unread
from irsa.observe.pods import fleet_pod
from irsa_core.identity.eks import POD_IDENTITY_SERVICE
from irsa_core.identity.pod_identity import pod_identity_trust_policy, target_role_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef
from tests.support.world import ACCOUNT_A, ACCOUNT_B, CLUSTER_ARN, ISSUER, ROLE_ARN

UNREAD = Unread("associations", "denied", "eks:ListPodIdentityAssociations")
OF_OWN = f"arn:aws:iam::{ACCOUNT_A}:role"
TARGET = f"{OF_OWN}/target"
FAR = TARGET.replace(ACCOUNT_A, ACCOUNT_B)
UNTAGGED = pod_identity_trust_policy([CLUSTER_ARN], [ACCOUNT], disable_session_tags=True)
BY_TAGS = role(target_role_trust_policy([BY_ASSOCIATION]), TARGET)
KUBERNETES = {"ForAnyValue:StringLike": {"aws:TagKeys": "kubernetes-*"}}
FORGED = [("forged-tags", TARGET, f"statement 1: {ROLE_ARN}")]
PASS, ASSOCIATE = "iam:PassRole", "eks:CreatePodIdentityAssociation"
TO, EC2 = "iam:PassedToService", "ec2.amazonaws.com"
TAGGED_OR_NOT, BOTH = (
    {**TRUST_EKS, "Statement": [*TRUST_EKS["Statement"], *each["Statement"]]}
    for each in (UNTAGGED, TRUST)
)


def association(**changed):
    return replace(ASSOCIATION, **changed)


def found(*roles, **more):
    """Rule, subject without its first words, and finding."""
    audited = cluster(service_accounts=(), **more)
    return [
        (each.rule, each.subject.rpartition(" ")[2], each.found)
        for each in audit(facts(*roles, clusters=[audited]))
        if each.rule not in ("unused-role", "deleted-provider")
    ]


def rules(*roles, **more):
    return [rule for rule, *_ in found(*roles, **more)]


@pytest.mark.cases(("trust", "changed", "expected"), {
    "trusted with tags": (TRUST_EKS, {}, []),
    "trusted without tags, tags off": (UNTAGGED, {"disable_session_tags": True}, []),
    "another service account": (TRUST_EKS, {"account": ServiceAccountRef("dev", "other")},
        ["trust-mismatch"]),
    "trusts tokens alone": (TRUST, {}, ["trust-mismatch"]),
    "role not found": (TRUST_EKS, {"role_arn": TARGET}, ["role-missing"]),
    "tags off, the trust needs them": (TRUST_EKS, {"disable_session_tags": True},
        ["disabled-tags"]),
    "ARN without an account": (TRUST_EKS, {"arn": "a-1", "target_role_arn": ROLE_ARN},
        ["trust-unknown"]),
    "cluster of another partition": (TRUST_EKS, {"arn": CLUSTER_ARN.replace("aws", "aws-cn", 1)},
        ["trust-mismatch"]),
})  # fmt: skip
def test_the_role_of_an_association_trusts_the_call_that_eks_makes(trust, changed, expected):
    assert rules(role(trust), associations=[association(**changed)]) == expected


@pytest.mark.cases(("target", "changed", "expected"), {
    "trusted": (BY_ASSOCIATION, {}, set()),
    "tags off": (BY_ASSOCIATION, {"disable_session_tags": True}, {"trust-mismatch"}),
    "another role trusted": (BY_ASSOCIATION._replace(role_arn=TARGET), {}, {"trust-mismatch"}),
    "target role missing": (None, {}, {"role-missing"}),
    "target role of another account": (None, {"target_role_arn": FAR}, set()),
})  # fmt: skip
def test_the_target_role_of_an_association_trusts_its_role(target, changed, expected):
    roles = [role(TAGGED_OR_NOT)]
    roles += [role(target_role_trust_policy([target]), TARGET)] if target else []
    one = association(**{"target_role_arn": TARGET} | changed)

    told = {*rules(*roles, associations=[one])}
    assert {"trust-mismatch", "role-missing"} & told == expected
    # The role may be of another stack.
    assert "role-missing" not in rules(*roles, associations=[one], whole=False)


@pytest.mark.cases(("trust", "changed", "expected"), {
    "trust with tags": (TRUST_EKS, {}, [POD_IDENTITY_SERVICE]),
    "trust without tags": (UNTAGGED, {}, [POD_IDENTITY_SERVICE]),
    "trust of tokens as well": (BOTH, {}, [ISSUER]),
    "associated": (TRUST_EKS, {"associations": [ASSOCIATION]}, []),
    "associated, trust of tokens as well": (BOTH, {"associations": [ASSOCIATION]}, []),
    "associations unread, trust of tokens as well": (BOTH, {"associations": UNREAD}, []),
    "associations unread": (TRUST_EKS, {"associations": UNREAD}, []),
    "another cluster trusted": (TRUST_EKS, {"arn": f"{CLUSTER_ARN}-2"}, []),
    "ARN of the cluster unread": (TRUST_EKS, {"arn": ""}, []),
    "cluster of another account": (TRUST_EKS, {"account": ACCOUNT_B}, []),
    "cluster read in part": (TRUST_EKS, {"whole": False}, []),
})  # fmt: skip
def test_a_role_for_associations_that_none_has_is_unused(trust, changed, expected):
    own = cluster(**{"service_accounts": (), "arn": CLUSTER_ARN} | changed)
    told = audit(facts(role(trust), clusters=[own]))
    assert [each.found for each in told if each.rule == "unused-role"] == expected


def test_tagging_is_not_needed_where_every_association_disables_tags():
    [statement] = UNTAGGED["Statement"]
    trust = {**UNTAGGED, "Statement": [statement | {"Action": "sts:AssumeRole"}]}
    off, on = association(disable_session_tags=True), association()
    assert rules(role(trust), associations=[off]) == []
    assert "pod-identity-tags" in rules(role(trust), associations=[off, on])
    assert "pod-identity-tags" in rules(role(trust))


def pod(labels, **spec):
    metadata = {"namespace": "dev", "name": "p", "labels": labels}
    spec = {"serviceAccountName": "s3-app", "containers": [], **spec}
    return fleet_pod({"metadata": metadata, "spec": spec, "status": {}})


FARGATE = pod({"eks.amazonaws.com/fargate-profile": "apps"})
LINUX, WINDOWS = (pod({}, nodeSelector={"kubernetes.io/os": each}) for each in ("linux", "windows"))


@pytest.mark.cases(("pods", "places"), {
    "Fargate": ([FARGATE], "Fargate"),
    "Windows": ([WINDOWS] * 2, "Windows"),
    "both": ([WINDOWS, FARGATE], "Fargate and Windows"),
})  # fmt: skip
def test_the_pods_of_an_association_where_no_agent_runs(pods, places):
    told = found(role(TRUST_EKS), associations=[association()], pods=[*pods, LINUX])
    assert told == [("no-agent", "dev/s3-app", f"Pods on {places}")]
    assert found(role(TRUST_EKS), associations=[association()], pods=[LINUX]) == []
    assert found(role(TRUST_EKS), pods=pods) == []


def permissions(*statements):
    return {"policies": (PermissionsPolicy("own", document(*statements)),)}


def allowed(action, resource="*", **condition):
    return allow(action, resource, Condition=condition)


def denied(action, resource="*", **condition):
    return deny(action, resource, Condition=condition)


CHAIN = permissions(allowed(["sts:AssumeRole", "sts:TagSession"], TARGET))
[ASSUME, TAG] = BY_TAGS.trust_policy["Statement"]
TRANSITIVE_TAG = {"ForAnyValue:StringEquals": {"sts:TransitiveTagKeys": "kubernetes-namespace"}}
# The caller that forges tags also chooses which are transitive.
TRANSITIVE = role(
    {"Statement": [{**ASSUME, "Condition": ASSUME["Condition"] | TRANSITIVE_TAG}, TAG]}, TARGET
)
NO_KUBERNETES_TAGS = denied("sts:TagSession", **KUBERNETES)


@pytest.mark.cases(("caller", "associations", "expected"), {
    "tags by EKS alone": (role(TRUST_EKS, **CHAIN), [association()], []),
    # Sessions by IRSA set what tags they like.
    "sessions by IRSA have no tags yet": (role(BOTH, **CHAIN), [association()], FORGED),
    "association without tags": (role(UNTAGGED, **CHAIN), [association(disable_session_tags=True)],
        FORGED),
    "sts:TagSession not allowed": (role(BOTH, **permissions(allowed("sts:AssumeRole", TARGET))), [],
        []),
    "sts:TagSession denied": (role(BOTH, **permissions(allowed("sts:*"), denied("sts:TagSession"))),
        [], []),
    "tags of Kubernetes denied": (role(BOTH, **permissions(allowed("sts:*"), NO_KUBERNETES_TAGS)),
        [], []),
})  # fmt: skip
def test_a_role_that_may_tag_its_own_calls_can_forge_trusted_tags(caller, associations, expected):
    for target in (BY_TAGS, TRANSITIVE):
        told = found(caller, target, associations=associations)
        assert [each for each in told if each[0] == "forged-tags"] == expected


@pytest.mark.cases(("policies", "target", "disabled", "is_found"), {
    "no policy, another account": ({}, FAR, False, True),
    "no policy, trust leaves it to the account": ({}, TARGET, False, True),
    "sts:* allowed": (permissions(allowed("sts:*", FAR)), FAR, False, False),
    "AssumeRole alone, with tags": (permissions(allowed("sts:AssumeRole", FAR)), FAR, False, True),
    "AssumeRole alone, without tags": (permissions(allowed("sts:AssumeRole", FAR)), FAR, True,
        False),
    "TagSession denied, own account": (permissions(denied("sts:TagSession")), TARGET, False, True),
    "policies unread": ({"policies": Unread("policies", "denied", "iam:GetRolePolicy")}, FAR, False,
        False),
})  # fmt: skip
def test_the_role_of_an_association_may_assume_the_target_role(
    policies, target, disabled, is_found
):
    by = BY_ASSOCIATION._replace(disable_session_tags=disabled)
    trusting = role(target_role_trust_policy([by]), target)
    one = association(target_role_arn=target, disable_session_tags=disabled)
    told = rules(role(TAGGED_OR_NOT, **policies), trusting, associations=[one])
    assert ("target-not-allowed" in told) is is_found
    assert "trust-mismatch" not in told


@pytest.mark.cases(("statements", "is_found"), {
    "associations on one cluster": ([allowed(PASS), allowed(ASSOCIATE, CLUSTER_ARN)], True),
    "wildcards in actions and roles": ([allowed(["iam:Pass*", "eks:*"], f"{OF_OWN}/*")], True),
    "passed to Pod Identity": ([allowed(PASS, StringEquals={TO: "pods.eks.amazonaws.com"}),
        allowed(ASSOCIATE)], True),
    "passed to any service": ([allowed(PASS, StringLike={TO: "*.amazonaws.com"}), allowed("eks:*")],
        True),
    "passed to EC2, associations": ([allowed(PASS, StringEquals={TO: EC2}), allowed(ASSOCIATE)],
        False),
    "roles of a prefix": ([allowed(PASS, f"{OF_OWN}/app-*"), allowed(ASSOCIATE)], False),
    "EKS described alone": ([allowed(PASS), allowed("eks:Describe*")], False),
    "one call of EKS denied": ([allowed([PASS, "eks:*"]), denied(ASSOCIATE)], True),
    "all association calls denied": ([allowed([PASS, "eks:*"]),
        denied("eks:*PodIdentityAssociation")], False),
    "administrator": ([allowed("*")], False),
    "one role denied": ([allowed([PASS, ASSOCIATE]), denied(PASS, f"{OF_OWN}/admin")], True),
    "one cluster denied": ([allowed([PASS, ASSOCIATE]), denied(ASSOCIATE, CLUSTER_ARN)], True),
    "denied to AWS services": ([allowed([PASS, ASSOCIATE]),
        denied(PASS, Bool={"aws:ViaAWSService": True})], True),
    "denied except to EC2": ([allowed([PASS, ASSOCIATE]), denied(PASS, StringNotEquals={TO: EC2})],
        False),
    "passed to all but EC2": ([allowed(PASS, StringNotEquals={TO: EC2}), allowed(ASSOCIATE)], True),
    "instances": ([allowed([PASS, "ec2:RunInstances"])], True),
    "passed to EC2, instances": ([allowed(PASS, StringEquals={TO: EC2}), allowed("ec2:*")], True),
    "passed to all but EC2, instances": ([allowed(PASS, StringNotEquals={TO: EC2}),
        allowed("ec2:*")], False),
})  # fmt: skip
def test_a_role_that_may_pass_any_role_to_pods_or_instances_may_become_it(statements, is_found):
    deployer = role({"Statement": []}, f"{OF_OWN}/deploy", **permissions(*statements))
    assert rules(deployer) == ["pass-any-role"] * is_found
