"""Trust policies that IAM stores, those that it does not, and the callers that may create a role.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
"""

import pytest

from command.tests.decide.policies import FOR_ALL, allow, deny, document, grants, trust
from command.tests.decide.principals import PATHED, ROLE_A, ROLE_B, ROOT, SESSION_A, USER
from command.tests.decide.scenarios import answer, decision, error
from command.tests.decide.steps import assume_step
from command.tests.decide.web import WEB_IDENTITY_STATEMENT, issuer_trust, web_identity_step
from irsa.identity.policy_json import UNKNOWN_OUTPUT
from tests.support.world import ACCOUNT_A, ACCOUNT_B, ISSUER, PROVIDER_ARN

MALFORMED = "MalformedPolicyDocument"
STS_ONLY = "AssumeRole policy may only specify STS AssumeRole actions."
FEDERATED = "Federated principals must be valid domain names or SAML metadata ARNs"
SYNTAX = "Syntax errors in policy."
SID = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
OF_A = f"arn:aws:iam::{ACCOUNT_A}"
NEW = f"{OF_A}:role/new"
A_ROLE = {"AWS": ROLE_A}
SOON = {"DateLessThan": {"aws:CurrentTime": "soon"}}
EXCEPT_A = {"Effect": "Allow", "NotPrincipal": A_ROLE, "Action": "sts:AssumeRole"}
GITHUB = "token.actions.githubusercontent.com"
KEYS = f"{GITHUB}:sub or {GITHUB}:job_workflow_ref"
SESSION_TRUST = trust({"AWS": SESSION_A})
MAY = grants(allow("iam:CreateRole", "*"))
LONG = trust({"AWS": [f"{ROLE_A}{number}" for number in range(60)]})


def invalid(kind, name):
    return {"Principal": {kind: name}}, f'Invalid principal in policy: "{kind.upper()}":"{name}"'


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        invalid("AWS", f"{OF_A}:role/*"),
        invalid("AWS", f"{OF_A}:group/g"),
        invalid("AWS", f"{OF_A}:oidc-provider/{ISSUER}"),
        invalid("Service", "ec2"),
        invalid("Service", "ec2.c0m"),
        invalid("Service", "e_2.com"),
        ({"Principal": {"Federated": ISSUER}}, FEDERATED),
        ({"Principal": {"Federated": ROLE_A}}, FEDERATED),
        *(({key: "*"}, f"Has prohibited field {key}") for key in ("Resource", "NotResource")),
        *(({"Action": ["sts:AssumeRole", each]}, STS_ONLY)
          for each in ("s3:GetObject", "*", "sts:GetCallerIdentity")),
        ({"Action": "AssumeRole"}, VENDOR),
        ({"Effect": "allow"}, "Missing required field Effect"),
        *(({"Principal": each}, SYNTAX) for each in ({}, {"AWS": []}, {"Aws": ROLE_A})),
        ({"NotPrincipal": {"AWS": ROLE_A}}, "Missing required field Principal"),
        ({"NotAction": "sts:AssumeRole"}, "Missing required field Action"),
        ({"Condition": {"StringEquals": "x"}}, SYNTAX),
        ({"Condition": {"StringEquals": {"a": {}}}}, SYNTAX),
        *((each, SYNTAX) for each in ({"Conditions": {}}, {"Sid": 1})),
    ],
)  # fmt: skip
def test_a_trust_policy_that_iam_never_stored_is_malformed_in_any_step(statement, message):
    policy = document(trust({"AWS": ROLE_A}) | statement)
    create = {"action": "iam:CreateRole", "trust_policy": policy}
    for step in (create, web_identity_step(trust_policy=policy), assume_step(trust_policy=policy)):
        assert error(step) == (MALFORMED, 400, message)


@pytest.mark.parametrize(
    "policy",
    [{}, {"Statement": "x"}, {"Version": "2012", "Statement": []}, {"Statement": [], "Extra": 1},
     {"Statement": [], "Id": 1}, {"Statement": [None]}],
)  # fmt: skip
def test_a_document_without_sense_is_malformed(policy):
    assert error(web_identity_step(trust_policy=policy)) == (MALFORMED, 400, SYNTAX)


def create(*statements, **changed):
    return {"action": "iam:CreateRole", "resource": NEW, "trust_policy": document(*statements)} | (
        changed
    )


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ([], SYNTAX),
        ([EXCEPT_A], "Allow with NotPrincipal is not allowed."),
        ([EXCEPT_A | {"Effect": "Deny"}], "AssumeRole policy must not contain NotPrincipal field."),
        ([trust(A_ROLE, Sid="A")] * 2, "Statement IDs (SID) in a single policy must be unique."),
        ([trust(A_ROLE, Sid="A-B")], SID + "expression [0-9A-Za-z]*"),
        ([trust(A_ROLE, Condition={"StringEqualz": {"a": "b"}})], SYNTAX),
        ([trust(A_ROLE, Condition={"NullIfExists": {"a": "true"}})], SYNTAX),
        ([trust(A_ROLE, Condition=SOON)], "The policy failed legacy parsing"),
        ([trust({"Federated": f"{PROVIDER_ARN}?"})], FEDERATED),
        ([trust({"Federated": "https://accounts.google.com"})], FEDERATED),
    ],
)
def test_what_iam_does_not_store_is_refused_in_its_words(statements, message):
    assert error(create(*statements)) == (MALFORMED, 400, message)


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
    assert answer(create(statement))["steps"][0]["reasons"] == ["IAM stores this trust policy"]


