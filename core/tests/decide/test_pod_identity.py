"""EKS Pod Identity: the calls of EKS, their tags, and what a role's own session can forge."""

import pytest

from core.tests.decide.policies import FOR_ALL, allow, deny, document, grants, trust, trusts
from core.tests.decide.principals import ROLE_A, ROLE_B, SESSION_A
from core.tests.decide.scenarios import decision, error, scenario
from core.tests.decide.steps import assume_step, list_step
from irsa_core.decide.json_input import InputError
from irsa_core.decide.scenario import scenario_from
from irsa_core.identity.pod_identity import (
    SESSION_TAGS,
    TargetedBy,
    external_id,
    pod_identity_trust_policy,
    target_role_trust_policy,
)
from irsa_core.identity.subjects import ServiceAccountPattern, ServiceAccountRef
from tests.support.world import ACCOUNT_A, ACCOUNT_B
from tests.support.world import CLUSTER_ARN as CLUSTER

SECOND = CLUSTER.replace("cluster/dev", "cluster/test")
APP, OTHER = ServiceAccountRef("dev", "s3-app"), ServiceAccountRef("dev", "other")
TAG = "aws:RequestTag"
NAMESPACE, ACCOUNT = f"{TAG}/kubernetes-namespace", f"{TAG}/kubernetes-service-account"
MAY_CHAIN = grants(allow("sts:AssumeRole", ROLE_B), allow("sts:TagSession", ROLE_B))
TAGGED = pod_identity_trust_policy([CLUSTER], [APP])
UNTAGGED = pod_identity_trust_policy([CLUSTER], [APP], disable_session_tags=True)
RUNNERS = ServiceAccountPattern("ci", "runner-*")
SEVERAL = pod_identity_trust_policy([CLUSTER, SECOND], [APP, OTHER, RUNNERS])
SERVICE = {"Service": "pods.eks.amazonaws.com"}
ANY_EKS = document(trust(SERVICE, Action="sts:*"))
SAME_ORGANIZATION = {"StringEquals": {"aws:SourceOrgID": "${aws:ResourceOrgID}"}}
ASSOCIATION = CLUSTER.replace("cluster/dev", "podidentityassociation/*")
ONLY_ASSUME = grants(allow("sts:AssumeRole", ROLE_B))
FORGED = {f"{TAG}/eks-cluster-arn": CLUSTER, NAMESPACE: "dev", ACCOUNT: "s3-app"}
TAGGING = {"Action": ["sts:AssumeRole", "sts:TagSession"]}
BY_TAGS = document(trust({"AWS": ACCOUNT_A}, **TAGGING, Condition={"StringEquals": FORGED}))


def by_eks(policy, *, disable=False, cluster=CLUSTER, namespace="dev", account="s3-app", **more):
    """The call that EKS makes for an association, to a role with this trust policy."""
    association = {"cluster_arn": cluster, "namespace": namespace, "service_account": account}
    association["disable_session_tags"] = disable
    step = {"action": "sts:AssumeRole", "resource": ROLE_A, "pod_identity": association}
    return step | {"trust_policy": policy, **more}


@pytest.mark.cases(("policy", "calls", "verdict"), {
    "with tags": (TAGGED, [{}, {"context": {}}], "allow"),
    "with tags, others": (TAGGED, [{"cluster": SECOND}, {"namespace": "prod"}, {"account": "other"},
        {"disable": True}], "deny"),
    # Without session tags the association alone says which service account it is.
    "without tags, any account":
        (UNTAGGED, [{"disable": True}, {"disable": True, "account": "other"}, {}], "allow"),
    "without tags, another cluster": (UNTAGGED, [{"disable": True, "cluster": SECOND}], "deny"),
    "several associations": (SEVERAL, [{}, {"account": "other", "cluster": SECOND},
        {"namespace": "ci", "account": "runner-1"}], "allow"),
    "several associations, mixed up": (SEVERAL,
        [{"namespace": "ci"}, {"account": "runner-1"},
        {"namespace": "ci", "account": "a.runner-1"}], "deny"),
})  # fmt: skip
def test_a_trust_policy_of_pod_identity_allows_its_associations(policy, calls, verdict):
    assert [decision(by_eks(policy, **call)) for call in calls] == [verdict] * len(calls)


def test_eks_needs_both_actions_unless_session_tags_are_disabled():
    alone = document(trust(SERVICE))
    service, action = SERVICE["Service"], "sts:TagSession"
    assert decision(by_eks(alone, disable=True)) == "allow"
    assert error(by_eks(alone))[2] == (
        f"User: {service} is not authorized to perform: {action} on resource: {ROLE_A}"
    )


@pytest.mark.cases(("condition", "context", "verdict"), {
    "organization not known": (SAME_ORGANIZATION, None, "unknown"),
    "same organization": (SAME_ORGANIZATION, {"aws:SourceOrgID": "1", "aws:ResourceOrgID": "1"},
        "allow"),
    "another organization": (SAME_ORGANIZATION, {"aws:SourceOrgID": "2", "aws:ResourceOrgID": "1"},
        "deny"),
    "AWS service": ({"StringEquals": {"aws:PrincipalIsAWSService": "true"}}, None, "allow"),
    "all tags": ({"ForAllValues:StringEquals": {"aws:TagKeys": list(SESSION_TAGS)}}, None, "allow"),
    "all tags but one": ({"ForAllValues:StringEquals": {"aws:TagKeys": list(SESSION_TAGS[1:])}},
        None, "deny"),
    "transitive tag": ({"ForAnyValue:StringEquals": {"sts:TransitiveTagKeys": SESSION_TAGS[0]}},
        None, "allow"),
    "any Pod": ({"Null": {f"{TAG}/kubernetes-pod-name": "false"}}, None, "allow"),
    "one Pod": ({"StringEquals": {f"{TAG}/kubernetes-pod-name": "s3-app-1"}}, None, "unknown"),
    # An association's own ARN is not what EKS sends.
    "association as source": ({"ArnLike": {"aws:SourceArn": ASSOCIATION}}, None, "deny"),
})  # fmt: skip
def test_the_keys_of_a_call_that_eks_makes(condition, context, verdict):
    policy = document(trust(SERVICE, Action="sts:*", Condition=condition))
    assert decision(by_eks(policy, context=context)) == verdict


