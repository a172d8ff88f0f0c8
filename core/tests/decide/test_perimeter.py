"""Policies of organizations and of VPC endpoints, and what an answer says of those it lacks."""

import pytest

from core.tests.decide.policies import FOR_ALL, allow, deny, document, grants, trust, trusts
from core.tests.decide.principals import ROLE_A, USER
from core.tests.decide.scenarios import answer, decision
from core.tests.decide.steps import assume_step, list_step
from core.tests.decide.web import web_identity_step
from irsa_core.decide.json_input import InputError
from tests.support.world import ACCOUNT_A

ALL, S3, NONE = (document(allow(action, "*")) for action in ("*", "s3:*", "ec2:*"))
CLOSED = document(FOR_ALL | deny("*", "*"))
OPEN = document(FOR_ALL | allow("*", "*"))
OWN = {"principal": USER, "resource_account": ACCOUNT_A}
SCP, RCP = "service control policies", "resource control policies"
ENDPOINT = "the policy of a VPC endpoint"
GIVEN = {"service_control_policies": [], "resource_control_policies": [], "endpoint_policy": None}
LINKED = ROLE_A.replace("role/", "role/aws-service-role/x.amazonaws.com/")


def levels(*listed):
    return list_step(**OWN, service_control_policies=[*listed])


@pytest.mark.cases(("step", "verdict"), {
    # Each level of service control policies must allow.
    "one of two allows": (levels(NONE, S3), "allow"),
    "three levels allow": (levels([ALL], [ALL], [S3]), "allow"),
    "a level does not allow": (levels([ALL], [NONE], [ALL]), "deny"),
    "a level without policies": (levels([ALL], []), "deny"),
    "token, resource control policy": (web_identity_step(resource_control_policies=[CLOSED]),
        "deny"),
    "token, endpoint policy": (web_identity_step(endpoint_policy=CLOSED), "deny"),
    "AssumeRole, control policy": (assume_step(resource_control_policies=[OPEN, CLOSED]), "deny"),
    "listing, resource control policy": (list_step(**OWN, resource_control_policies=[CLOSED]),
        "deny"),
    "listing, endpoint policy": (list_step(**OWN,
        endpoint_policy=document(FOR_ALL | allow("sts:*", "*"))), "deny"),
})  # fmt: skip
def test_the_policies_around_caller_and_resource_limit_every_kind_of_call(step, verdict):
    assert decision(step) == verdict


@pytest.mark.cases(("step", "message"), {
    "EC2": (list_step(action="ec2:RunInstances"), "changes nothing about ec2:RunInstances on "),
    "every bucket": (list_step(resource="*"), r"changes nothing about s3:ListBucket on \*"),
    "kms:RetireGrant": (list_step(action="kms:RetireGrant"),
        "changes nothing about kms:RetireGrant on "),
    "service-linked role": (assume_step(resource=LINKED),
        "changes nothing about sts:AssumeRole on "),
})  # fmt: skip
def test_resource_control_policies_are_refused_where_aws_has_none(step, message):
    with pytest.raises(InputError, match=rf"^steps\[1\].resource_control_policies: {message}"):
        answer(step | {"resource_control_policies": [CLOSED]})


@pytest.mark.parametrize("principal", [{"AWS": USER}, {"AWS": ["*", USER]}, {"Service": "*"}])
def test_an_endpoint_policy_for_some_callers_is_refused(principal):
    with pytest.raises(InputError, match=r"endpoint_policy.Statement\[1\].Principal: only '\*'"):
        answer(list_step(**OWN, endpoint_policy=document(allow("*", "*", Principal=principal))))


@pytest.mark.cases(("steps", "missing"), {
    "token": ([web_identity_step()], [RCP, ENDPOINT]),
    "token, then AssumeRole": ([web_identity_step(), assume_step()], [RCP, ENDPOINT, SCP]),
    "listing": ([list_step(**OWN)], [SCP, RCP, ENDPOINT]),
    "listing, control policy given": ([list_step(**OWN, service_control_policies=[ALL])],
        [RCP, ENDPOINT]),
    "listing, endpoint policy given": ([list_step(**OWN, endpoint_policy=OPEN)], [SCP, RCP]),
    "listing, no endpoint": ([list_step(**OWN, context={"aws:SourceVpce": None})], [SCP, RCP]),
    "listing, all given": ([list_step(**OWN, **GIVEN)], []),
    "service-linked role": ([assume_step(principal=LINKED, **trusts(trust({"AWS": LINKED})))],
        [ENDPOINT]),
    "service": ([assume_step(principal="ec2.amazonaws.com", **trusts(trust("*")))], [RCP]),
    "EC2": ([list_step(**OWN, action="ec2:RunInstances", **grants(allow("*", "*")))],
        [SCP, ENDPOINT]),
    # What is not there could change nothing.
    "no identity policy": ([list_step(**OWN, identity_policies=[])], []),
    "identity policies unread": ([list_step(**OWN, identity_policies=None)], []),
    "new role": ([{"action": "iam:CreateRole", **trusts(trust({"AWS": ROLE_A}))}], []),
})  # fmt: skip
def test_an_allow_names_the_policies_that_could_deny_it(steps, missing):
    assert answer(*steps).get("not_considered", "") == ", ".join(missing)
