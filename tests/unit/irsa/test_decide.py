"""The contract of ``python -m irsa decide``: scenario in, answer out."""

import copy
import json

import pytest

from irsa.__main__ import main
from tests.unit.irsa.scenarios import (
    ACCOUNT_A,
    ACCOUNT_B,
    ISSUER,
    NOW,
    PROVIDER_ARN,
    ROLE_A,
    ROLE_B,
    SESSION_A,
    SUBJECT,
    WEB_IDENTITY_STATEMENT,
    allow,
    answer,
    assume_step,
    decision,
    deny,
    document,
    list_step,
    scenario,
    token,
    trust,
    web_identity_step,
)

NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  "
    "please reference AssumeRoleWithWebIdentity documentation for requirements"
)
REFUSED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
MAXIMUM = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
CHAINED = (
    "The requested DurationSeconds exceeds the 1 hour session limit "
    "for roles assumed by role chaining."
)
A_MAY_NOT = f"User: {SESSION_A} is not authorized to perform: sts:AssumeRole on resource: {ROLE_B}"
USER = f"arn:aws:iam::{ACCOUNT_A}:user/bob"
ROOT = f"arn:aws:iam::{ACCOUNT_A}:root"


def provider(**changed):
    return [scenario()["oidc_providers"][0] | changed]


def issuer_trust(**condition):
    return document(WEB_IDENTITY_STATEMENT | {"Condition": condition})


def error(*steps, **changed):
    found = answer(*steps, **changed)["error"]
    return found and (found["code"], found["http"], found["message"])


def test_the_whole_chain_is_allowed():
    step = list_step()
    found = answer(web_identity_step(), assume_step(), step)

    assert found == {
        "decision": "allow",
        "failing_step": None,
        "error": None,
        "steps": [
            {"decision": "allow", "reasons": ["trust policy, statement 1: allows it"]},
            {
                "decision": "allow",
                "reasons": [
                    "trust policy, statement 1: allows it",
                    "identity policy 1, statement 1: allows it",
                ],
            },
            {"decision": "allow", "reasons": ["identity policy 1, statement 1: allows it"]},
        ],
    }


def test_a_refused_step_ends_the_chain_with_awss_error():
    found = answer(web_identity_step(), assume_step(identity_policies=[]), list_step())

    assert found == {
        "decision": "deny",
        "failing_step": 2,
        "error": {"code": "AccessDenied", "http": 403, "message": A_MAY_NOT},
        "steps": [
            {"decision": "allow", "reasons": ["trust policy, statement 1: allows it"]},
            {
                "decision": "deny",
                "reasons": [
                    "not allowed by what has a say: trust policy",
                    "trust policy, statement 1: allows it, which is not enough",
                ],
            },
        ],
    }


@pytest.mark.parametrize(
    ("changed", "code", "message"),
    [
        (
            {"token": token(iss="https://other")},
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://other",
        ),
        ({"token": token(aud=["other"])}, "InvalidIdentityToken", "Incorrect token audience"),
        (
            {"token": token(aud="sts.amazonaws.com.")},
            "InvalidIdentityToken",
            "Incorrect token audience",
        ),
        ({"token": token(aud=None)}, "InvalidIdentityToken", "Missing a required claim: aud"),
        ({"token": token(aud=[])}, "InvalidIdentityToken", "Missing a required claim: aud"),
        ({"token": token(sub=None)}, "InvalidIdentityToken", "Missing a required claim: sub"),
        ({"token": token(exp=None)}, "InvalidIdentityToken", "Missing a required claim: exp"),
        ({"token": token(iss=None)}, "InvalidIdentityToken", "Missing a required claim: iss"),
        ({"token": token(signature="unknown_key")}, "InvalidIdentityToken", NO_KEY),
        ({"token": token(signature="tampered")}, "InvalidIdentityToken", NO_KEY),
        ({"token": token(signature="alg_none")}, "InvalidIdentityToken", NO_KEY),
        ({"token": token(signature="hs256_with_public_key")}, "InvalidIdentityToken", NO_KEY),
        (
            {"token": token(exp=NOW)},
            "ExpiredTokenException",
            f"Token expired: current date/time {NOW} must be before the expiration date/time {NOW}",
        ),
        (
            {"token": token(nbf=NOW + 1)},
            "InvalidIdentityToken",
            f"Token is not valid yet: current date/time {NOW} must be after the nbf date/time {NOW + 1}",
        ),
        (
            {"resource": "arn:aws:iam::111122223333:user/bob"},
            "ValidationError",
            "Request ARN is invalid",
        ),
        (
            {"resource": "arn:aws:iam::11112222333:role/a"},
            "ValidationError",
            "Request ARN is invalid",
        ),
        (
            {"resource": f"arn:aws:iam::{ACCOUNT_A}:role/{'a' * 65}"},
            "ValidationError",
            "Request ARN is invalid",
        ),
        (
            {"role_session_name": "a"},
            "ValidationError",
            "1 validation error detected: Value 'a' at 'roleSessionName' failed to satisfy constraint: "
            "Member must have length greater than or equal to 2",
        ),
        (
            {"role_session_name": "a" * 65},
            "ValidationError",
            f"1 validation error detected: Value '{'a' * 65}' at 'roleSessionName' failed to satisfy "
            "constraint: Member must have length less than or equal to 64",
        ),
        (
            {"role_session_name": SUBJECT},
            "ValidationError",
            f"1 validation error detected: Value '{SUBJECT}' at 'roleSessionName' failed to satisfy "
            r"constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*",
        ),
        (
            {"duration_seconds": 899},
            "ValidationError",
            "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: "
            "Member must have value greater than or equal to 900",
        ),
        (
            {"duration_seconds": 43201},
            "ValidationError",
            "1 validation error detected: Value '43201' at 'durationSeconds' failed to satisfy "
            "constraint: Member must have value less than or equal to 43200",
        ),
        ({"duration_seconds": 7201, "max_session_duration": 7200}, "ValidationError", MAXIMUM),
    ],
)
def test_sts_refuses_with_400_before_or_beside_the_policy(changed, code, message):
    assert error(web_identity_step(**changed)) == (code, 400, message)


