"""One workload's configuration: what it stands for, and what contradicts itself."""

from pathlib import Path

import pytest
import yaml

from components.config.reader import read
from components.config.workloads import WorkloadSettings
from irsa.identity.subjects import ServiceAccountPattern, ServiceAccountRef

MISTAKES = yaml.safe_load(Path(__file__).with_name("workload_mistakes.yaml").read_text())
S3_APP = {
    "name": "s3-app",
    "namespace": "dev",
    "bucket": {"name": "bucket-s3-app"},
    "container": {"image": "app@sha256:0"},
}
ROLE_ONLY = {
    "name": "crossplane",
    "namespace": "crossplane-system",
    "serviceAccountPattern": "aws-provider-*",
}


def workload(config, **changes) -> WorkloadSettings:
    return read(WorkloadSettings, {**config, **changes}, "w")


def refused(config, **changes) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        workload(config, **changes)
    return str(caught.value)


def test_the_workloads_name_is_everybodys_name():
    settings = workload(S3_APP)

    assert settings.service_account_name == "s3-app"
    assert settings.role_name == "s3-app"
    assert settings.subjects == (ServiceAccountRef("dev", "s3-app"),)
    assert settings.audience == "sts.amazonaws.com"
    assert not settings.role_only
    assert settings.bucket is not None
    assert settings.bucket.permissions == "read"


def test_a_pattern_alone_makes_the_role_only():
    settings = workload(ROLE_ONLY)

    assert settings.role_only
    assert settings.subjects == (ServiceAccountPattern("crossplane-system", "aws-provider-*"),)


def test_a_pattern_beside_a_service_account_is_trusted_with_it():
    settings = workload(S3_APP, serviceAccount="main", serviceAccountPattern="job-*")

    assert not settings.role_only
    assert settings.subjects == (
        ServiceAccountRef("dev", "main"),
        ServiceAccountPattern("dev", "job-*"),
    )


def test_further_service_accounts_can_be_trusted():
    trusted = [
        {"namespace": "test", "serviceAccount": "s3-app"},
        {"namespace": "ci", "serviceAccountPattern": "*", "allowWholeNamespace": True},
    ]

    assert workload(S3_APP, role={"alsoTrusted": trusted}).subjects == (
        ServiceAccountRef("dev", "s3-app"),
        ServiceAccountRef("test", "s3-app"),
        ServiceAccountPattern("ci", "*"),
    )


@pytest.mark.parametrize("mistake", MISTAKES["deployed"], ids=lambda mistake: mistake["line"][:40])
def test_a_mistake_in_a_deployed_workload_is_one_line(mistake):
    assert refused(S3_APP, **mistake["changes"]) == mistake["line"]


@pytest.mark.parametrize("mistake", MISTAKES["role_only"], ids=lambda mistake: mistake["line"][:40])
def test_a_mistake_in_a_role_only_workload_is_one_line(mistake):
    assert refused(ROLE_ONLY, **mistake["changes"]) == mistake["line"]
