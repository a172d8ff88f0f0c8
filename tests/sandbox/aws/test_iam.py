"""IAM in front of MiniStack's: trust policies and OIDC providers as AWS keeps them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from tests.sandbox.support.aws_harness import (
    ISSUER,
    PROVIDER_ARN,
    ROLE_ARN,
    ROLE_B_ARN,
    SUBJECT,
    Aws,
    allow,
    refusal,
    running_aws,
    trust,
)

pytestmark = pytest.mark.sandbox

MISSING = f"arn:aws:iam::{ACCOUNT_A}:role/missing"


@pytest.fixture
def aws(tmp_path) -> Iterator[Aws]:
    """One for each test: they change the roles that are in it."""
    with running_aws(tmp_path) as aws:
        yield aws


def trusting(*principals: str) -> str:
    named: Any = list(principals) if len(principals) > 1 else principals[0]
    statement = {"Effect": "Allow", "Principal": {"AWS": named}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def shown_trust(aws: Aws, account: str = ACCOUNT_B, name: str = "s3-app-B") -> Any:
    role = aws.emulator.client("iam", account).get_role(RoleName=name)["Role"]
    return role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]


def recreate_role_a(aws: Aws) -> None:
    iam = aws.emulator.client("iam", ACCOUNT_A)
    iam.delete_role_policy(RoleName="s3-app", PolicyName="s3-app")
    iam.delete_role(RoleName="s3-app")
    iam.create_role(
        RoleName="s3-app",
        Path="/team/",
        AssumeRolePolicyDocument=trust(sub=SUBJECT, aud="sts.amazonaws.com"),
    )
    iam.put_role_policy(
        RoleName="s3-app", PolicyName="s3-app", PolicyDocument=allow("sts:*", ROLE_B_ARN)
    )


def chain(aws: Aws) -> dict[str, Any]:
    sts = aws.session()("sts")
    return sts.assume_role(RoleArn=ROLE_B_ARN, RoleSessionName="xactarget")


def test_a_recreated_role_is_another_principal_until_the_trust_policy_is_written_again(aws: Aws):
    assert chain(aws)["AssumedRoleUser"]["Arn"].endswith(":assumed-role/s3-app-B/xactarget")
    unique_id = aws.emulator.client("iam", ACCOUNT_A).get_role(RoleName="s3-app")["Role"]["RoleId"]
    assert shown_trust(aws) == {"AWS": ROLE_ARN}

    recreate_role_a(aws)
    assert shown_trust(aws) == {"AWS": unique_id}
    assert refusal(lambda: chain(aws)) == (
        403,
        "AccessDenied",
        (
            f"User: arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app/app is not authorized to perform: "
            f"sts:AssumeRole on resource: {ROLE_B_ARN}"
        ),
    )

    aws.emulator.client("iam", ACCOUNT_B).update_assume_role_policy(
        RoleName="s3-app-B", PolicyDocument=trusting(ROLE_ARN)
    )
    assert shown_trust(aws) == {"AWS": ROLE_ARN}
    assert chain(aws)["AssumedRoleUser"]["Arn"].endswith(":assumed-role/s3-app-B/xactarget")


def test_a_deleted_user_leaves_its_id_in_trust_policies(aws: Aws):
    iam = aws.emulator.client("iam", ACCOUNT_A)
    user = iam.create_user(UserName="s3-manager")["User"]
    policy = trusting(user["Arn"], ROLE_ARN)
    iam.create_role(RoleName="for-user", AssumeRolePolicyDocument=policy)
    iam.delete_user(UserName="s3-manager")
    assert shown_trust(aws, ACCOUNT_A, "for-user") == {"AWS": [user["UserId"], ROLE_ARN]}


def test_a_role_that_could_not_be_deleted_is_still_the_same_principal(aws: Aws):
    iam = aws.emulator.client("iam", ACCOUNT_A)
    assert refusal(lambda: iam.delete_role(RoleName="s3-app"))[:2] == (409, "DeleteConflict")
    assert shown_trust(aws) == {"AWS": ROLE_ARN}


def test_a_role_cannot_trust_one_that_does_not_exist_yet(aws: Aws):
    iam = aws.emulator.client("iam", ACCOUNT_B)
    expected = (
        400,
        "MalformedPolicyDocument",
        f'Invalid principal in policy: "AWS":"{MISSING}"',
    )
    new = {"RoleName": "early", "AssumeRolePolicyDocument": trusting(MISSING)}
    assert refusal(lambda: iam.create_role(**new)) == expected
    change = {"RoleName": "s3-app-B", "PolicyDocument": trusting(ROLE_ARN, MISSING)}
    assert refusal(lambda: iam.update_assume_role_policy(**change)) == expected
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == [
        "OrganizationAccountAccessRole",
        "s3-app-B",
    ]
    assert shown_trust(aws) == {"AWS": ROLE_ARN}


def test_audiences_and_tags_of_a_provider_change_in_place(aws: Aws):
    iam = aws.emulator.client("iam", ACCOUNT_A)
    provider = {"OpenIDConnectProviderArn": PROVIDER_ARN}
    iam.add_client_id_to_open_id_connect_provider(**provider, ClientID="third")
    iam.add_client_id_to_open_id_connect_provider(**provider, ClientID="third")
    iam.remove_client_id_from_open_id_connect_provider(**provider, ClientID="vault")
    iam.update_open_id_connect_provider_thumbprint(**provider, ThumbprintList=["a" * 40])
    iam.tag_open_id_connect_provider(
        **provider, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    )
    iam.untag_open_id_connect_provider(**provider, TagKeys=["a"])
    found = iam.get_open_id_connect_provider(**provider)
    shown = ("Url", "ClientIDList", "ThumbprintList", "Tags")
    assert {name: found[name] for name in shown} == {
        "Url": ISSUER,
        "ClientIDList": ["sts.amazonaws.com", "third"],
        "ThumbprintList": ["a" * 40],
        "Tags": [{"Key": "b", "Value": "2"}],
    }


def test_a_removed_audience_is_refused_at_once(aws: Aws):
    aws.emulator.client("iam", ACCOUNT_A).remove_client_id_from_open_id_connect_provider(
        OpenIDConnectProviderArn=PROVIDER_ARN, ClientID="sts.amazonaws.com"
    )
    assert refusal(aws.assume) == (400, "InvalidIdentityToken", "Incorrect token audience")


def test_an_issuer_has_one_provider_in_an_account(aws: Aws):
    url = f"https://{ISSUER}"
    iam = aws.emulator.client("iam", ACCOUNT_A)
    assert refusal(lambda: iam.create_open_id_connect_provider(Url=url)) == (
        409,
        "EntityAlreadyExists",
        f"Provider with url {url} already exists.",
    )
    other = aws.emulator.client("iam", ACCOUNT_B)
    assert other.create_open_id_connect_provider(Url=url)["OpenIDConnectProviderArn"] == (
        f"arn:aws:iam::{ACCOUNT_B}:oidc-provider/{ISSUER}"
    )


@pytest.mark.parametrize("url", [f"http://{ISSUER}", ISSUER], ids=["plain http", "no scheme"])
def test_an_issuer_is_an_https_url(aws: Aws, url):
    iam = aws.emulator.client("iam", ACCOUNT_A)
    assert refusal(lambda: iam.create_open_id_connect_provider(Url=url)) == (
        400,
        "InvalidInput",
        "Invalid Open ID Connect Provider URL",
    )


def test_a_provider_that_is_not_there_cannot_change(aws: Aws):
    arn = f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/none"
    iam = aws.emulator.client("iam", ACCOUNT_A)
    change = {"OpenIDConnectProviderArn": arn, "ClientID": "vault"}
    assert refusal(lambda: iam.add_client_id_to_open_id_connect_provider(**change)) == (
        404,
        "NoSuchEntity",
        f"OpenIDConnect Provider not found for arn {arn}",
    )


def test_a_user_has_two_access_keys_at_most(aws: Aws):
    iam = aws.emulator.client("iam", ACCOUNT_A)
    iam.create_user(UserName="s3-manager")
    first = iam.create_access_key(UserName="s3-manager")["AccessKey"]
    iam.create_access_key(UserName="s3-manager")
    assert refusal(lambda: iam.create_access_key(UserName="s3-manager")) == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for AccessKeysPerUser: 2",
    )
    iam.delete_access_key(UserName="s3-manager", AccessKeyId=first["AccessKeyId"])
    assert iam.create_access_key(UserName="s3-manager")["AccessKey"]["Status"] == "Active"


def test_policies_have_a_size_without_counting_spaces(aws: Aws):
    def sized(size: int) -> str:
        empty = allow("s3:*", "").replace(" ", "")
        return allow("s3:*", "x" * (size - len(empty)))

    iam = aws.emulator.client("iam", ACCOUNT_A)
    made = iam.create_policy(PolicyName="largest", PolicyDocument=sized(6144))["Policy"]
    too_large = (409, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
    assert [
        refusal(lambda: iam.create_policy(PolicyName="larger", PolicyDocument=sized(6145))),
        refusal(
            lambda: iam.create_policy_version(PolicyArn=made["Arn"], PolicyDocument=sized(6145))
        ),
    ] == [too_large, too_large]

    inline = {"RoleName": "s3-app", "PolicyName": "s3-app"}
    iam.put_role_policy(**inline, PolicyDocument=sized(9000))
    iam.put_role_policy(**inline, PolicyDocument=sized(10000))
    second = {"RoleName": "s3-app", "PolicyName": "second", "PolicyDocument": sized(241)}
    assert refusal(lambda: iam.put_role_policy(**second)) == (
        409,
        "LimitExceeded",
        "Maximum policy size of 10240 bytes exceeded for role s3-app",
    )


def test_names_and_durations_are_within_the_limits_of_the_api(aws: Aws):
    iam = aws.emulator.client("iam", ACCOUNT_A)
    role = {"RoleName": "x" * 65, "AssumeRolePolicyDocument": trusting(ROLE_ARN)}
    assert refusal(lambda: iam.create_role(**role, MaxSessionDuration=43201)) == (
        400,
        "ValidationError",
        (
            f"2 validation errors detected: Value '{'x' * 65}' at 'roleName' failed to satisfy "
            "constraint: Member must have length less than or equal to 64; Value '43201' at "
            "'maxSessionDuration' failed to satisfy constraint: Member must have value less than "
            "or equal to 43200"
        ),
    )
    assert refusal(lambda: iam.create_user(UserName="a user")) == (
        400,
        "ValidationError",
        (
            "1 validation error detected: Value 'a user' at 'userName' failed to satisfy "
            r"constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+"
        ),
    )


def test_the_workload_s_role_may_change_nothing_of_this(aws: Aws):
    iam = aws.session()("iam")
    calls = [
        lambda: iam.create_role(RoleName="new", AssumeRolePolicyDocument=trusting(ROLE_ARN)),
        lambda: iam.update_assume_role_policy(RoleName="s3-app", PolicyDocument=trusting(ROLE_ARN)),
        lambda: iam.add_client_id_to_open_id_connect_provider(
            OpenIDConnectProviderArn=PROVIDER_ARN, ClientID="mine"
        ),
        lambda: iam.delete_role(RoleName="s3-app"),
    ]
    assert [refusal(call)[:2] for call in calls] == [(403, "AccessDenied")] * 4


@pytest.mark.parametrize(
    ("principal_arn", "granted"),
    [
        (ROLE_ARN, True),
        (f"arn:aws:iam::{ACCOUNT_A}:role/s3-app", False),
        (f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app/app", False),
        (f"arn:aws:iam::{ACCOUNT_A}:role/team/other", False),
    ],
    ids=["its role", "its role without the path", "the session", "another role"],
)
def test_the_principal_arn_of_a_session_is_its_role(aws: Aws, principal_arn, granted):
    iam = aws.emulator.client("iam", ACCOUNT_B)
    condition = {"ArnEquals": {"aws:PrincipalArn": principal_arn}}
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_A}:root"},
                "Action": "sts:AssumeRole",
                "Condition": condition,
            }
        ],
    }
    iam.update_assume_role_policy(RoleName="s3-app-B", PolicyDocument=json.dumps(document))
    sts = aws.session()("sts")

    request = {"RoleArn": ROLE_B_ARN, "RoleSessionName": "xactarget"}
    if granted:
        assert "Credentials" in sts.assume_role(**request)
    else:
        assert refusal(lambda: sts.assume_role(**request))[1] == "AccessDenied"


def details(aws: Aws, **request: Any) -> Any:
    """Pages of GetAccountAuthorizationDetails in account A, joined by boto3's paginator."""
    iam = aws.emulator.client("iam", ACCOUNT_A)
    size = {"PageSize": request.pop("PageSize")} if "PageSize" in request else {}
    pages = iam.get_paginator("get_account_authorization_details")
    return list(pages.paginate(**request, PaginationConfig=size))