@pytest.mark.parametrize(
    ("providers", "code"),
    [
        ([], "InvalidIdentityToken"),
        (provider(account=ACCOUNT_B), "InvalidIdentityToken"),
        (provider(url=f"https://{ISSUER}/"), "InvalidIdentityToken"),
        (provider(client_ids=["other"]), "InvalidIdentityToken"),
        (provider(client_ids=[]), "InvalidIdentityToken"),
        (provider(reachable=False), "IDPCommunicationError"),
    ],
)
def test_the_provider_is_looked_up_in_the_roles_account(providers, code):
    assert error(web_identity_step(), oidc_providers=providers)[0] == code


def test_the_providers_url_may_leave_out_its_scheme():
    assert decision(web_identity_step(), oidc_providers=provider(url=ISSUER)) == "allow"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"trust_policy": {}, "resource": "bad"}, "MalformedPolicyDocument"),
        ({"resource": "bad", "token": token(iss="https://other")}, "ValidationError"),
        ({"duration_seconds": 1, "token": token(exp=1)}, "ValidationError"),
        ({"token": token(iss="https://other", exp=1)}, "InvalidIdentityToken"),
        ({"token": token(signature="tampered", exp=1)}, "InvalidIdentityToken"),
        ({"token": token(exp=1, aud=["other"])}, "ExpiredTokenException"),
        ({"token": token(aud=["other"]), "role_exists": False}, "InvalidIdentityToken"),
        (
            {"role_exists": False, "duration_seconds": 7200, "max_session_duration": 3600},
            "AccessDenied",
        ),
        (
            {
                "trust_policy": document(),
                "duration_seconds": 7200,
                "max_session_duration": 3600,
            },
            "AccessDenied",
        ),
    ],
)
def test_the_first_thing_that_sts_checks_gives_the_error(changed, code):
    assert error(web_identity_step(**changed))[0] == code


@pytest.mark.parametrize(
    "trust_policy",
    [
        document(),
        issuer_trust(StringEquals={f"{ISSUER}:sub": f"{SUBJECT}x"}),
        issuer_trust(StringEquals={f"{ISSUER}:sub": "system:serviceaccount:dev:*"}),
        issuer_trust(StringEquals={f"{ISSUER}x:sub": SUBJECT}),
        issuer_trust(StringEquals={f"https://{ISSUER}:sub": SUBJECT}),
        issuer_trust(StringEquals={f"{PROVIDER_ARN}:sub": SUBJECT}),
        issuer_trust(StringEquals={f"{ISSUER}:aud": "sts.amazonaws.com.cn"}),
        issuer_trust(StringEquals={f"{ISSUER}:email": "a@b"}),
        issuer_trust(StringEquals={f"{ISSUER}:sub": SUBJECT}, StringLike={f"{ISSUER}:sub": "x-*"}),
        issuer_trust(StringLike={f"{ISSUER}:sub": "system:serviceaccount:Dev:*"}),
        issuer_trust(StringEquals={"sts:RoleSessionName": "other"}),
        issuer_trust(StringEquals={"aws:PrincipalArn": PROVIDER_ARN}),
        document(WEB_IDENTITY_STATEMENT | {"Action": "sts:AssumeRole"}),
        document(WEB_IDENTITY_STATEMENT | {"Principal": {"Federated": f"{PROVIDER_ARN}X"}}),
        document(WEB_IDENTITY_STATEMENT | {"Principal": {"AWS": ROOT}}),
        document(WEB_IDENTITY_STATEMENT, WEB_IDENTITY_STATEMENT | {"Effect": "Deny"}),
    ],
)
def test_a_trust_policy_that_does_not_fit_refuses_with_403(trust_policy):
    assert error(web_identity_step(trust_policy=trust_policy)) == ("AccessDenied", 403, REFUSED)