def shared(issuer, action="sts:AssumeRoleWithWebIdentity", **condition):
    principal = {"Federated": f"{OF_A}:oidc-provider/{issuer}"}
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
    message = (
        f"Trust policy with trusted principal {OF_A}:oidc-provider/{issuer} must evaluate, using "
        f"StringEquals, StringLike or StringEqualsIgnoreCase, {keys} which is not scoped to all."
    )
    assert error(shared(issuer, **condition)) == (MALFORMED, 400, message)


@pytest.mark.parametrize(
    ("statement", "existing", "refused"),
    [
        (trust(A_ROLE), None, None),
        (trust(A_ROLE), [ROLE_A], None),
        (trust(A_ROLE), [f"{ROLE_A}x"], ROLE_A),
        (trust({"AWS": [ROLE_A, USER]}), [ROLE_A], USER),
        (trust({"AWS": "AROAEXAMPLE1"}), [ROLE_A], "AROAEXAMPLE1"),
        (trust({"AWS": [ROOT, ACCOUNT_B, "*"]}), [], None),
        (WEB_IDENTITY_STATEMENT, [], None),
        (SESSION_TRUST, [PATHED], None),
        (SESSION_TRUST, [ROLE_B, f"arn:aws:iam::{ACCOUNT_B}:role/s3-app-A"], SESSION_A),
        (SESSION_TRUST, [f"{OF_A}:user/s3-app-A"], SESSION_A),
    ],
)
def test_iam_stores_no_principal_that_does_not_exist(statement, existing, refused):
    malformed = (MALFORMED, 400, invalid("AWS", refused)[1])
    found = error(create(statement, existing_principals=existing))
    assert found == (malformed if refused else None)


def test_create_role_knows_the_quota_only_at_its_ends():
    def sized(count):
        subjects = [f"system:serviceaccount:dev:app-{number:04}" for number in range(count)]
        policy = issuer_trust(StringEquals={f"{ISSUER}:sub": subjects})
        return answer(create(trust_policy=policy))

    assert sized(30)["decision"] == "allow"
    quota = "the account's quota for trust policies: this one has 4043 characters"
    assert sized(100)["steps"][0]["missing"] == [quota]
    message = "Cannot exceed quota for ACLSizePerRole: 2048"
    assert sized(300)["error"] == {"code": "LimitExceeded", "http": 409, "message": message}


def by_user(**changed):
    return create(trust(A_ROLE), principal=USER, **changed)


OF_NEW, NO_POLICY = grants(allow("iam:*", NEW)), {"identity_policies": []}
UNKNOWN_TRUST = [
    UNKNOWN_OUTPUT,
    document(trust({"AWS": UNKNOWN_OUTPUT})),
    document(trust({"Federated": UNKNOWN_OUTPUT})),
    document(trust({"AWS": ROLE_A}) | {"Action": UNKNOWN_OUTPUT}),
    document(trust({"AWS": ROLE_A}, Condition={"StringEquals": {"aws:x": UNKNOWN_OUTPUT}})),
]


@pytest.mark.parametrize(
    ("step", "verdict"),
    [
        (by_user(**MAY), "allow"),
        (by_user(**grants(deny("iam:CreateRole", "*"))), "deny"),
        (by_user(**NO_POLICY), "deny"),
        (by_user(), "unknown"),
        (by_user(**MAY, permissions_boundary=document(allow("s3:*", "*"))), "deny"),
        (by_user(**MAY, endpoint_policy=document(FOR_ALL | allow("s3:*", "*"))), "deny"),
        (by_user(**MAY, service_control_policies=[document()]), "deny"),
        (by_user(**OF_NEW), "allow"),
        (by_user(**grants(allow("iam:*", f"{NEW}er"))), "deny"),
        (by_user(**OF_NEW, resource=None), "unknown"),
        (by_user(**NO_POLICY, resource=None), "deny"),
        (by_user(**grants(deny("iam:*", "*")), resource=None), "deny"),
        # Without permission the quota does not matter.
        (by_user(**MAY, trust_policy=document(LONG)), "unknown"),
        (by_user(**NO_POLICY, trust_policy=document(LONG)), "deny"),
        # A condition on the customer of a shared issuer is enough.
        (shared(GITHUB, StringLike={f"{GITHUB}:sub": "repo:*"}), "allow"),
        (shared(GITHUB, StringEquals={f"{GITHUB.upper()}:JOB_WORKFLOW_REF": "org/r"}), "allow"),
        (shared(GITHUB, action="sts:TagSession"), "allow"),
        (shared("issuer.example"), "allow"),
        # What IAM makes of these is not documented.
        (shared(GITHUB, StringLike={f"{GITHUB}:sub": ["repo:org/*", "*"]}), "unknown"),
        (shared(GITHUB, StringLikeIfExists={f"{GITHUB}:sub": "repo:org/*"}), "unknown"),
        # An output that is not known yet leaves the answer open.
        *((assume_step(trust_policy=each), "unknown") for each in UNKNOWN_TRUST),
        (assume_step(identity_policies=[UNKNOWN_OUTPUT]), "unknown"),
    ],
)
def test_the_callers_and_the_trust_policy_decide_whether_a_role_is_created(step, verdict):
    assert decision(step) == verdict