def to_target(*, disable=False, role=ROLE_A, **more):
    """The call with which EKS goes on to the target role."""
    step = assume_step(principal=None, external_id=external_id(CLUSTER, APP)) | MAY_CHAIN
    by = TargetedBy(role, CLUSTER, APP, disable)
    return step | {"trust_policy": target_role_trust_policy([by])} | more


@pytest.mark.cases(("first", "second", "verdict"), {
    "with tags": (by_eks(TAGGED), {}, "allow"),
    "without tags": (by_eks(UNTAGGED, disable=True), {"disable": True}, "allow"),
    "without tags, AssumeRole alone": (by_eks(UNTAGGED, disable=True),
        {"disable": True, **ONLY_ASSUME}, "allow"),
    "with tags, AssumeRole alone": (by_eks(TAGGED), ONLY_ASSUME, "deny"),
    "tags off, the trust needs them": (by_eks(ANY_EKS, disable=True), {}, "deny"),
    "another service account": (by_eks(ANY_EKS, account="other"), {}, "deny"),
    "another cluster": (by_eks(ANY_EKS, cluster=SECOND), {}, "deny"),
    "external id of another cluster": (by_eks(TAGGED), {"external_id": external_id(SECOND, APP)},
        "deny"),
    "no external id": (by_eks(TAGGED), {"external_id": None}, "deny"),
    "another role A": (by_eks(TAGGED), {"role": f"{ROLE_A}-2"}, "deny"),
    # Tags that a session passes on are a call's of sts:TagSession, which this policy lacks.
    "tags passed on": (by_eks(TAGGED), {"disable": True}, "deny"),
})  # fmt: skip
def test_a_target_role_trusts_one_association_through_role_a(first, second, verdict):
    assert decision(first, to_target(**second)) == verdict


def test_a_tag_of_the_session_wins_over_one_of_the_role():
    tag = {"aws:PrincipalTag/kubernetes-namespace": "dev"}
    own = grants(allow("s3:*", "*", Condition={"StringEquals": tag}))
    read = list_step(resource_account=ACCOUNT_A, context=tag, **own)
    assert decision(by_eks(ANY_EKS), read) == "allow"
    assert decision(by_eks(ANY_EKS, namespace="prod"), read) == "deny"
    assert decision(by_eks(ANY_EKS, namespace="prod", disable=True), read) == "allow"


def guard():
    """A policy of the kind that AWS publishes: only services, and sessions that EKS tagged, set
    its tags.

    https://github.com/aws-samples/resource-control-policy-examples
    """
    by_person = {"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}
    untagged = {f"aws:PrincipalTag/{tag}": "true" for tag in SESSION_TAGS}
    tests = (by_person | {"Null": untagged | {f"{TAG}/{tag}": "false"}} for tag in SESSION_TAGS)
    return document(*(deny("sts:TagSession", "*", **FOR_ALL, Condition=each) for each in tests))


def test_tags_can_be_forged_by_a_role_that_may_tag_unless_a_guard_denies():
    forged = assume_step(context=FORGED, trust_policy=BY_TAGS, **MAY_CHAIN)
    guarded = {"resource_control_policies": [guard()]}

    other = {"context": {f"{TAG}/team": "x"}, **trusts(trust({"AWS": ACCOUNT_A}, **TAGGING))}

    assert decision(forged) == "allow"
    refused = f"User: {SESSION_A} is not authorized to perform: sts:TagSession"
    assert error(forged | guarded)[2].startswith(refused)
    assert decision(by_eks(TAGGED, **guarded), to_target(**guarded)) == "allow"
    assert decision(forged | guarded | other) == "allow"


@pytest.mark.cases(("changed", "line"), {
    "ARN of no cluster": ({"cluster": CLUSTER.replace("cluster/", "addon/")},
        "is not the ARN of an EKS cluster"),
    "cluster of another partition": ({"cluster": CLUSTER.replace("aws:", "aws-cn:", 1)},
        "is not in partition aws-cn of the "),
    "cluster of another account": ({"cluster": CLUSTER.replace(ACCOUNT_A, ACCOUNT_B)},
        "is not in account .* of the cluster"),
    "wildcard": ({"account": "s3-*"}, "has a wildcard"),
    "number for a namespace": ({"namespace": 1}, r"pod_identity\.namespace: 1 is not a string"),
    "text for a boolean": ({"disable": "no"}, r"disable_session_tags: .* is not"),
    "session policy with tags": ({"session_policies": [document(allow("s3:*", "*"))]},
        "only with disable_session_tags"),
    "principal": ({"principal": SESSION_A},
        r"principal: changes nothing about sts:AssumeRole with pod_id"),
})  # fmt: skip
def test_an_association_that_cannot_be_is_refused_by_field_and_value(changed, line):
    with pytest.raises(InputError, match=rf"^steps\[1\]\..*{line}"):
        scenario_from(scenario(by_eks(TAGGED, **changed)))