@pytest.mark.parametrize(
    "trust_policy",
    [
        issuer_trust(StringLike={f"{ISSUER}:sub": "system:serviceaccount:dev:*"}),
        issuer_trust(StringEquals={f"{ISSUER.upper()}:SUB": SUBJECT}),
        issuer_trust(StringEquals={"sts:RoleSessionName": "app"}),
        # Fails open: a typo in the issuer under an operator that an absent key fulfils.
        issuer_trust(StringNotEquals={f"{ISSUER}x:sub": "other"}),
        issuer_trust(StringEqualsIfExists={f"{ISSUER}x:sub": "other"}),
        issuer_trust(**{"ForAllValues:StringEquals": {f"{ISSUER}x:sub": "other"}}),
        document(WEB_IDENTITY_STATEMENT | {"Principal": "*"}),
        document(WEB_IDENTITY_STATEMENT | {"Action": ["sts:TagSession", "STS:assumerole*"]}),
        document(WEB_IDENTITY_STATEMENT) | {"Statement": WEB_IDENTITY_STATEMENT},
    ],
)
def test_a_trust_policy_that_fits_allows(trust_policy):
    assert error(web_identity_step(trust_policy=trust_policy)) is None


def test_a_role_that_is_not_there_is_refused_like_a_trust_policy():
    gone = {"role_exists": False, "trust_policy": None}

    assert error(web_identity_step(**gone)) == ("AccessDenied", 403, REFUSED)
    assert error(assume_step(**gone)) == ("AccessDenied", 403, A_MAY_NOT)
    assert error(assume_step(**gone, principal=None))[0] == "AccessDenied"


BY_CONDITION = trust({"AWS": ROOT}, Condition={"ArnEquals": {"aws:PrincipalArn": ROLE_A}})
EXTERNAL = trust({"AWS": ROLE_A}, Condition={"StringEquals": {"sts:ExternalId": "tenant-42"}})
PATHED = f"arn:aws:iam::{ACCOUNT_A}:role/team/s3-app-A"
OWN = {"resource": f"arn:aws:iam::{ACCOUNT_A}:role/other"}


@pytest.mark.parametrize(
    "changed",
    [
        {"trust_policy": document(trust({"AWS": f"arn:aws:iam::{ACCOUNT_A}:role/other"}))},
        {
            "trust_policy": document(
                trust({"AWS": f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app-A/x"})
            )
        },
        {"trust_policy": document(trust({"AWS": "AROAEXAMPLE2"})), "principal_id": "AROAEXAMPLE1"},
        {"trust_policy": document(trust({"AWS": PATHED}))},
        {"trust_policy": document(trust({"Service": "ec2.amazonaws.com"}))},
        {"trust_policy": document(trust({"AWS": ACCOUNT_B}))},
        {"trust_policy": document(BY_CONDITION), "principal_role_arn": PATHED},
        {"trust_policy": document(EXTERNAL)},
        {"trust_policy": document(EXTERNAL), "external_id": "tenant-43"},
        {
            "trust_policy": document(
                trust({"AWS": ROLE_A}, Condition={"Null": {"sts:ExternalId": "false"}})
            )
        },
        {
            "trust_policy": document(
                trust({"AWS": ROLE_A}), trust({"AWS": ROLE_A}) | {"Effect": "Deny"}
            )
        },
        {
            "trust_policy": document(
                trust({"AWS": ROLE_A}, Condition={"StringEquals": {f"{ISSUER}:sub": SUBJECT}})
            )
        },
        {"identity_policies": []},
        {"identity_policies": [document(allow("sts:AssumeRole", f"{ROLE_B}x"))]},
        {"identity_policies": [document(allow("sts:TagSession", ROLE_B))]},
        {"identity_policies": [document(allow("*", "*"), deny("sts:AssumeRole", ROLE_B))]},
        {"permissions_boundary": document(allow("s3:*", "*"))},
        {"session_policy": document(allow("s3:*", "*"))},
        {"service_control_policies": [document(allow("s3:*", "*"))]},
        {"service_control_policies": [document(allow("*", "*"), deny("sts:*", "*"))]},
        # In one account the trust policy must allow too, and :root only delegates.
        OWN
        | {
            "identity_policies": [document(allow("*", "*"))],
            "trust_policy": document(trust({"AWS": ACCOUNT_B})),
        },
        OWN | {"identity_policies": [], "trust_policy": document(trust({"AWS": ROOT}))},
        OWN | {"identity_policies": [document(allow("*", "*"))], "trust_policy": document()},
        # There is no implicit self-trust.
        {
            "resource": ROLE_A,
            "identity_policies": [document(allow("*", "*"))],
            "trust_policy": document(WEB_IDENTITY_STATEMENT),
        },
    ],
)
def test_assume_role_is_refused_with_403(changed):
    step = assume_step(**changed)

    assert error(step) == (
        "AccessDenied",
        403,
        f"User: {SESSION_A} is not authorized to perform: sts:AssumeRole on resource: {step['resource']}",
    )


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"trust_policy": document(trust({"AWS": ROOT}))},
        {"trust_policy": document(trust({"AWS": ACCOUNT_A}))},
        {"trust_policy": document(trust({"AWS": SESSION_A}))},
        {"trust_policy": document(trust("*"))},
        {"trust_policy": document(trust({"AWS": "AROAEXAMPLE1"})), "principal_id": "AROAEXAMPLE1"},
        {"trust_policy": document(trust({"AWS": PATHED})), "principal_role_arn": PATHED},
        {"trust_policy": document(BY_CONDITION)},
        {"trust_policy": document(EXTERNAL), "external_id": "tenant-42"},
        {"trust_policy": document(EXTERNAL), "context": {"STS:externalid": "tenant-42"}},
        OWN | {"identity_policies": [], "trust_policy": document(trust({"AWS": ROLE_A}))},
        OWN
        | {
            "identity_policies": [document(allow("*", "*"))],
            "trust_policy": document(trust({"AWS": ROOT})),
        },
        {
            "principal": "ec2.amazonaws.com",
            "trust_policy": document(trust({"Service": "ec2.amazonaws.com"})),
            "identity_policies": [],
        },
    ],
)
def test_assume_role_is_allowed(changed):
    assert error(assume_step(**changed)) is None