def test_authorization_details_come_in_pages_that_hold_everything_once(aws):
    iam = aws.emulator.client("iam", ACCOUNT_A)
    names = {f"role-{number}" for number in range(5)}
    for name in names:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(sub=SUBJECT))
    iam.create_policy(PolicyName="data", PolicyDocument=allow("s3:*", "*"))

    whole, parts = details(aws, PageSize=1000), details(aws, PageSize=3)

    assert len(whole) == 1
    assert len(parts) == 3
    for kind in ("UserDetailList", "RoleDetailList", "Policies"):
        assert [each for page in parts for each in page[kind]] == whole[0][kind]
    [page] = details(aws, Filter=["Role"], PageSize=1000)
    assert {role["RoleName"] for role in page["RoleDetailList"]} == {*names, "s3-app"}
    assert (page["UserDetailList"], page["Policies"]) == ([], [])
    role = next(each for each in page["RoleDetailList"] if each["RoleName"] == "role-0")
    assert role["AssumeRolePolicyDocument"] == json.loads(trust(sub=SUBJECT))


def test_authorization_details_say_boundary_and_last_use(aws):
    iam = aws.emulator.client("iam", ACCOUNT_A)
    boundary = iam.create_policy(PolicyName="b", PolicyDocument=allow("s3:*", "*"))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="s3-app", PermissionsBoundary=boundary)
    [before] = details(aws, Filter=["Role"])[0]["RoleDetailList"]
    aws.assume()

    [role] = details(aws, Filter=["Role"])[0]["RoleDetailList"]

    assert before["RoleLastUsed"] == {}
    assert role["RoleLastUsed"]["Region"] == "us-east-1"
    assert (datetime.now(UTC) - role["RoleLastUsed"]["LastUsedDate"]).total_seconds() < 60
    assert role["PermissionsBoundary"] == {
        "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
        "PermissionsBoundaryArn": boundary,
    }


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"Filter": ["Roles"]},
            (
                "1 validation error detected: Value '['Roles']' at 'filter' failed to satisfy "
                "constraint: Member must satisfy constraint: [Member must satisfy enum value set: "
                "[User, Role, Group, LocalManagedPolicy, AWSManagedPolicy]]"
            ),
        ),
        ({"Marker": "x"}, "Invalid Marker: x"),
        (
            {"MaxItems": 1001},
            (
                "1 validation error detected: Value '1001' at 'maxItems' failed to satisfy "
                "constraint: Member must have value less than or equal to 1000"
            ),
        ),
    ],
)
def test_authorization_details_refuse_what_iam_refuses(aws, request_, message):
    iam = aws.emulator.client("iam", ACCOUNT_A)

    assert refusal(lambda: iam.get_account_authorization_details(**request_)) == (
        400,
        "ValidationError",
        message,
    )
