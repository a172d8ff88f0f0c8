"""What role A may do: assume role B, and nothing else of all that the components do."""

import ast
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from sandbox.aws.clients import AwsClients
from sandbox.engine.stack import ROOT
from tests.sandbox.support.two_accounts import BUCKET_A, BUCKET_B, OBJECT, ROLE_A, ROLE_B, Pair

pytestmark = pytest.mark.sandbox

PROVIDERS = sorted((ROOT / "sandbox" / "providers").glob("aws_*.py"))
CLIENTS = ("iam", "s3")
DOCUMENT = '{"Version": "2012-10-17", "Statement": []}'
POLICY_ARN = f"arn:aws:iam::{ACCOUNT_A}:policy/s3-app"
OIDC_ARN = f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/example.com"
ROLE = {"RoleName": "s3-app-A"}
USER = {"UserName": "s3-manager"}
POLICY = {"PolicyArn": POLICY_ARN}
OIDC = {"OpenIDConnectProviderArn": OIDC_ARN}
TAGS = {"Tags": [{"Key": "k", "Value": "v"}]}
AES = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}

# Every IAM operation of the aws provider, with a request that is valid.
IAM: dict[str, dict[str, Any]] = {
    "add_client_id_to_open_id_connect_provider": {**OIDC, "ClientID": "x"},
    "attach_role_policy": {**ROLE, **POLICY},
    "attach_user_policy": {**USER, **POLICY},
    "create_access_key": USER,
    "create_open_id_connect_provider": {"Url": "https://example.com"},
    "create_policy": {"PolicyName": "x", "PolicyDocument": DOCUMENT},
    "create_policy_version": {**POLICY, "PolicyDocument": DOCUMENT},
    "create_role": {"RoleName": "x", "AssumeRolePolicyDocument": DOCUMENT},
    "create_user": {"UserName": "x"},
    "delete_access_key": {**USER, "AccessKeyId": "AKIAIOSFODNN7EXAMPLE"},
    "delete_open_id_connect_provider": OIDC,
    "delete_policy": POLICY,
    "delete_policy_version": {**POLICY, "VersionId": "v1"},
    "delete_role": ROLE,
    "delete_role_permissions_boundary": ROLE,
    "delete_role_policy": {**ROLE, "PolicyName": "x"},
    "delete_user": USER,
    "delete_user_permissions_boundary": USER,
    "delete_user_policy": {**USER, "PolicyName": "x"},
    "detach_role_policy": {**ROLE, **POLICY},
    "detach_user_policy": {**USER, **POLICY},
    "get_open_id_connect_provider": OIDC,
    "get_policy": POLICY,
    "get_policy_version": {**POLICY, "VersionId": "v1"},
    "get_role": ROLE,
    "get_role_policy": {**ROLE, "PolicyName": "x"},
    "get_user": USER,
    "list_access_keys": USER,
    "list_attached_role_policies": ROLE,
    "list_attached_user_policies": USER,
    "list_policy_versions": POLICY,
    "list_role_policies": ROLE,
    "list_user_policies": USER,
    "put_role_permissions_boundary": {**ROLE, "PermissionsBoundary": POLICY_ARN},
    "put_role_policy": {**ROLE, "PolicyName": "x", "PolicyDocument": DOCUMENT},
    "put_user_permissions_boundary": {**USER, "PermissionsBoundary": POLICY_ARN},
    "remove_client_id_from_open_id_connect_provider": {**OIDC, "ClientID": "x"},
    "tag_open_id_connect_provider": {**OIDC, **TAGS},
    "tag_policy": {**POLICY, **TAGS},
    "tag_role": {**ROLE, **TAGS},
    "tag_user": {**USER, **TAGS},
    "untag_open_id_connect_provider": {**OIDC, "TagKeys": ["k"]},
    "untag_policy": {**POLICY, "TagKeys": ["k"]},
    "untag_role": {**ROLE, "TagKeys": ["k"]},
    "untag_user": {**USER, "TagKeys": ["k"]},
    "update_access_key": {**USER, "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Inactive"},
    "update_assume_role_policy": {**ROLE, "PolicyDocument": DOCUMENT},
    "update_open_id_connect_provider_thumbprint": {**OIDC, "ThumbprintList": []},
    "update_role": {**ROLE, "Description": "x"},
}