@pytest.mark.parametrize(
    ("changed", "code", "http", "message"),
    [
        ({"principal": ROOT}, "AccessDenied", 403, "Roles may not be assumed by root accounts."),
        (
            {"duration_seconds": 3601, "max_session_duration": 43200},
            "ValidationError",
            400,
            CHAINED,
        ),
        (
            {
                "duration_seconds": 3601,
                "max_session_duration": 43200,
                "chained": True,
                "principal": USER,
                "trust_policy": document(trust({"AWS": USER})),
            },
            "ValidationError",
            400,
            CHAINED,
        ),
        (
            {"duration_seconds": 7200, "max_session_duration": 3600, "chained": False},
            "ValidationError",
            400,
            MAXIMUM,
        ),
        (
            {"duration_seconds": 43201},
            "ValidationError",
            400,
            "1 validation error detected: Value '43201' at 'durationSeconds' failed to satisfy "
            "constraint: Member must have value less than or equal to 43200",
        ),
        (
            {"external_id": "x"},
            "ValidationError",
            400,
            "1 validation error detected: Value 'x' at 'externalId' failed to satisfy constraint: "
            "Member must have length greater than or equal to 2",
        ),
        (
            {"external_id": "x" * 1225},
            "ValidationError",
            400,
            f"1 validation error detected: Value '{'x' * 200}' at 'externalId' failed to satisfy "
            "constraint: Member must have length less than or equal to 1224",
        ),
        (
            {"external_id": "a b"},
            "ValidationError",
            400,
            "1 validation error detected: Value 'a b' at 'externalId' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: [\w+=,.@:\/-]*",
        ),
        ({"resource": "s3-app-B"}, "ValidationError", 400, "Request ARN is invalid"),
        (
            {"resource": f"arn:aws-cn:iam::{ACCOUNT_B}:role/s3-app-B"},
            "AccessDenied",
            403,
            f"{A_MAY_NOT.replace(ROLE_B, f'arn:aws-cn:iam::{ACCOUNT_B}:role/s3-app-B')}",
        ),
    ],
)
def test_stss_own_rules_for_assume_role(changed, code, http, message):
    assert error(assume_step(**changed)) == (code, http, message)


