"""Trust policies that IAM stores, those that it does not, and the callers that may create a role.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
"""

import pytest

from core.tests.decide.policies import FOR_ALL, allow, deny, document, grants, trust
from core.tests.decide.principals import PATHED, ROLE_A, ROLE_B, ROOT, SESSION_A, USER
from core.tests.decide.scenarios import answer, decision, error
from core.tests.decide.steps import assume_step
from core.tests.decide.web import WEB_IDENTITY_STATEMENT, issuer_trust, web_identity_step
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT
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


@pytest.mark.cases(("statement", "message"), {
    "role with a star": invalid("AWS", f"{OF_A}:role/*"),
    "group": invalid("AWS", f"{OF_A}:group/g"),
    "provider under AWS": invalid("AWS", f"{OF_A}:oidc-provider/{ISSUER}"),
    "service without a domain": invalid("Service", "ec2"),
    "service with a digit": invalid("Service", "ec2.c0m"),
    "service with an underscore": invalid("Service", "e_2.com"),
    **{f"service {name}": invalid("Service", name) for name in ("eks-pods.amazonaws.com",
        "pod.eks.amazonaws.com", "eks.pods.amazonaws.com", "pods.eks.aws.com",
        "eks-pod-identity.amazonaws.com")},
    "issuer under Federated": ({"Principal": {"Federated": ISSUER}}, FEDERATED),
    "role under Federated": ({"Principal": {"Federated": ROLE_A}}, FEDERATED),
    **{f"element {key}": ({key: "*"}, f"Has prohibited field {key}") for key in ("Resource",
        "NotResource")},
    **{f"action {each}": ({"Action": ["sts:AssumeRole", each]},
        STS_ONLY) for each in ("s3:GetObject", "*", "sts:GetCallerIdentity")},
    "action without a service": ({"Action": "AssumeRole"}, VENDOR),
    "effect in small letters": ({"Effect": "allow"}, "Missing required field Effect"),
    **{f"principal {each}": ({"Principal": each}, SYNTAX) for each in ({}, {"AWS": []},
        {"Aws": ROLE_A})},
    "NotPrincipal": ({"NotPrincipal": {"AWS": ROLE_A}}, "Missing required field Principal"),
    "NotAction": ({"NotAction": "sts:AssumeRole"}, "Missing required field Action"),
    "condition without a key": ({"Condition": {"StringEquals": "x"}}, SYNTAX),
    "condition with an object": ({"Condition": {"StringEquals": {"a": {}}}}, SYNTAX),
    **{f"statement with {each}": (each, SYNTAX) for each in ({"Conditions": {}}, {"Sid": 1})},
})  # fmt: skip
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
    step = {"action": "iam:CreateRole", "resource": NEW, "trust_policy": document(*statements)}
    return step | changed


@pytest.mark.cases(("statements", "message"), {
    "no statement": ([], SYNTAX),
    "NotPrincipal": ([EXCEPT_A], "Allow with NotPrincipal is not allowed."),
    "NotPrincipal, Deny": ([EXCEPT_A | {"Effect": "Deny"}],
        "AssumeRole policy must not contain NotPrincipal field."),
    "bare star": ([trust("*")],
        'AssumeRolepolicy contained an invalid principal: "STAR":"*".'),
    "Sid twice": ([trust(A_ROLE, Sid="A")] * 2,
        "Statement IDs (SID) in a single policy must be unique."),
    "Sid with a hyphen": ([trust(A_ROLE, Sid="A-B")], SID + "expression [0-9A-Za-z]*"),
    "unknown operator": ([trust(A_ROLE, Condition={"StringEqualz": {"a": "b"}})], SYNTAX),
    "NullIfExists": ([trust(A_ROLE, Condition={"NullIfExists": {"a": "true"}})], SYNTAX),
    "no date": ([trust(A_ROLE, Condition=SOON)], "The policy failed legacy parsing"),
    "provider with a question mark": ([trust({"Federated": f"{PROVIDER_ARN}?"})], FEDERATED),
    "Google with https": ([trust({"Federated": "https://accounts.google.com"})], FEDERATED),
})  # fmt: skip
def test_what_iam_does_not_store_is_refused_in_its_words(statements, message):
    assert error(create(*statements)) == (MALFORMED, 400, message)


@pytest.mark.cases("statement", {
    "empty Sid": trust(A_ROLE, Sid=""),
    "Sid": trust(A_ROLE, Sid="A1"),
    "month": trust(A_ROLE, Condition={"DateLessThan": {"aws:CurrentTime": "2026-11"}}),
    "day and epoch":
        trust(A_ROLE, Condition={"DateLessThan": {"aws:CurrentTime": ["2026-11-25", 1795561309]}}),
    "ForAnyValue with IfExists": trust(A_ROLE,
        Condition={"ForAnyValue:StringLikeIfExists": {"aws:TagKeys": "a*"}}),
    "Null": trust(A_ROLE, Condition={"Null": {"sts:ExternalId": "false"}}),
    "Google": trust({"Federated": "accounts.google.com"}),
    "service of China": trust({"Service": "s3.amazonaws.com.cn"}),
    **{f"service {name}": trust({"Service": f"{name}.amazonaws.com"}) for name in ("pods.eks",
        "eks-fargate-pods", "eks-nodegroup", "eks")},
})  # fmt: skip
def test_what_iam_stores_is_stored(statement):
    assert answer(create(statement))["steps"][0]["reasons"] == ["IAM stores this trust policy"]


def shared(issuer, action="sts:AssumeRoleWithWebIdentity", **condition):
    principal = {"Federated": f"{OF_A}:oidc-provider/{issuer}"}
    return create(trust(principal, Action=action, Condition=condition))


