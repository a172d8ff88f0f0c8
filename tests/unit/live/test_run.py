"""A run's names, its folder, and whose environment it works in."""

import stat

import pytest

from tests.live import price
from tests.live.run import Account, Refused, Run, subnets_of, write_private
from tests.support.paths import ROOT


class Ec2:
    """A client that describes one account's networks."""

    def __init__(self, *subnets):
        self._subnets = subnets

    def describe_vpcs(self):
        return {
            "Vpcs": [{"VpcId": "vpc-d", "IsDefault": True}, {"VpcId": "vpc-o", "IsDefault": False}]
        }

    def describe_subnets(self):
        names = (
            "SubnetId",
            "VpcId",
            "AvailabilityZone",
            "AvailabilityZoneId",
            "MapPublicIpOnLaunch",
        )
        return {"Subnets": [dict(zip(names, each, strict=True)) for each in self._subnets]}


class Session:
    def __init__(self, client):
        self._client = client

    def client(self, service, config):
        return self._client


@pytest.fixture
def run(tmp_path):
    return run_with(tmp_path)


def run_with(folder, client=None):
    a, b = (
        Account(profile, account, f"arn:aws:iam::{account}:user/me", Session(client))
        for profile, account in (("a", "1" * 12), ("b", "2" * 12))
    )
    return Run("abcdefgh", "us-east-1", a, b, folder / "runs" / "abcdefgh")


def test_the_environment_is_the_caller_s_but_for_who_somebody_is(run):
    caller = {
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "AWS_CA_BUNDLE": "/ca.pem",
        "AWS_CONFIG_FILE": "/profiles",
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_SESSION_TOKEN": "t",
        "AWS_PROFILE": "mine",
        "AWS_ROLE_ARN": "arn:aws:iam::333333333333:role/mine",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/",
        "KUBECONFIG": "/mine",
        "PATH": "/usr/bin",
    }

    environment = run.environment(caller)

    assert environment.pop("PATH").startswith("/usr/bin:")
    assert environment == {
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "AWS_CA_BUNDLE": "/ca.pem",
        "AWS_CONFIG_FILE": "/profiles",
        "AWS_PROFILE": "a",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "KUBECONFIG": str(run.kubeconfig),
    }


def test_a_run_s_folder_is_private_and_only_its_reports_stay(run):
    run.begin()
    write_private(run.folder / "report.md", "text")

    assert stat.S_IMODE(run.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((run.private / "passphrase").stat().st_mode) == 0o600
    assert stat.S_IMODE((run.folder / "report.md").stat().st_mode) == 0o600
    run.forget()
    assert [file.name for file in run.folder.iterdir()] == ["report.md"]


@pytest.mark.parametrize("run_id", ["../../etc", "abcdefg", "abcdefghi", "ABCDEFGH"])
def test_only_a_run_s_id_is_taken_for_one(run_id):
    with pytest.raises(Refused, match="is not a run's id"):
        Run.of(("a", "b"), "us-east-1", run_id=run_id)


def test_the_cluster_goes_into_two_public_subnets_of_the_default_vpc(tmp_path):
    ec2 = Ec2(
        ("subnet-c", "vpc-d", "us-east-1c", "use1-az6", True),
        ("subnet-e", "vpc-d", "us-east-1a", "use1-az3", True),  # EKS is not there
        ("subnet-o", "vpc-o", "us-east-1a", "use1-az1", True),
        ("subnet-p", "vpc-d", "us-east-1a", "use1-az1", False),
        ("subnet-b", "vpc-d", "us-east-1b", "use1-az2", True),
    )

    assert subnets_of(run_with(tmp_path, ec2), []) == ["subnet-b", "subnet-c"]


def test_without_a_default_vpc_the_subnets_must_be_given(tmp_path):
    run = run_with(tmp_path, Ec2(("subnet-b", "vpc-o", "us-east-1b", "use1-az2", True)))

    with pytest.raises(Refused, match="has no default VPC in us-east-1 with public"):
        subnets_of(run, [])
    assert subnets_of(run, ["subnet-1", "subnet-2"]) == ["subnet-1", "subnet-2"]


def test_the_estimate_adds_up_and_says_what_to_type_when_something_stays():
    text = price.estimate("abcdefgh")

    assert round(price.AN_HOUR, 2) == 0.15
    assert "$0.15 an hour; a run takes about 40 minutes: $0.10" in text
    assert "$3.59 a day until `make test-aws CLEAN=abcdefgh" in text
    assert all(each.page in text for each in price.PRICES)


def test_the_document_has_the_same_prices():
    text = (ROOT / "docs" / "live.md").read_text()

    for each in price.PRICES:
        [row] = [line for line in text.splitlines() if each.page in line]
        assert float(row.rstrip("| ").rpartition("| ")[2]) == each.an_hour
    assert f"about {price.AN_HOUR * price.MINUTES / 60:.2f} dollars" in text
    assert f"about {price.MINUTES} minutes" in text
