"""IAM in front of MiniStack's: trust policies, OIDC providers and limits as AWS keeps them."""

from datetime import UTC, datetime

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from tests.sandbox.support.aws_harness import ROLE_ARN, Aws, allow, refusal, trust, trusting
from tests.support.world import BUCKET, ISSUER, PROVIDER_ARN, ROLE_B_ARN, SUBJECT

pytestmark = pytest.mark.usefixtures("restored")

TO_ROLE_B = {"RoleArn": ROLE_B_ARN, "RoleSessionName": "xactarget"}
INLINE = {"RoleName": "s3-app", "PolicyName": "s3-app"}
OF_AWS = "arn:aws:iam::aws:policy"


def test_a_trust_policy_names_principals_that_exist(iam, iam_b):
    def principal(account, name):
        role = account.get_role(RoleName=name)["Role"]
        return role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]

    missing = f"arn:aws:iam::{ACCOUNT_A}:role/missing"
    user = iam.create_user(UserName="s3-manager")["User"]
    policy = trusting([user["Arn"], ROLE_ARN])
    iam.create_role(RoleName="for-user", AssumeRolePolicyDocument=policy)
    iam.delete_user(UserName="s3-manager")
    assert principal(iam, "for-user") == {"AWS": [user["UserId"], ROLE_ARN]}
    invalid = f'Invalid principal in policy: "AWS":"{missing}"'
    expected = (400, "MalformedPolicyDocument", invalid)
    new = {"RoleName": "early", "AssumeRolePolicyDocument": trusting(missing)}
    change = {"RoleName": "s3-app-B", "PolicyDocument": trusting([ROLE_ARN, missing])}
    assert refusal(iam_b.create_role, **new) == expected
    assert refusal(iam_b.update_assume_role_policy, **change) == expected
    for text, words in (
        ("{", "This policy contains invalid Json"),
        ("[]", "Syntax errors in policy."),
        (trusting("*", Resource="*"), "Has prohibited field Resource"),
    ):
        refused = refusal(iam_b.create_role, RoleName="early", AssumeRolePolicyDocument=text)
        assert refused == (400, "MalformedPolicyDocument", words)
    assert "early" not in [role["RoleName"] for role in iam_b.list_roles()["Roles"]]
    assert principal(iam_b, "s3-app-B") == {"AWS": ROLE_ARN}


@pytest.mark.cases(("text", "words"), {
    "no JSON": ("{", "This policy contains invalid Json"),
    "a Sid with a hyphen": (allow("s3:*", "*").replace('"Effect"', '"Sid": "a-b", "Effect"'),
        ("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
        "expression [0-9A-Za-z]*")),
    "a principal": (trusting("*"), "Policy document should not specify a principal."),
})  # fmt: skip
def test_a_permissions_policy_is_one_that_iam_stores(iam, text, words):
    refused = (400, "MalformedPolicyDocument", words)
    assert refusal(iam.put_role_policy, **INLINE, PolicyDocument=text) == refused
    assert refusal(iam.create_policy, PolicyName="made", PolicyDocument=text) == refused


def test_a_managed_policy_is_of_the_version_of_2012(iam):
    old = allow("s3:*", "*").replace("2012", "2008")
    words = "Policy document must be version 2012-10-17 or greater."
    refused = (400, "MalformedPolicyDocument", words)
    assert refusal(iam.create_policy, PolicyName="made", PolicyDocument=old) == refused
    iam.put_role_policy(**INLINE, PolicyDocument=old)


