"""AWS's services under their own host names, through a proxy that leads nowhere else."""

from typing import Any

import httpx2
import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A, REGION
from tests.sandbox.support.aws_harness import BUCKET, HOSTS, Aws

pytestmark = pytest.mark.sandbox


def asked_of(client: Any) -> list[str]:
    """The URLs that a client asks from now on."""
    urls: list[str] = []
    client.meta.events.register("before-send", lambda request, **_: urls.append(request.url))
    return urls


@pytest.mark.parametrize(
    ("service", "call", "host"),
    [
        ("iam", "list_roles", HOSTS["iam"]),
        ("sts", "get_caller_identity", HOSTS["sts"]),
        ("eks", "list_clusters", HOSTS["eks"]),
        ("ec2", "describe_vpcs", HOSTS["ec2"]),
        ("s3", "list_buckets", "s3.amazonaws.com"),
        ("secretsmanager", "list_secrets", HOSTS["secretsmanager"]),
    ],
)
def test_a_client_without_any_setting_of_an_endpoint_is_answered(aws: Aws, service, call, host):
    client = aws.administrator()(service)
    urls = asked_of(client)

    assert getattr(client, call)()["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert [httpx2.URL(url).host for url in urls] == [host]


def test_a_bucket_is_a_host_of_its_own(aws: Aws):
    s3 = aws.administrator()("s3")
    urls = asked_of(s3)

    s3.put_object(Bucket=BUCKET, Key="report/x", Body=b"1")
    assert s3.get_object(Bucket=BUCKET, Key="report/x")["Body"].read() == b"1"

    assert urls == [f"https://{BUCKET}.s3.amazonaws.com/report/x"] * 2


def test_a_bucket_with_a_dot_is_none_as_the_certificate_is_for_one_label(aws: Aws):
    s3 = aws.administrator()("s3")
    s3.create_bucket(Bucket="data.example")  # SDKs put such a name into the path

    with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        aws.http("GET", host="data.example.s3.amazonaws.com")
    s3.delete_bucket(Bucket="data.example")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "example.org", "", "sts.amazonaws.com:1"]
)
def test_a_request_that_names_another_host_than_awss_is_not_looked_at(aws: Aws, host):
    answer = aws.http("POST", headers={"host": host}, content=b"Action=GetCallerIdentity")

    assert (answer.status_code, "UnknownOperation" in answer.text) == (404, True)


@pytest.mark.parametrize(
    ("service", "host"), [("s3", "iam"), ("iam", "s3"), ("sts", "iam"), ("s3", "eks")]
)
def test_a_signature_for_another_service_is_refused(aws: Aws, service, host):
    path = "/?Action=ListRoles&Version=2010-05-08" if host == "iam" else "/"
    administrator = aws.emulator.administrator
    answer = aws.signed("GET", HOSTS[host], path, service=service, credentials=administrator)

    assert answer.status_code == 403
    assert f"Credential should be scoped to correct service: '{host}'" in answer.text


def test_a_presigned_url_of_another_service_is_refused(aws: Aws):
    sts = aws.administrator()("sts")
    url = sts.generate_presigned_url("get_caller_identity", HttpMethod="GET")
    path = url.removeprefix(f"https://{HOSTS['sts']}")
    assert aws.http("GET", path, host=HOSTS["sts"]).status_code == 200

    answer = aws.http("GET", path, host=HOSTS["iam"])

    assert (answer.status_code, "SignatureDoesNotMatch" in answer.text) == (403, True)


def test_s3_control_is_asked_under_the_account(aws: Aws):
    control = aws.administrator()("s3control")
    urls = asked_of(control)
    control.list_tags_for_resource(AccountId=ACCOUNT_A, ResourceArn=f"arn:aws:s3:::{BUCKET}")
    assert [httpx2.URL(url).host for url in urls] == [
        f"{ACCOUNT_A}.s3-control.{REGION}.amazonaws.com"
    ]
