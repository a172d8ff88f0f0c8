"""Host names of AWS's services: their accounts and services, and names without a server here."""

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.session import Session

from irsa_sandbox.aws.hosts import SERVICES, Host, parse_host


@pytest.mark.parametrize(
    ("service", "label", "host"),
    [
        ("iam", "", "iam.amazonaws.com"),
        ("sts", "", "STS.us-east-1.AmazonAWS.com"),
        ("eks-auth", "", "eks-auth.eu-west-1.api.aws"),
        ("s3", "", "s3.us-east-1.amazonaws.com"),
        ("s3", "data", "s3.us-east-1.amazonaws.com"),
        ("s3", "data", "s3.amazonaws.com"),
        ("s3", "my.data", "s3.dualstack.us-east-1.amazonaws.com"),
        ("s3", "s3.us-east-1", "s3.us-east-1.amazonaws.com"),
        ("s3-control", "111122223333", "s3-control.us-east-1.amazonaws.com"),
    ],
)
def test_a_host_says_its_service_and_what_stands_in_front_of_it(service, label, host):
    name = f"{label}.{host}" if label else host
    assert parse_host(name) == Host(service, host.lower(), label)


@pytest.mark.parametrize(
    "name",
    [
        *("", "amazonaws.com", "127.0.0.1", "dynamodb.us-east-1.amazonaws.com"),
        *("eks-auth.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com.example.org"),
        *("evil-s3.us-east-1.amazonaws.com", "data.iam.amazonaws.com", "data s3.amazonaws.com"),
        *("sts.us-esat-1.amazonaws.com", "sts.us-gov-west-1.amazonaws.com"),
        *("sts.cn-north-1.amazonaws.com.cn", "sts.us-east-1.amazonaws.com."),
    ],
)
def test_other_hosts_are_nobodys(name):
    assert parse_host(name) is None


@pytest.mark.parametrize("service", SERVICES)
def test_the_hosts_that_an_sdk_goes_to_are_known(service):
    config = Config(signature_version=UNSIGNED, use_dualstack_endpoint=True)
    client = Session().create_client(service, region_name="eu-central-2", config=config)
    found = parse_host(client.meta.endpoint_url.removeprefix("https://"))
    assert (found and found.service, found and found.label) == (service, "")


def test_a_certificate_is_for_one_label_and_no_more():
    regional = "s3.us-east-1.amazonaws.com"
    assert Host("s3", regional, "my.data").certificate_names == (regional, f"*.{regional}")
    assert Host("iam", "iam.amazonaws.com").certificate_names == ("iam.amazonaws.com",)
