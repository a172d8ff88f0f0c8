"""EKS Pod Identity: the calls of EKS, their tags, and what a role's own session can forge."""

import pytest

from command.tests.decide.scenarios import (
    ACCOUNT_A,
    ACCOUNT_B,
    FOR_ALL,
    ROLE_A,
    ROLE_B,
    SESSION_A,
    allow,
    answer,
    assume_step,
    decision,
    deny,
    document,
    error,
    grants,
    list_step,
    scenario,
    trust,
    trusts,
)
from irsa.decide.json_input import InputError
from irsa.decide.scenario import scenario_from
from irsa.identity.pod_identity import (
    SESSION_TAGS,
    TargetedBy,
    external_id,
    pod_identity_trust_policy,
    target_role_trust_policy,
)
from irsa.identity.subjects import ServiceAccountPattern, ServiceAccountRef

CLUSTER = f"arn:aws:eks:us-west-2:{ACCOUNT_A}:cluster/dev"
SECOND = f"arn:aws:eks:us-west-2:{ACCOUNT_A}:cluster/test"
APP, OTHER = ServiceAccountRef("dev", "s3-app"), ServiceAccountRef("dev", "other")
TAG = "aws:RequestTag"
NAMESPACE, ACCOUNT = f"{TAG}/kubernetes-namespace", f"{TAG}/kubernetes-service-account"
MAY_CHAIN = grants(allow("sts:AssumeRole", ROLE_B), allow("sts:TagSession", ROLE_B))


def by_eks(policy, *, disable=False, cluster=CLUSTER, namespace="dev", account="s3-app", **more):
    """The call that EKS makes for an association, to a role with this trust policy."""
    association = {
        "cluster_arn": cluster,
        "namespace": namespace,
        "service_account": account,
        "disable_session_tags": disable,
    }
    step = {"action": "sts:AssumeRole", "resource": ROLE_A, "pod_identity": association}
    return step | {"trust_policy": policy, **more}


TAGGED = pod_identity_trust_policy([CLUSTER], [APP])
UNTAGGED = pod_identity_trust_policy([CLUSTER], [APP], disable_session_tags=True)
SEVERAL = pod_identity_trust_policy(
    [CLUSTER, SECOND], [APP, OTHER, ServiceAccountPattern("ci", "runner-*")]
)
FOREIGN = CLUSTER.replace(ACCOUNT_A, ACCOUNT_B)


@pytest.mark.parametrize(
    ("policy", "calls", "verdict"),
    [
        (TAGGED, [{}, {"context": {}}], "allow"),
        (TAGGED, [{"cluster": SECOND}, {"namespace": "prod"}, {"account": "other"},
                  {"disable": True}], "deny"),
        # Without session tags the association alone says which service account it is.
        (UNTAGGED, [{"disable": True}, {"disable": True, "account": "other"}, {}], "allow"),
        (UNTAGGED, [{"disable": True, "cluster": SECOND}], "deny"),
        (SEVERAL, [{}, {"account": "other", "cluster": SECOND},
                   {"namespace": "ci", "account": "runner-1"}], "allow"),
        (SEVERAL, [{"namespace": "ci"}, {"account": "runner-1"},
                   {"namespace": "ci", "account": "a.runner-1"}], "deny"),
    ],
)  # fmt: skip
def test_a_trust_policy_of_pod_identity_allows_its_associations(policy, calls, verdict):
    assert [decision(by_eks(policy, **call)) for call in calls] == [verdict] * len(calls)


def test_eks_needs_both_actions_unless_session_tags_are_disabled():
    alone = document(trust({"Service": "pods.eks.amazonaws.com"}))

    assert error(by_eks(alone))[2] == (
        "User: pods.eks.amazonaws.com is not authorized to perform: sts:TagSession on resource: "
        + ROLE_A
    )
    assert decision(by_eks(alone, disable=True)) == "allow"


