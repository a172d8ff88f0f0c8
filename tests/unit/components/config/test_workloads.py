"""One workload's configuration: what it stands for, and what contradicts itself."""

from pathlib import Path

import pytest
import yaml

from components.config.reader import read
from components.config.roles import RoleOnlySettings
from components.config.workloads import (
    AccessKeyWorkload,
    CrossAccountWorkload,
    IrsaWorkload,
    WorkloadSettings,
)
from irsa.identity.subjects import ServiceAccountPattern, ServiceAccountRef
from tests.support.refusal import refusal

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


CROSS_ACCOUNT = {"accountId": "444455556666"}


def workload(config, kind=WorkloadSettings, **changes):
    return read(kind, {**config, **changes}, "w")


def role_only(**changes) -> RoleOnlySettings:
    return workload(ROLE_ONLY, RoleOnlySettings, **changes)


def test_its_section_says_which_kind_a_workload_is():
    chain = {**S3_APP, "bucket": None, "crossAccount": CROSS_ACCOUNT}

    assert type(workload(S3_APP)) is IrsaWorkload
    assert type(workload(chain)) is CrossAccountWorkload
    assert type(workload(S3_APP, accessKey={})) is AccessKeyWorkload, "an empty section is given"
    assert type(workload(S3_APP, accessKey=None)) is IrsaWorkload


def test_the_workloads_name_is_everybodys_name():
    settings = workload(S3_APP)

    assert settings.service_account_name == "s3-app"
    assert settings.role_name == "s3-app"
    assert settings.subjects == (ServiceAccountRef("dev", "s3-app"),)
    assert settings.audience == "sts.amazonaws.com"
    assert settings.bucket is not None
    assert settings.bucket.permissions == "read"


def test_a_role_alone_may_trust_an_exact_service_account_a_pattern_or_both():
    both = (
        ServiceAccountRef("crossplane-system", "main"),
        ServiceAccountPattern("crossplane-system", "aws-provider-*"),
    )

    assert role_only(serviceAccount="main", serviceAccountPattern=None).subjects == both[:1]
    assert role_only().subjects == both[1:]
    assert role_only(serviceAccount="main").subjects == both


def test_a_role_alone_is_named_as_its_entry_unless_told():
    settings = role_only(crossAccount=CROSS_ACCOUNT)

    assert settings.role_name == "crossplane"
    assert role_only(role={"name": "mine"}).role_name == "mine"
    assert settings.cross_account is not None
    assert settings.cross_account.arn(settings.name, "aws") == (
        "arn:aws:iam::444455556666:role/crossplane-B"
    )


def test_a_pattern_beside_a_service_account_is_trusted_with_it():
    settings = workload(S3_APP, serviceAccount="main", serviceAccountPattern="job-*")

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
    assert refusal(workload, S3_APP, **mistake["changes"]) == mistake["line"]


@pytest.mark.parametrize("mistake", MISTAKES["role_only"], ids=lambda mistake: mistake["line"][:40])
def test_a_mistake_in_a_role_only_workload_is_one_line(mistake):
    assert refusal(role_only, **mistake["changes"]) == mistake["line"]