def test_an_issuer_has_one_provider_in_an_account_and_an_https_url(aws: Aws, iam, iam_b):
    provider = {"OpenIDConnectProviderArn": PROVIDER_ARN}
    url = f"https://{ISSUER}"
    exists = f"Provider with url {url} already exists."
    create = iam.create_open_id_connect_provider
    assert refusal(create, Url=url) == (409, "EntityAlreadyExists", exists)
    made = iam_b.create_open_id_connect_provider(Url=url)["OpenIDConnectProviderArn"]
    assert made == f"arn:aws:iam::{ACCOUNT_B}:oidc-provider/{ISSUER}"
    invalid = (400, "InvalidInput", "Invalid Open ID Connect Provider URL")
    assert [refusal(create, Url=wrong) for wrong in (f"http://{ISSUER}", ISSUER)] == [invalid] * 2
    arn = f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/none"
    change = {"OpenIDConnectProviderArn": arn, "ClientID": "vault"}
    missing = (404, "NoSuchEntity", f"OpenIDConnect Provider not found for arn {arn}")
    assert refusal(iam.add_client_id_to_open_id_connect_provider, **change) == missing
    for _ in range(2):  # again is no error
        iam.add_client_id_to_open_id_connect_provider(**provider, ClientID="third")
    iam.remove_client_id_from_open_id_connect_provider(**provider, ClientID="sts.amazonaws.com")
    assert refusal(aws.assume) == (400, "InvalidIdentityToken", "Incorrect token audience")


def test_policies_have_a_size_without_counting_spaces(iam):
    def sized(size: int) -> str:
        empty = allow("s3:*", "arn:aws:s3:::").replace(" ", "")
        return allow("s3:*", "arn:aws:s3:::" + "x" * (size - len(empty)))

    made = iam.create_policy(PolicyName="largest", PolicyDocument=sized(6144))["Policy"]["Arn"]
    too_large = (409, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
    large = {"PolicyDocument": sized(6145)}
    assert refusal(iam.create_policy, PolicyName="larger", **large) == too_large
    assert refusal(iam.create_policy_version, PolicyArn=made, **large) == too_large
    spare = 2048 - len(trusting("*", Sid="").replace(" ", ""))
    long = {"RoleName": "long", "AssumeRolePolicyDocument": trusting("*", Sid="x" * spare)}
    iam.create_role(**long)
    longer = {**long, "AssumeRolePolicyDocument": trusting("*", Sid="x" * (spare + 1))}
    exceeded = "Cannot exceed quota for ACLSizePerRole: 2048"
    assert refusal(iam.create_role, **longer) == (409, "LimitExceeded", exceeded)
    for size in (9000, 10000):  # the second replaces the first
        iam.put_role_policy(**INLINE, PolicyDocument=sized(size))
    exceeded = "Maximum policy size of 10240 bytes exceeded for role s3-app"
    second = {**INLINE, "PolicyName": "second", "PolicyDocument": sized(241)}
    assert refusal(iam.put_role_policy, **second) == (409, "LimitExceeded", exceeded)


def test_names_and_durations_are_within_the_limits_of_the_api(iam):
    role = {"RoleName": "x" * 65, "AssumeRolePolicyDocument": trusting(ROLE_ARN)}
    message = (
        f"2 validation errors detected: Value '{'x' * 65}' at 'roleName' failed to satisfy "
        "constraint: Member must have length less than or equal to 64; Value '43201' at "
        "'maxSessionDuration' failed to satisfy constraint: Member must have value less than "
        "or equal to 43200"
    )
    refused = refusal(iam.create_role, **role, MaxSessionDuration=43201)
    assert refused[1:] == ("ValidationError", message)
    message = (
        "1 validation error detected: Value 'a user' at 'userName' failed to satisfy "
        r"constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+"
    )
    assert refusal(iam.create_user, UserName="a user")[1:] == ("ValidationError", message)


def test_the_principal_arn_of_a_session_is_its_role(aws: Aws, iam_b):
    sts = aws.session()("sts")
    without_path = f"arn:aws:iam::{ACCOUNT_A}:role/s3-app"
    for arn in (without_path, f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app/app", ROLE_ARN):
        condition = {"ArnEquals": {"aws:PrincipalArn": arn}}
        policy = trusting(f"arn:aws:iam::{ACCOUNT_A}:root", Condition=condition)
        iam_b.update_assume_role_policy(RoleName="s3-app-B", PolicyDocument=policy)
        if arn != ROLE_ARN:
            assert refusal(sts.assume_role, **TO_ROLE_B)[1] == "AccessDenied"
    assert "Credentials" in sts.assume_role(**TO_ROLE_B)


def test_the_default_version_of_a_policy_decides(aws: Aws, iam):
    iam.delete_role_policy(**INLINE)
    nothing, read = allow("sqs:*", "*"), allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}")
    policy = iam.create_policy(PolicyName="versions", PolicyDocument=nothing)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="s3-app", PolicyArn=policy)
    workload, at = aws.session()("s3"), {"PolicyArn": policy}
    made = iam.create_policy_version(**at, PolicyDocument=read, SetAsDefault=False)
    version = made["PolicyVersion"]["VersionId"]
    assert refusal(workload.list_objects_v2, Bucket=BUCKET)[1] == "AccessDenied"
    iam.set_default_policy_version(**at, VersionId=version)
    assert workload.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    versions = iam.list_policy_versions(**at)["Versions"]
    assert [v["VersionId"] for v in versions if v["IsDefaultVersion"]] == [version]
    for wrong in ({**at, "VersionId": "v9"}, {"PolicyArn": f"{policy}-other", "VersionId": "v1"}):
        assert refusal(iam.set_default_policy_version, **wrong)[:2] == (404, "NoSuchEntity")
    assert iam.get_policy(**at)["Policy"]["DefaultVersionId"] == version