@pytest.mark.parametrize(
    ("operator", "key", "value", "verdict"),
    [
        ("StringEquals", "aws:SourceOrgID", "${aws:ResourceOrgID}", "unknown"),
        ("StringEquals", "aws:PrincipalIsAWSService", "true", "allow"),
        ("ForAllValues:StringEquals", "aws:TagKeys", list(SESSION_TAGS), "allow"),
        ("ForAllValues:StringEquals", "aws:TagKeys", list(SESSION_TAGS[1:]), "deny"),
        ("ForAnyValue:StringEquals", "sts:TransitiveTagKeys", "kubernetes-pod-uid", "allow"),
        ("Null", f"{TAG}/kubernetes-pod-name", "false", "allow"),
        ("StringEquals", f"{TAG}/kubernetes-pod-name", "s3-app-1", "unknown"),
        # An association's own ARN is not what EKS sends.
        ("ArnLike", "aws:SourceArn", CLUSTER.replace("cluster/dev", "podidentityassociation/*"),
         "deny"),
    ],
)  # fmt: skip
def test_the_keys_of_a_call_that_eks_makes(operator, key, value, verdict):
    service = {"Service": "pods.eks.amazonaws.com"}
    policy = document(trust(service, Action="sts:*", Condition={operator: {key: value}}))

    assert decision(by_eks(policy)) == verdict


def test_an_organization_is_compared_with_that_of_the_role():
    own = {"StringEquals": {"aws:SourceOrgID": "${aws:ResourceOrgID}"}}
    policy = document(trust({"Service": "pods.eks.amazonaws.com"}, Action="sts:*", Condition=own))
    for organization, verdict in (("o-1", "allow"), ("o-2", "deny")):
        context = {"aws:SourceOrgID": organization, "aws:ResourceOrgID": "o-1"}
        assert decision(by_eks(policy, context=context)) == verdict


def to_target(*, disable=False, role=ROLE_A, **more):
    """The call with which EKS goes on to the target role."""
    by = TargetedBy(role, CLUSTER, APP, disable)
    return {
        **assume_step(principal=None, external_id=external_id(CLUSTER, APP)),
        **MAY_CHAIN,
        "trust_policy": target_role_trust_policy([by]),
        **more,
    }


ANY_EKS = document(trust({"Service": "pods.eks.amazonaws.com"}, Action="sts:*"))
ONLY_ASSUME = grants(allow("sts:AssumeRole", ROLE_B))


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (by_eks(TAGGED), {}, "allow"),
        (by_eks(UNTAGGED, disable=True), {"disable": True}, "allow"),
        (by_eks(UNTAGGED, disable=True), {"disable": True, **ONLY_ASSUME}, "allow"),
        (by_eks(TAGGED), ONLY_ASSUME, "deny"),
        (by_eks(ANY_EKS, disable=True), {}, "deny"),
        (by_eks(ANY_EKS, account="other"), {}, "deny"),
        (by_eks(ANY_EKS, cluster=SECOND), {}, "deny"),
        (by_eks(TAGGED), {"external_id": external_id(SECOND, APP)}, "deny"),
        (by_eks(TAGGED), {"external_id": None}, "deny"),
        (by_eks(TAGGED), {"role": f"{ROLE_A}-2"}, "deny"),
        # Tags that a session passes on are a call's of sts:TagSession, which this policy lacks.
        (by_eks(TAGGED), {"disable": True}, "deny"),
    ],
)
def test_a_target_role_trusts_one_association_through_role_a(first, second, verdict):
    assert decision(first, to_target(**second)) == verdict


def test_a_tag_of_the_session_wins_over_one_of_the_role():
    of_dev = {"StringEquals": {"aws:PrincipalTag/kubernetes-namespace": "dev"}}
    read = list_step(
        resource_account=ACCOUNT_A,
        context={"aws:PrincipalTag/kubernetes-namespace": "dev"},
        **grants(allow("s3:*", "*", Condition=of_dev)),
    )

    assert decision(by_eks(ANY_EKS), read) == "allow"
    assert decision(by_eks(ANY_EKS, namespace="prod"), read) == "deny"
    assert decision(by_eks(ANY_EKS, namespace="prod", disable=True), read) == "allow"


