"""`python -m irsa verify` on the chain from role A to role B."""

import json

import pytest
from botocore.exceptions import BotoCoreError
from lightkube.resources.core_v1 import ConfigMap
from lightkube.types import PatchType

from irsa.identity.eks import TOKEN_FILE
from irsa.identity.policies import (
    TrustedRole,
    assume_role_permissions_policy,
    bucket_permissions_policy,
    principal_arn_trust_policy,
    role_trust_policy,
)
from irsa.identity.profiles import aws_config
from irsa.verify.link import LINKS
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from tests.sandbox.support.kubectl import NAME
from tests.sandbox.support.remedies import apply
from tests.sandbox.support.workload import config_map, temporary_workload, troubles

pytestmark = pytest.mark.sandbox

EXTERNAL_ID = "tenant-42"


class Chained:
    """A workload whose role A leads to role B in account B."""

    def __init__(self, workload, tmp_path):
        self.workload = workload
        self.session = workload.session
        self.bucket = f"{self.workload.namespace}-b"
        self.role_b = f"{self.workload.namespace}-b"
        self.role_b_arn = f"arn:aws:iam::{ACCOUNT_B}:role/{self.role_b}"
        self.iam_b = self.session.aws("iam", ACCOUNT_B)
        self.iam_b.create_role(
            RoleName=self.role_b, AssumeRolePolicyDocument=json.dumps(self.trust())
        )
        self.iam_b.put_role_policy(
            RoleName=self.role_b,
            PolicyName="data",
            PolicyDocument=json.dumps(bucket_permissions_policy(f"arn:aws:s3:::{self.bucket}")),
        )
        self.session.aws("s3", ACCOUNT_B).create_bucket(Bucket=self.bucket)
        self.workload.put_policy(assume_role_permissions_policy(self.role_b_arn))
        config_map(self.session, self.workload.namespace, "aws", {"config": self.config()})
        self.deploy()
        self.admin = tmp_path / "admin"
        self.admin.write_text(
            f"[profile b]\naws_access_key_id = {ACCOUNT_B}\n"
            f"aws_secret_access_key = {self.session.state.root_secret}\n"
        )

    def trust(self, external_id=EXTERNAL_ID):
        iam = self.session.aws("iam")
        role = iam.get_role(RoleName=self.workload.role_name)["Role"]
        trusted = TrustedRole(role["Arn"], role["RoleId"])
        return role_trust_policy([trusted], external_id=external_id)

    def set_trust(self, document):
        self.iam_b.update_assume_role_policy(
            RoleName=self.role_b, PolicyDocument=json.dumps(document)
        )

    def config(self, **changes):
        external_id = changes.pop("external_id", EXTERNAL_ID)
        role_a_arn = changes.pop("role_a_arn", self.workload.role_arn)
        return aws_config(
            {"role_arn": role_a_arn, "web_identity_token_file": TOKEN_FILE},
            {"B": {"role_arn": self.role_b_arn, "external_id": external_id}},
            own_profile="A",
            region=REGION,
            session_name="xactarget",
        )

    def set_config(self, text):
        self.session.cluster.patch(
            ConfigMap, "aws", {"data": {"config": text}}, namespace=self.workload.namespace,
            patch_type=PatchType.MERGE,
        )  # fmt: skip

    def deploy(self):
        self.workload.deploy(
            volumes=[{"name": "aws", "configMap": {"name": "aws"}}],
            container={
                "env": [{"name": "AWS_CONFIG_FILE", "value": "/etc/aws/config"}],
                "volumeMounts": [{"name": "aws", "mountPath": "/etc/aws"}],
            },
        )

    def verify(self, *more, reading_b=True):
        reader = ("--trusting-profile", "b") if reading_b else ()
        return self.workload.world.irsa(
            "verify", "--namespace", self.workload.namespace, "--service-account", NAME,
            "--bucket", self.bucket, "--profile", "B", *reader,
            "--wait", "0", "--output", "json", *more, AWS_CONFIG_FILE=str(self.admin),
        )  # fmt: skip


@pytest.fixture
def chained(irsa_world, tmp_path):
    with temporary_workload(irsa_world) as workload:
        yield Chained(workload, tmp_path)


def test_a_whole_chain_passes(chained):
    done = chained.verify()

    [result] = done.json
    assert (done.code, result["verdict"]) == (0, "passed"), done.out
    others = ("association", "agent", "inside", "permissions", "data", "refused")
    assert [link["link"] for link in result["links"]] == [k for k in LINKS if k not in others]


def test_without_credentials_of_account_b_sts_has_the_last_word(chained):
    done = chained.verify(reading_b=False)

    [result] = done.json
    [trust] = [link for link in result["links"] if link["link"] == "chain-trust"]
    assert (done.code, trust["status"]) == (0, "passed")
    assert f"needs credentials of account {ACCOUNT_B}" in trust["found"]
    assert trust["found"].endswith("but STS granted the session")


def recreate_role_a(chained):
    workload = chained.workload
    workload.delete_role()
    workload.create_role()
    workload.put_policy(assume_role_permissions_policy(chained.role_b_arn))


