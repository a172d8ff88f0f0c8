"""iam:CreateRole: whether the caller may, and whether IAM stores the trust policy.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
"""

import pytest

from command.tests.decide.scenarios import (
    FOR_ALL,
    PROVIDER_ARN,
    ROLE_A,
    USER,
    allow,
    answer,
    decision,
    deny,
    document,
    error,
    grants,
    trust,
)

FEDERATED = "Federated principals must be valid domain names or SAML metadata ARNs"
NEW = "arn:aws:iam::111122223333:role/new"
MAY = [document(allow("iam:CreateRole", "*"))]


def create(*statements, **changed):
    policy = document(*(statements or [trust({"AWS": ROLE_A})]))
    return {"action": "iam:CreateRole", "resource": NEW, "trust_policy": policy, **changed}


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({"identity_policies": MAY}, "allow"),
        (grants(deny("iam:CreateRole", "*")), "deny"),
        ({"identity_policies": []}, "deny"),
        ({}, "unknown"),
        ({"identity_policies": MAY, "permissions_boundary": document(allow("s3:*", "*"))}, "deny"),
        (
            {"identity_policies": MAY, "endpoint_policy": document(FOR_ALL | allow("s3:*", "*"))},
            "deny",
        ),
        ({"identity_policies": MAY, "service_control_policies": [document()]}, "deny"),
        (grants(allow("iam:*", NEW)), "allow"),
        (grants(allow("iam:*", f"{NEW}er")), "deny"),
        ({"identity_policies": [document(allow("iam:*", NEW))], "resource": None}, "unknown"),
        ({"identity_policies": [], "resource": None}, "deny"),
        ({"identity_policies": [document(deny("iam:*", "*"))], "resource": None}, "deny"),
    ],
)
def test_the_callers_policies_decide_whether_it_may(changed, verdict):
    assert decision(create(principal=USER, **changed)) == verdict


def test_a_caller_who_may_not_is_refused_whatever_the_quota_is():
    long = trust({"AWS": [f"{ROLE_A}{number}" for number in range(60)]})

    assert decision(create(long, principal=USER, identity_policies=MAY)) == "unknown"
    assert decision(create(long, principal=USER, identity_policies=[])) == "deny"


def test_a_step_without_caller_asks_about_the_document_only():
    assert answer(create())["steps"][0]["reasons"] == ["IAM stores this trust policy"]


A_ROLE = {"AWS": ROLE_A}
DATE = {"DateLessThan": {"aws:CurrentTime": "soon"}}


def without_principal(effect):
    return {"Effect": effect, "NotPrincipal": A_ROLE, "Action": "sts:AssumeRole"}


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ([without_principal("Allow")], "Allow with NotPrincipal is not allowed."),
        ([without_principal("Deny")], "AssumeRole policy must not contain NotPrincipal field."),
        (
            [trust(A_ROLE, Sid="A"), trust(A_ROLE, Sid="A")],
            "Statement IDs (SID) in a single policy must be unique.",
        ),
        (
            [trust(A_ROLE, Sid="A-B")],
            (
                "Statement IDs (SID) must be alpha-numeric. "
                "Check that your input satisfies the regular expression [0-9A-Za-z]*"
            ),
        ),
        ([trust(A_ROLE, Condition={"StringEqualz": {"a": "b"}})], "Syntax errors in policy."),
        ([trust(A_ROLE, Condition={"NullIfExists": {"a": "true"}})], "Syntax errors in policy."),
        ([trust(A_ROLE, Condition=DATE)], "The policy failed legacy parsing"),
        ([trust({"Federated": f"{PROVIDER_ARN}?"})], FEDERATED),
        ([trust({"Federated": "https://accounts.google.com"})], FEDERATED),
    ],
)
def test_what_iam_does_not_store_is_refused_in_its_words(statements, message):
    assert error(create(*statements)) == ("MalformedPolicyDocument", 400, message)


GITHUB = "token.actions.githubusercontent.com"
KEYS = f"{GITHUB}:sub or {GITHUB}:job_workflow_ref"


def shared(issuer, action="sts:AssumeRoleWithWebIdentity", **condition):
    principal = {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{issuer}"}
    return create(trust(principal, Action=action, Condition=condition))


@pytest.mark.parametrize(
    ("issuer", "condition", "keys"),
    [
        (GITHUB, {}, KEYS),
        (GITHUB, {"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"}}, KEYS),
        (GITHUB, {"StringEquals": {f"{GITHUB}:repository": "org/repo"}}, KEYS),
        (GITHUB, {"StringLike": {f"{GITHUB}:sub": "*"}}, KEYS),
        (GITHUB, {"StringNotLike": {f"{GITHUB}:sub": "repo:org/*"}}, KEYS),
        (f"{GITHUB}/org", {}, KEYS.replace(GITHUB, f"{GITHUB}/org")),
        ("app.terraform.io", {}, "app.terraform.io:sub"),
        ("oidc.vercel.com", {"StringLike": {"oidc.vercel.com:sub": "a*"}}, "oidc.vercel.com:aud"),
    ],
)
def test_iam_stores_no_policy_for_all_customers_of_a_shared_issuer(issuer, condition, keys):
    principal = f"arn:aws:iam::111122223333:oidc-provider/{issuer}"

    message = (
        f"Trust policy with trusted principal {principal} must evaluate, using StringEquals, "
        f"StringLike or StringEqualsIgnoreCase, {keys} which is not scoped to all."
    )
    assert error(shared(issuer, **condition)) == ("MalformedPolicyDocument", 400, message)


@pytest.mark.parametrize(
    ("step", "verdict"),
    [
        (shared(GITHUB, StringLike={f"{GITHUB}:sub": "repo:*"}), "allow"),
        (shared(GITHUB, StringEquals={f"{GITHUB.upper()}:JOB_WORKFLOW_REF": "org/r"}), "allow"),
        (shared(GITHUB, action="sts:TagSession"), "allow"),
        (shared("issuer.example"), "allow"),
        # What IAM makes of these is not documented.
        (shared(GITHUB, StringLike={f"{GITHUB}:sub": ["repo:org/*", "*"]}), "unknown"),
        (shared(GITHUB, StringLikeIfExists={f"{GITHUB}:sub": "repo:org/*"}), "unknown"),
    ],
)
def test_a_condition_on_the_customer_of_a_shared_issuer_is_enough(step, verdict):
    assert decision(step) == verdict


def test_a_trust_policy_without_statements_is_not_stored():
    empty = {"Version": "2012-10-17", "Statement": []}

    assert error(create() | {"trust_policy": empty})[2] == "Syntax errors in policy."


@pytest.mark.parametrize(
    "statement",
    [
        trust(A_ROLE, Sid=""),
        trust(A_ROLE, Sid="A1"),
        trust(A_ROLE, Condition={"DateLessThan": {"aws:CurrentTime": "2026-11"}}),
        trust(A_ROLE, Condition={"DateLessThan": {"aws:CurrentTime": ["2026-11-25", 1795561309]}}),
        trust(A_ROLE, Condition={"ForAnyValue:StringLikeIfExists": {"aws:TagKeys": "a*"}}),
        trust(A_ROLE, Condition={"Null": {"sts:ExternalId": "false"}}),
        trust({"Federated": "accounts.google.com"}),
        trust({"Service": "s3.amazonaws.com.cn"}),
    ],
)
def test_what_iam_stores_is_stored(statement):
    assert decision(create(statement)) == "allow"