def test_a_pods_session_cannot_change_the_tags_that_eks_gave_it():
    trusting = trusts(trust({"AWS": ROLE_A}, Action="sts:*"))
    changed = to_target(context={NAMESPACE: "prod"}, **trusting)

    assert error(by_eks(TAGGED), changed)[0] == "InvalidParameterValue"


FORGED = {f"{TAG}/eks-cluster-arn": CLUSTER, NAMESPACE: "dev", ACCOUNT: "s3-app"}
BY_TAGS = document(
    trust(
        {"AWS": ACCOUNT_A},
        Action=["sts:AssumeRole", "sts:TagSession"],
        Condition={"StringEquals": FORGED},
    )
)


def guard():
    """A policy of the kind that AWS publishes: only services, and sessions that EKS tagged, set
    its tags.

    https://github.com/aws-samples/resource-control-policy-examples
    """
    untagged = {f"aws:PrincipalTag/{tag}": "true" for tag in SESSION_TAGS}
    return document(
        *(
            deny(
                "sts:TagSession",
                "*",
                **FOR_ALL,
                Condition={
                    "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
                    "Null": untagged | {f"{TAG}/{tag}": "false"},
                },
            )
            for tag in SESSION_TAGS
        )
    )


def test_tags_can_be_forged_by_a_role_that_may_tag_unless_a_guard_denies():
    forged = assume_step(context=FORGED, trust_policy=BY_TAGS, **MAY_CHAIN)
    guarded = {"resource_control_policies": [guard()]}

    assert decision(forged) == "allow"
    assert error(forged | guarded)[2].startswith(
        f"User: {SESSION_A} is not authorized to perform: sts:TagSession"
    )
    assert decision(by_eks(TAGGED, **guarded), to_target(**guarded)) == "allow"
    assert decision(forged | guarded | {"context": {f"{TAG}/team": "x"}, **trusts(
        trust({"AWS": ACCOUNT_A}, Action="sts:*"))}) == "allow"  # fmt: skip


@pytest.mark.parametrize(
    ("context", "problem"),
    [
        ({f"{TAG}/t{n}": "x" for n in range(51)}, "at 'tags' failed to satisfy constraint: Member"),
        ({f"{TAG}/{'k' * 129}": "x"}, "at 'tags.1.member.key' failed"),
        ({f"{TAG}/a": "x", f"{TAG}/b": "v" * 257}, "at 'tags.2.member.value' failed"),
    ],
)
def test_sts_limits_the_number_and_the_lengths_of_tags(context, problem):
    code, _, message = error(assume_step(context=context))

    assert code == "ValidationError"
    assert problem in message


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"cluster": CLUSTER.replace("cluster/", "addon/")}, "is not the ARN of an EKS cluster"),
        ({"cluster": CLUSTER.replace("aws:", "aws-cn:", 1)}, "the China regions have no EKS Pod"),
        ({"cluster": FOREIGN}, "is not in account .* of the cluster"),
        ({"account": "s3-*"}, "has a wildcard"),
        ({"namespace": 1}, r"pod_identity\.namespace: 1 is not a string"),
        ({"disable": "no"}, r"disable_session_tags: .* is not"),
        ({"session_policies": [document(allow("s3:*", "*"))]}, "only with disable_session_tags"),
        ({"principal": SESSION_A}, r"principal: changes nothing about sts:AssumeRole with pod_id"),
    ],
)
def test_an_association_that_cannot_be_is_refused_by_field_and_value(changed, line):
    with pytest.raises(InputError, match=rf"^steps\[1\]\..*{line}"):
        scenario_from(scenario(by_eks(TAGGED, **changed)))


def test_session_policies_of_an_association_limit_its_session():
    read = list_step(resource_account=ACCOUNT_A)
    only_put = [document(allow("s3:PutObject", "*"))]

    assert decision(by_eks(UNTAGGED, disable=True), read) == "allow"
    assert decision(by_eks(UNTAGGED, disable=True, session_policies=only_put), read) == "deny"


def test_the_reason_names_the_tag_that_does_not_match():
    reasons = answer(by_eks(TAGGED, account="other"))["steps"][0]["reasons"]

    assert any("kubernetes-service-account" in each for each in reasons)