def trust_another(chained):
    another = f"arn:aws:iam::{ACCOUNT_A}:role/another"
    chained.set_trust(principal_arn_trust_policy([another], external_id=EXTERNAL_ID))


def deny_assume(chained):
    document = assume_role_permissions_policy(chained.role_b_arn)
    resource = f"arn:aws:iam::{ACCOUNT_B}:role/*-b"
    document["Statement"][0] |= {"Effect": "Deny", "Resource": resource}
    chained.workload.put_policy(document, "guard")


def may_not_assume(chained):
    iam = chained.session.aws("iam")
    iam.delete_role_policy(RoleName=chained.workload.role_name, PolicyName="data")


def both_sources(chained):
    line = "credential_source = Ec2InstanceMetadata\nsource_profile = A"
    chained.set_config(chained.config().replace("source_profile = A", line))


def other_credentials(chained):
    line = "credential_source = Ec2InstanceMetadata"
    chained.set_config(chained.config().replace("source_profile = A", line))


def other_headers(chained):
    chained.set_config(chained.config().replace("[profile ", "["))


def external_id(value):
    return lambda chained: chained.set_config(chained.config(external_id=value))


def role_b_without_policy(chained):
    chained.iam_b.delete_role_policy(RoleName=chained.role_b, PolicyName="data")


CHAIN_BREAKS = {
    "both-sources": ("profile", both_sources, "source_profile and credential_source, which SDKs"),
    "credential-source": ("profile", other_credentials, "has credential_source"),
    "headers": ("profile", other_headers, "[B] instead of [profile B]"),
    "may-not-assume": ("chain-permission", may_not_assume, "there is no policy that allows it"),
    "assume-denied": ("chain-permission", deny_assume, "an explicit deny beats every allow"),
    "role-a-recreated": ("chain-trust", recreate_role_a, "a principal that was deleted"),
    "other-role-trusted": ("chain-trust", trust_another, "aws:PrincipalArn"),
    "wrong-external-id": ("chain-trust", external_id("tenant-7"), "asks for external id"),
    "no-permissions": (
        "chain-permissions",
        role_b_without_policy,
        "the role has no policy",
    ),
}


REFUSED = ("both-sources", "credential-source", "headers")
"""Profiles that every SDK refuses."""


@pytest.mark.parametrize("name", CHAIN_BREAKS)
def test_the_link_of_the_chain_is_named_and_its_remedy_fixes_it(chained, name):
    key, break_it, found = CHAIN_BREAKS[name]
    break_it(chained)
    if name in REFUSED:
        with pytest.raises(BotoCoreError):
            chained.workload.sdk(chained.bucket, profile="B")

    done = chained.verify()

    [result] = done.json
    [link] = [each for each in result["links"] if each["link"] == key]
    assert (done.code, result["failing_link"]) == (1, key), done.out
    assert found in link["found"]
    apply_in_the_account_of(key, chained, link["commands"])
    [result] = chained.verify().json
    assert troubles(result) == []
    who = chained.workload.sdk(chained.bucket, profile="B")
    assert who.startswith(f"arn:aws:sts::{ACCOUNT_B}:assumed-role/{chained.role_b}/")


def test_a_role_b_that_does_not_exist_is_corrected_in_the_profile(chained):
    text = chained.config().replace(chained.role_b_arn, f"{chained.role_b_arn}x")
    chained.set_config(text)

    [result] = chained.verify("--role-b", chained.role_b_arn).json
    [link] = [each for each in result["links"] if each["link"] == "chain-role"]
    apply(chained.workload, link["commands"])

    assert result["failing_link"] == "chain-role"
    assert troubles(chained.verify("--role-b", chained.role_b_arn).json[0]) == []
    assert chained.workload.sdk(chained.bucket, profile="B")


def test_a_bucket_of_another_account_is_opened_by_its_owner(chained):
    # The emulator takes a caller of another account for that account's root, and does not
    # let a role in that a bucket's policy names: S3's own answer is not looked at here.
    chained.session.aws("s3", ACCOUNT_B).delete_bucket(Bucket=chained.bucket)
    chained.session.aws("s3").create_bucket(Bucket=chained.bucket)

    [result] = chained.verify().json
    [link] = [each for each in result["links"] if each["link"] == "chain-permissions"]
    apply(chained.workload, link["commands"])

    assert result["failing_link"] == "chain-permissions"
    assert link["remedy"] == f"in account {ACCOUNT_A}, allow the role in the bucket's policy"
    failed = [
        each["link"] for each in chained.verify().json[0]["links"] if each["status"] == "failed"
    ]
    assert failed == ["chain-data"]
    chained.session.aws("s3").delete_bucket(Bucket=chained.bucket)
    chained.session.aws("s3", ACCOUNT_B).create_bucket(Bucket=chained.bucket)


def apply_in_the_account_of(key, chained, commands):
    """Role B and its policies are changed by account B's administrator."""
    of_role_b = key in ("chain-trust", "chain-permissions")
    apply(chained.workload, commands, root_of=ACCOUNT_B if of_role_b else None)