# Every S3 operation of the aws provider, on a bucket that is added.
S3: dict[str, dict[str, Any]] = {
    "create_bucket": {},
    "delete_bucket": {},
    "delete_bucket_encryption": {},
    "delete_bucket_ownership_controls": {},
    "delete_bucket_policy": {},
    "delete_bucket_tagging": {},
    "delete_objects": {"Delete": {"Objects": [{"Key": OBJECT}]}},
    "delete_public_access_block": {},
    "get_bucket_encryption": {},
    "get_bucket_ownership_controls": {},
    "get_bucket_policy": {},
    "get_bucket_tagging": {},
    "get_bucket_versioning": {},
    "get_object": {"Key": OBJECT},
    "get_public_access_block": {},
    "head_bucket": {},
    "list_object_versions": {},
    "list_objects_v2": {},
    "put_bucket_encryption": {"ServerSideEncryptionConfiguration": AES},
    "put_bucket_ownership_controls": {
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    },
    "put_bucket_policy": {"Policy": DOCUMENT},
    "put_bucket_tagging": {"Tagging": {"TagSet": [{"Key": "k", "Value": "v"}]}},
    "put_bucket_versioning": {"VersioningConfiguration": {"Status": "Enabled"}},
    "put_object": {"Key": "x", "Body": b"x"},
    "put_public_access_block": {
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": False},
    },
}


def operations_of_the_provider() -> set[str]:
    """The attributes that the aws provider's code mentions, client methods among them.

    It puts the names of a few together (``attach_``, ``detach_``, ``tag_``, ``untag_`` and
    paginators' operations); those stand in the tables only.
    """
    found: set[str] = set()
    for file in PROVIDERS:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
    return found


@pytest.fixture(scope="module")
def role_a(pair: Pair) -> AwsClients:
    pair.up()
    return pair.as_role_a()


def code(client: Any, operation: str, request: dict[str, Any]) -> str:
    try:
        getattr(client, operation)(**request)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "granted"


def test_the_tables_name_every_operation_of_the_provider(role_a: AwsClients):
    mentioned = operations_of_the_provider()
    for name, table in zip(CLIENTS, (IAM, S3), strict=True):
        operations = {op for op in mentioned if op in role_a(name).meta.method_to_api_mapping}
        assert operations - table.keys() == set(), name


def test_role_a_may_call_nothing_of_iam(role_a: AwsClients):
    iam = role_a("iam")

    assert {op: code(iam, op, request) for op, request in IAM.items()} == dict.fromkeys(
        IAM, "AccessDenied"
    )


@pytest.mark.parametrize("bucket", [BUCKET_A, BUCKET_B])
def test_role_a_may_do_nothing_with_a_bucket_of_either_account(role_a: AwsClients, bucket):
    s3 = role_a("s3")

    codes = {op: code(s3, op, {**request, "Bucket": bucket}) for op, request in S3.items()}
    # A HEAD has no body that could say more.
    assert codes == {**dict.fromkeys(S3, "AccessDenied"), "head_bucket": "403"}


def test_role_a_may_make_no_bucket(role_a: AwsClients):
    assert code(role_a("s3"), "create_bucket", {"Bucket": "bucket-of-nobody"}) == "AccessDenied"


def test_role_a_may_see_nothing_of_the_cluster(role_a: AwsClients):
    eks = role_a("eks")

    assert code(eks, "list_clusters", {}) == "AccessDeniedException"
    assert code(eks, "describe_cluster", {"name": "dev"}) == "AccessDeniedException"


@pytest.mark.parametrize(
    ("role_arn", "expected"),
    [
        (ROLE_B, "granted"),
        (ROLE_A, "AccessDenied"),
        (f"arn:aws:iam::{ACCOUNT_A}:role/s3-app", "AccessDenied"),
        (f"arn:aws:iam::{ACCOUNT_B}:role/OrganizationAccountAccessRole", "AccessDenied"),
        (f"arn:aws:iam::{ACCOUNT_B}:role/s3-app-b", "AccessDenied"),
    ],
    ids=["role-b", "itself", "another-of-a", "the-administrators-of-b", "other-case"],
)
def test_role_a_may_assume_role_b_alone(role_a: AwsClients, role_arn, expected):
    request = {"RoleArn": role_arn, "RoleSessionName": "test"}

    assert code(role_a("sts"), "assume_role", request) == expected