@pytest.mark.parametrize(
    "changed",
    [
        {"duration_seconds": 3600},
        {"duration_seconds": 900},
        {"duration_seconds": 43200, "max_session_duration": 43200, "chained": False},
        {
            "duration_seconds": 43200,
            "max_session_duration": 43200,
            "principal": USER,
            "trust_policy": document(trust({"AWS": USER})),
        },
        {"external_id": "x" * 1224},
    ],
)
def test_what_is_just_within_the_limits_is_allowed(changed):
    assert error(assume_step(**changed)) is None


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_A}:role/*"}},
            f'Invalid principal in policy: "AWS":"arn:aws:iam::{ACCOUNT_A}:role/*"',
        ),
        (
            {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_A}:group/g"}},
            f'Invalid principal in policy: "AWS":"arn:aws:iam::{ACCOUNT_A}:group/g"',
        ),
        (
            {"Principal": {"Federated": ISSUER}},
            f'Invalid principal in policy: "FEDERATED":"{ISSUER}"',
        ),
        ({"Principal": {"Service": "ec2"}}, 'Invalid principal in policy: "SERVICE":"ec2"'),
        ({"Resource": "*"}, "Has prohibited field Resource"),
        ({"NotResource": "*"}, "Has prohibited field NotResource"),
        ({"Action": "s3:GetObject"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        (
            {"Action": ["sts:AssumeRole", "*"]},
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            {"Action": "sts:GetCallerIdentity"},
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            {"Action": "AssumeRole"},
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        ({"Effect": "allow"}, "Missing required field Effect"),
        ({"Principal": {}}, "Syntax errors in policy."),
        ({"Principal": {"AWS": []}}, "Syntax errors in policy."),
        ({"Principal": {"Aws": ROLE_A}}, "Syntax errors in policy."),
        ({"NotPrincipal": {"AWS": ROLE_A}}, "Missing required field Principal"),
        ({"NotAction": "sts:AssumeRole"}, "Missing required field Action"),
        ({"Conditions": {}}, "Syntax errors in policy."),
        ({"Condition": {"StringEquals": "x"}}, "Syntax errors in policy."),
        ({"Condition": {"StringEquals": {"a": {}}}}, "Syntax errors in policy."),
        ({"Sid": 1}, "Syntax errors in policy."),
    ],
)
@pytest.mark.parametrize(
    "make", [web_identity_step, assume_step, None], ids=["web", "assume", "create"]
)
def test_a_trust_policy_that_iam_never_stored_is_malformed_in_any_step(make, statement, message):
    policy = document(trust({"AWS": ROLE_A}) | statement)
    create = {"action": "iam:CreateRole", "trust_policy": policy}
    step = create if make is None else make(trust_policy=policy)

    assert error(step) == ("MalformedPolicyDocument", 400, message)


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"Statement": "x"},
        {"Version": "2012", "Statement": []},
        {"Statement": [], "Extra": 1},
        {"Statement": [], "Id": 1},
        {"Statement": [None]},
    ],
)
def test_a_document_without_sense_is_malformed(policy):
    expected = ("MalformedPolicyDocument", 400, "Syntax errors in policy.")

    assert error(web_identity_step(trust_policy=policy)) == expected


SESSION_TRUST = trust({"AWS": SESSION_A})


@pytest.mark.parametrize(
    ("statement", "existing", "refused"),
    [
        (trust({"AWS": ROLE_A}), None, None),
        (trust({"AWS": ROLE_A}), [ROLE_A], None),
        (trust({"AWS": ROLE_A}), [], ROLE_A),
        (trust({"AWS": ROLE_A}), [f"{ROLE_A}x"], ROLE_A),
        (trust({"AWS": [ROLE_A, USER]}), [ROLE_A], USER),
        (trust({"AWS": "AROAEXAMPLE1"}), [ROLE_A], "AROAEXAMPLE1"),
        (trust({"AWS": [ROOT, ACCOUNT_B, "*"]}), [], None),
        (trust("*"), [], None),
        (WEB_IDENTITY_STATEMENT, [], None),
        (SESSION_TRUST, [ROLE_A], None),
        (SESSION_TRUST, [PATHED], None),
        (SESSION_TRUST, [ROLE_B], SESSION_A),
        (SESSION_TRUST, [f"arn:aws:iam::{ACCOUNT_B}:role/s3-app-A"], SESSION_A),
        (SESSION_TRUST, [f"arn:aws:iam::{ACCOUNT_A}:user/s3-app-A"], SESSION_A),
    ],
)
def test_create_role_answers_as_iam_does_for_the_document(statement, existing, refused):
    step = {
        "action": "iam:CreateRole",
        "trust_policy": document(statement),
        "existing_principals": existing,
    }
    malformed = ("MalformedPolicyDocument", 400, f'Invalid principal in policy: "AWS":"{refused}"')

    assert error(step) == (malformed if refused else None)


def test_create_role_knows_the_quota_only_at_its_ends():
    def sized(count):
        subjects = [f"system:serviceaccount:dev:app-{number:04}" for number in range(count)]
        policy = issuer_trust(StringEquals={f"{ISSUER}:sub": subjects})
        return answer({"action": "iam:CreateRole", "trust_policy": policy})

    assert sized(30)["decision"] == "allow"
    assert sized(100)["steps"][0]["missing"] == [
        "the account's quota for trust policies: this one has 4043 characters"
    ]
    assert sized(300)["error"] == {
        "code": "LimitExceeded",
        "http": 409,
        "message": "Cannot exceed quota for ACLSizePerRole: 2048",
    }


@pytest.mark.parametrize(
    ("steps", "changed", "missing"),
    [
        ([web_identity_step()], {"now": None}, ["now"]),
        ([web_identity_step()], {"oidc_providers": None}, ["oidc_providers"]),
        (
            [web_identity_step()],
            {"oidc_providers": provider(client_ids=None)},
            [f"client_ids of the OIDC provider https://{ISSUER}"],
        ),
        ([web_identity_step(token=None)], {}, ["steps[1].token"]),
        ([web_identity_step(trust_policy=None)], {}, ["steps[1].trust_policy"]),
        ([web_identity_step(duration_seconds=3601)], {}, ["steps[1].max_session_duration"]),
        (
            [
                web_identity_step(
                    role_session_name=None,
                    trust_policy=issuer_trust(StringLike={"sts:RoleSessionName": "a*"}),
                )
            ],
            {},
            ["condition key sts:RoleSessionName"],
        ),
        (
            [
                web_identity_step(
                    trust_policy=issuer_trust(IpAddress={"aws:SourceIp": "10.0.0.0/8"})
                )
            ],
            {},
            ["condition key aws:SourceIp"],
        ),
        ([web_identity_step(), assume_step(trust_policy=None)], {}, ["steps[2].trust_policy"]),
        ([assume_step(principal=None)], {}, ["steps[1].principal"]),
        ([assume_step(identity_policies=None)], {}, ["steps[1].identity_policies"]),
        (
            [assume_step(trust_policy=document(trust({"AWS": "AROAEXAMPLE1"})))],
            {},
            [f"principal_id of {ROLE_A}"],
        ),
        (
            [assume_step(chained=False, duration_seconds=7200)],
            {},
            ["steps[1].max_session_duration"],
        ),
        (
            [
                assume_step(
                    trust_policy=document(trust({"AWS": ROLE_A}, Condition={"Foo": {"a": "b"}}))
                )
            ],
            {},
            ["condition operator Foo"],
        ),
        (
            [list_step(principal=SESSION_A, resource_account=None)],
            {},
            ["steps[1].resource_account"],
        ),
        ([list_step(principal=None)], {}, ["steps[1].principal"]),
        ([{"action": "iam:CreateRole", "trust_policy": None}], {}, ["steps[1].trust_policy"]),
    ],
)
def test_a_missing_fact_is_named_and_never_allows(steps, changed, missing):
    found = answer(*steps, **changed)

    assert (found["decision"], found["failing_step"], found["error"]) == (
        "unknown",
        len(steps),
        None,
    )
    assert found["steps"][-1]["missing"] == missing
    assert [f"missing fact: {fact}" for fact in missing] == [
        reason for reason in found["steps"][-1]["reasons"] if reason.startswith("missing fact")
    ]


def test_a_step_that_is_refused_in_any_case_makes_an_undecided_chain_certain():
    found = answer(web_identity_step(trust_policy=None), assume_step(identity_policies=[]))

    assert [found["decision"], found["failing_step"]] == ["deny", 2]
    assert [step["decision"] for step in found["steps"]] == ["unknown", "deny"]


@pytest.mark.parametrize(
    "changed",
    [
        {"token": token(exp=1)},
        {"token": token(sub=None)},
        {"token": token(signature="tampered")},
        {"duration_seconds": 899},
        {"duration_seconds": 7200, "max_session_duration": 3600},
        {"role_exists": False},
    ],
)
def test_a_missing_fact_that_could_change_nothing_leaves_a_denial(changed):
    step = web_identity_step(trust_policy=None, **changed)

    assert (decision(step), decision(step, oidc_providers=None)) == ("deny", "deny")


def test_a_trust_policy_that_refuses_needs_no_other_fact():
    step = web_identity_step(trust_policy=document(), duration_seconds=7200)

    assert decision(step, oidc_providers=None, now=None) == "deny"


def test_a_step_without_principal_is_made_by_the_session_of_the_step_before():
    chained = assume_step(principal=None)
    own = list_step(principal=None, resource_account=ACCOUNT_B)
    more = list_step(principal=None, resource_account=ACCOUNT_B)
    foreign = list_step(principal=None, resource_account=ACCOUNT_A)
    role_b = f"arn:aws:sts::{ACCOUNT_B}:assumed-role/s3-app-B/xactarget"

    assert decision(web_identity_step(), chained, own, more) == "allow"
    assert error(web_identity_step(), chained, own, foreign) == (
        "AccessDenied",
        403,
        f"User: {role_b} is not authorized to perform: s3:ListBucket "
        "on resource: arn:aws:s3:::bucket-s3-app",
    )
    assert error(web_identity_step(), chained | {"duration_seconds": 3601})[2] == CHAINED


def test_a_session_keeps_its_roles_path_and_takes_its_id_from_the_step():
    first = web_identity_step(resource=PATHED)
    by_path = assume_step(principal=None, trust_policy=document(trust({"AWS": PATHED})))
    by_id = assume_step(principal=None, trust_policy=document(trust({"AWS": "AROAEXAMPLE1"})))

    assert decision(first, by_path) == "allow"
    assert decision(first, by_id) == "unknown"
    assert decision(first, by_id | {"principal_id": "AROAEXAMPLE1"}) == "allow"
    assert decision(first, by_id | {"principal_id": "AROAEXAMPLE2"}) == "deny"


TLS_ONLY = document(
    {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
)
B_SESSION = {"principal": f"arn:aws:sts::{ACCOUNT_B}:assumed-role/s3-app-B/x"}


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "allow"),
        ({"resource_account": ACCOUNT_A}, "deny"),
        ({"resource_policy": TLS_ONLY}, "unknown"),
        ({"resource_policy": TLS_ONLY, "context": {"aws:SecureTransport": "true"}}, "allow"),
        ({"resource_policy": TLS_ONLY, "context": {"aws:SecureTransport": False}}, "deny"),
        ({"resource_policy": TLS_ONLY, "context": {"aws:SecureTransport": None}}, "allow"),
        ({"action": "s3:GetObject"}, "deny"),
        ({"resource": "arn:aws:s3:::bucket-s3-app/key"}, "deny"),
        ({"permissions_boundary": document(allow("sts:*", "*"))}, "deny"),
        ({"resource": "arn:aws-cn:s3:::bucket-s3-app"}, "deny"),
        ({"action": "sts:GetCallerIdentity", "resource": "*", "identity_policies": []}, "allow"),
        ({"action": "kms:Decrypt", "identity_policies": [document(allow("*", "*"))]}, "deny"),
    ],
)
def test_a_data_call_is_decided_by_the_policies_of_caller_and_resource(changed, verdict):
    assert decision(list_step(**B_SESSION, **changed)) == verdict


@pytest.mark.parametrize(
    ("condition", "context", "verdict"),
    [
        ({"StringLike": {"s3:prefix": "home/*"}}, {"s3:prefix": "home/x"}, "allow"),
        ({"StringLike": {"s3:prefix": "home/*"}}, {"s3:prefix": ["home/x"]}, "allow"),
        ({"StringLike": {"s3:prefix": "home/*"}}, {"s3:prefix": "away"}, "deny"),
        ({"StringLike": {"s3:prefix": "home/*"}}, {}, "deny"),
        ({"StringLike": {"s3:prefix": "home/*"}}, None, "unknown"),
        ({"StringEquals": {"aws:PrincipalTag/team": "red"}}, None, "deny"),
        (
            {"StringEquals": {"aws:PrincipalTag/Team": "red"}},
            {"AWS:principaltag/team": "red"},
            "allow",
        ),
        ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT_B}}, None, "allow"),
        ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT_A}}, None, "deny"),
        ({"StringEquals": {"aws:PrincipalType": "AssumedRole"}}, None, "allow"),
        ({"StringEquals": {"aws:ResourceAccount": ACCOUNT_B}}, None, "allow"),
        ({"StringLike": {"aws:userid": "*:x"}}, None, "unknown"),
        ({"Null": {"aws:username": "true"}}, None, "allow"),
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, {}, "unknown"),
        ({"Bool": {"aws:ViaAWSService": "true"}}, {}, "deny"),
        ({"Bool": {"aws:PrincipalIsAWSService": "true"}}, {}, "deny"),
        ({"StringEquals": {"kms:ViaService": "s3"}}, None, "deny"),
        ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, {"s3:max-keys": 10}, "allow"),
        ({"NumericLessThanEquals": {"s3:max-keys": 10}}, {"s3:max-keys": 11}, "deny"),
        ({"DateLessThan": {"aws:CurrentTime": "2026-11-25T00:00:00Z"}}, None, "allow"),
        ({"DateGreaterThan": {"aws:CurrentTime": "2026-11-25T00:00:00Z"}}, None, "deny"),
        ({"NumericLessThan": {"aws:EpochTime": NOW}}, None, "deny"),
    ],
)
def test_condition_keys_come_from_the_step_its_caller_and_the_clock(condition, context, verdict):
    policy = document(allow("s3:*", "*", Condition=condition))

    assert decision(list_step(**B_SESSION, identity_policies=[policy], context=context)) == verdict


def changed(*path, value):
    """The allowed scenario with the value at ``path`` (indices from 0) replaced."""
    found = copy.deepcopy(scenario(web_identity_step(), assume_step(), list_step()))
    place = found
    for each in path[:-1]:
        place = place[each]
    place[path[-1]] = value
    return json.dumps(found)


POLICY = ("steps", 1, "identity_policies", 0, "Statement", 0)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("[]", "a list is not a JSON object"),
        ("{}", "steps: missing"),
        ('{"steps": []}', "steps: an empty list; a scenario has at least one step"),
        ('{"steps": [1]}', "steps[1]: 1 is not a JSON object"),
        ('{"now": 1, "now": 2}', "now: given twice in one object"),
        ('{"now": NaN}', "not JSON: NaN is no number"),
        ('{"now": -Infinity}', "not JSON: -Infinity is no number"),
        ("[" * 100_000, "not readable: nested too deep"),
        (
            changed("now", value=1e999).replace("Infinity", "1e999"),
            "now: a number out of range is not a number of seconds since the epoch",
        ),
        (
            '{"steps": [1], "now": ' + "9" * 5000 + "}",
            "now: a number out of range is not a number of seconds since the epoch",
        ),
        (changed("now", value=True), "now: true is not a number of seconds since the epoch"),
        (
            changed("extra", value=1),
            "extra: unknown field; known are jwks, now, oidc_providers, steps",
        ),
        (changed("jwks", value={"keys": [1]}), "jwks.keys[1]: 1 is not a JSON object"),
        (changed("jwks", value={}), "jwks.keys: null is not a list"),
        (
            changed("oidc_providers", 0, "account", value="1"),
            'oidc_providers[1].account: "1" is not an account id of 12 digits',
        ),
        (
            changed("oidc_providers", 0, "client_ids", value=[1]),
            "oidc_providers[1].client_ids[1]: 1 is not a string",
        ),
        (
            changed("oidc_providers", 0, "reachable", value="no"),
            'oidc_providers[1].reachable: "no" is not true or false',
        ),
        (
            changed("steps", 0, "token", "exp", value="soon"),
            'steps[1].token.exp: "soon" is not a number of seconds since the epoch',
        ),
        (
            changed("steps", 0, "token", "aud", value=[1]),
            "steps[1].token.aud[1]: 1 is not a string",
        ),
        (
            changed("steps", 0, "token", "sub", value={}),
            "steps[1].token.sub: an object is not a string",
        ),
        (
            changed("steps", 0, "token", "signature", value="odd"),
            'steps[1].token.signature: "odd" is none of valid, unknown_key, tampered, alg_none, '
            "hs256_with_public_key",
        ),
        (
            changed("steps", 0, "trust_policy", value=[]),
            "steps[1].trust_policy: a list is not a JSON object",
        ),
        (
            changed("steps", 0, "action", value="AssumeRole"),
            'steps[1].action: "AssumeRole" is not an action like s3:GetObject',
        ),
        (
            changed("steps", 0, "action", value="s3:*"),
            'steps[1].action: "s3:*" is not an action like s3:GetObject',
        ),
        (changed("steps", 0, "action", value=None), "steps[1].action: missing"),
        (
            changed("steps", 0, "action", value="sts:AssumeRoleWithSAML"),
            "steps[1].action: SAML is not modelled here",
        ),
        (changed("steps", 0, "resource", value=None), "steps[1].resource: missing"),
        (
            changed("steps", 1, "principal", value="bob"),
            "steps[2].principal: 'bob' is neither the ARN of a session, user, role or account root "
            "nor a service's name",
        ),
        (
            changed("steps", 1, "duration_seconds", value=1.5),
            "steps[2].duration_seconds: 1.5 is not a whole number",
        ),
        (changed("steps", 1, "chained", value=0), "steps[2].chained: 0 is not true or false"),
        (
            changed("steps", 1, "external_id", value="x" * 20_001),
            "steps[2].external_id: 20001 characters, more than 20000",
        ),
        (
            changed("steps", 1, "identity_policies", value={}),
            "steps[2].identity_policies: an object is not a list",
        ),
        (
            changed(*POLICY, "Effect", value="allow"),
            "steps[2].identity_policies[1].Statement[1].Effect: 'allow' is neither 'Allow' nor 'Deny'",
        ),
        (
            changed(*POLICY, "Principal", value="*"),
            "steps[2].identity_policies[1].Statement[1].Principal: only trust and resource policies have it",
        ),
        (
            changed(*POLICY, "Action", value="AssumeRole"),
            "steps[2].identity_policies[1].Statement[1].Action: 'AssumeRole' is no action",
        ),
        (
            changed(*POLICY, "Resource", value=[]),
            "steps[2].identity_policies[1].Statement[1].Resource: an empty list",
        ),
        (
            changed(*POLICY, "Condition", value={"StringEquals": {"a": [[]]}}),
            "steps[2].identity_policies[1].Statement[1].Condition.StringEquals.a: "
            "a list is not a string, number or boolean",
        ),
        (
            changed("steps", 2, "context", "s3:prefix", value={}),
            "steps[3].context.s3:prefix: an object is not a string, number, boolean or list of them",
        ),
        (
            changed("steps", 2, "context", "S3:Prefix", value="x"),
            "steps[3].context.S3:Prefix: given twice (condition keys ignore case)",
        ),
        (
            changed("steps", 2, "rol\n\u202e", value=1),
            "steps[3].rol\\n\\u202e: unknown field; known are",
        ),
    ],
)
def test_bad_input_is_one_line_that_names_the_field(text, line, tmp_path, capsys):
    file = tmp_path / "scenario.json"
    file.write_text(text)

    assert main(["decide", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"irsa decide: {line}")
    assert err.count("\n") == 1


def test_a_file_that_cannot_be_read_is_one_line(tmp_path, capsys):
    latin = tmp_path / "latin"
    latin.write_bytes(b'{"now": "\xe9"}')

    assert [main(["decide", str(file)]) for file in (tmp_path / "none", tmp_path, latin)] == [
        2,
        2,
        2,
    ]
    assert capsys.readouterr().err.splitlines() == [
        f"irsa decide: {tmp_path / 'none'}: cannot be read: No such file or directory",
        f"irsa decide: {tmp_path}: cannot be read: Is a directory",
        "irsa decide: not UTF-8: byte 10 is 0xe9",
    ]


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([web_identity_step()], 0),
        ([web_identity_step(token=token(exp=1))], 1),
        ([web_identity_step(trust_policy=None)], 3),
    ],
)
def test_the_exit_code_says_what_the_answer_says(steps, code, tmp_path, capsys):
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps(scenario(*steps)))

    assert main(["decide", "--output", "json", str(file)]) == code
    assert json.loads(capsys.readouterr().out) == answer(*steps)


@pytest.mark.parametrize(
    "arguments", [[], ["decide"], ["decide", "a", "b"], ["decide", "--x", "a"], ["other"]]
)
def test_wrong_usage_exits_2(arguments, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().out == ""


def test_help_is_no_error(capsys):
    assert (main(["--help"]), main(["decide", "--help"])) == (0, 0)
    assert "usage: python -m irsa decide FILE" in capsys.readouterr().out


def test_a_policy_of_ten_thousand_statements_is_answered():
    statements = [
        WEB_IDENTITY_STATEMENT | {"Condition": {"StringEquals": {f"{ISSUER}:sub": f"other-{n}"}}}
        for n in range(10_000)
    ]
    found = answer(web_identity_step(trust_policy=document(*statements, WEB_IDENTITY_STATEMENT)))

    assert (found["decision"], len(found["steps"][0]["reasons"])) == ("allow", 10_001)