def test_authorization_details_show_boundary_and_last_use(aws: Aws, iam):
    boundary = iam.create_policy(PolicyName="b", PolicyDocument=allow("s3:*", "*"))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="s3-app", PermissionsBoundary=boundary)
    iam.create_role(RoleName="unused", AssumeRolePolicyDocument=trust(sub=SUBJECT))
    aws.assume()
    page = iam.get_account_authorization_details(Filter=["Role"])
    roles = {role["RoleName"]: role for role in page["RoleDetailList"]}
    last_used = roles["s3-app"]["RoleLastUsed"]
    assert roles["unused"]["RoleLastUsed"] == {}
    assert last_used["Region"] == "us-east-1"
    assert (datetime.now(UTC) - last_used["LastUsedDate"]).total_seconds() < 60
    assert roles["s3-app"]["PermissionsBoundary"] == {
        "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
        "PermissionsBoundaryArn": boundary,
    }


@pytest.mark.parametrize(
    ("arn", "meant"),
    [
        (f"{OF_AWS}/AmazonS3ReadOnlyAcces", "AmazonS3ReadOnlyAccess"),
        (f"{OF_AWS}/AmazonEBSCSIDriverPolicy", "service-role/AmazonEBSCSIDriverPolicy"),
        (f"arn:aws:iam::{ACCOUNT_A}:policy/missing", ""),
        (f"arn:aws:iam::{ACCOUNT_B}:policy/reads", ""),  # of another account
    ],
)
def test_a_policy_that_does_not_exist_is_neither_attached_nor_a_boundary(iam, iam_b, arn, meant):
    iam_b.create_policy(
        PolicyName="reads", PolicyDocument=allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*")
    )
    iam.create_user(UserName="reports")
    before = iam.get_account_authorization_details()["RoleDetailList"]
    text = f"{arn} does not exist or is not attachable."
    for call, owner, name, what in (
        (iam.attach_role_policy, {"RoleName": "s3-app"}, "PolicyArn", "Policy"),
        (iam.attach_user_policy, {"UserName": "reports"}, "PolicyArn", "Policy"),
        (iam.put_role_permissions_boundary, {"RoleName": "s3-app"}, "PermissionsBoundary",
         "Scope ARN:"),
        (iam.create_user, {"UserName": "new"}, "PermissionsBoundary", "Scope ARN:"),
    ):  # fmt: skip
        status, code, message = refusal(call, **owner, **{name: arn})
        assert (status, code) == (404, "NoSuchEntity")
        assert message.startswith(f"{what} {text}")
        assert meant in message.partition("did you mean ")[2].rstrip("?").split(" or ")
    assert iam.get_account_authorization_details()["RoleDetailList"] == before


def test_policies_of_aws_are_attached_in_every_partition(iam):
    name = "iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"
    arns = {f"arn:{partition}:{name}" for partition in ("aws", "aws-cn", "aws-us-gov")}
    for arn in arns:
        iam.attach_role_policy(RoleName="s3-app", PolicyArn=arn)
    attached = iam.list_attached_role_policies(RoleName="s3-app")["AttachedPolicies"]
    assert {each["PolicyArn"] for each in attached} == arns