@pytest.mark.cases(("issuer", "condition", "keys"), {
    "GitHub": (GITHUB, {}, KEYS),
    "GitHub, aud": (GITHUB, {"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"}}, KEYS),
    "GitHub, repository": (GITHUB, {"StringEquals": {f"{GITHUB}:repository": "org/repo"}}, KEYS),
    "GitHub, any sub": (GITHUB, {"StringLike": {f"{GITHUB}:sub": "*"}}, KEYS),
    "GitHub, sub not like": (GITHUB, {"StringNotLike": {f"{GITHUB}:sub": "repo:org/*"}}, KEYS),
    "GitHub enterprise": (f"{GITHUB}/org", {}, KEYS.replace(GITHUB, f"{GITHUB}/org")),
    "Terraform": ("app.terraform.io", {}, "app.terraform.io:sub"),
    "Vercel, sub": ("oidc.vercel.com", {"StringLike": {"oidc.vercel.com:sub": "a*"}},
        "oidc.vercel.com:aud"),
})  # fmt: skip
def test_iam_stores_no_policy_for_all_customers_of_a_shared_issuer(issuer, condition, keys):
    message = (
        f"Trust policy with trusted principal {OF_A}:oidc-provider/{issuer} must evaluate, using "
        f"StringEquals, StringLike or StringEqualsIgnoreCase, {keys} which is not scoped to all."
    )
    assert error(shared(issuer, **condition)) == (MALFORMED, 400, message)


@pytest.mark.cases(("statement", "existing", "refused"), {
    "principals not read": (trust(A_ROLE), None, None),
    "role exists": (trust(A_ROLE), [ROLE_A], None),
    "another role exists": (trust(A_ROLE), [f"{ROLE_A}x"], ROLE_A),
    "role exists, user does not": (trust({"AWS": [ROLE_A, USER]}), [ROLE_A], USER),
    "unique id of a role": (trust({"AWS": "AROAEXAMPLE1"}), [ROLE_A], "AROAEXAMPLE1"),
    "root, account and everyone": (trust({"AWS": [ROOT, ACCOUNT_B, "*"]}), [], None),
    "provider": (WEB_IDENTITY_STATEMENT, [], None),
    "session, its role exists": (SESSION_TRUST, [PATHED], None),
    "session, roles of other names exist": (SESSION_TRUST,
        [ROLE_B, f"arn:aws:iam::{ACCOUNT_B}:role/s3-app-A"], SESSION_A),
    "session, user of its name exists": (SESSION_TRUST, [f"{OF_A}:user/s3-app-A"], SESSION_A),
})  # fmt: skip
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
UNKNOWN = UNKNOWN_OUTPUT
UNKNOWN_TRUST = {
    "trust policy": UNKNOWN,
    "principal": document(trust({"AWS": UNKNOWN})),
    "provider": document(trust({"Federated": UNKNOWN})),
    "action": document(trust({"AWS": ROLE_A}) | {"Action": UNKNOWN}),
    "value": document(trust({"AWS": ROLE_A}, Condition={"StringEquals": {"aws:x": UNKNOWN}})),
}


@pytest.mark.cases(("step", "verdict"), {
    "allowed": (by_user(**MAY), "allow"),
    "denied": (by_user(**grants(deny("iam:CreateRole", "*"))), "deny"),
    "no policy": (by_user(**NO_POLICY), "deny"),
    "policies unread": (by_user(), "unknown"),
    "outside of the boundary": (by_user(**MAY, permissions_boundary=document(allow("s3:*", "*"))),
        "deny"),
    "outside of the endpoint policy": (by_user(**MAY,
        endpoint_policy=document(FOR_ALL | allow("s3:*", "*"))), "deny"),
    "outside of the control policy": (by_user(**MAY, service_control_policies=[document()]),
        "deny"),
    "allowed for this role": (by_user(**OF_NEW), "allow"),
    "allowed for another role": (by_user(**grants(allow("iam:*", f"{NEW}er"))), "deny"),
    "allowed, no name": (by_user(**OF_NEW, resource=None), "unknown"),
    "no policy, no name": (by_user(**NO_POLICY, resource=None), "deny"),
    "denied, no name": (by_user(**grants(deny("iam:*", "*")), resource=None), "deny"),
    # Without permission the quota does not matter.
    "above the quota": (by_user(**MAY, trust_policy=document(LONG)), "unknown"),
    "above the quota, no policy": (by_user(**NO_POLICY, trust_policy=document(LONG)), "deny"),
    # A condition on the customer of a shared issuer is enough.
    "GitHub, sub": (shared(GITHUB, StringLike={f"{GITHUB}:sub": "repo:*"}), "allow"),
    "GitHub, workflow": (shared(GITHUB,
        StringEquals={f"{GITHUB.upper()}:JOB_WORKFLOW_REF": "org/r"}), "allow"),
    "GitHub, tags alone": (shared(GITHUB, action="sts:TagSession"), "allow"),
    "issuer of one customer": (shared("issuer.example"), "allow"),
    # What IAM makes of these is not documented.
    "GitHub, one of two subs is *": (shared(GITHUB,
        StringLike={f"{GITHUB}:sub": ["repo:org/*", "*"]}), "unknown"),
    "GitHub, IfExists": (shared(GITHUB, StringLikeIfExists={f"{GITHUB}:sub": "repo:org/*"}),
        "unknown"),
    **{f"unknown {place}": (assume_step(trust_policy=policy), "unknown")
       for place, policy in UNKNOWN_TRUST.items()},
    "unknown identity policy": (assume_step(identity_policies=[UNKNOWN_OUTPUT]), "unknown"),
})  # fmt: skip
def test_the_callers_and_the_trust_policy_decide_whether_a_role_is_created(step, verdict):
    assert decision(step) == verdict
