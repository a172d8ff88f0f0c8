"""`python -m irsa verify` on the chain from role A to role B."""

import json

import pytest
from botocore.exceptions import BotoCoreError

from irsa_core.identity import policies
from irsa_core.identity.arns import role_arn
from irsa_core.identity.eks import TOKEN_FILE
from irsa_core.identity.profiles import aws_config
from irsa_sandbox.aws.accounts import ACCOUNT_B, REGION
from tests.sandbox.support.remedies import remedied
from tests.sandbox.support.workload import NAME, Workload, environment, link_of

pytestmark = pytest.mark.sandbox

EXTERNAL_ID = "tenant-42"


class Chained(Workload):
    """A workload whose role A leads to role B, and its bucket, in account B."""

    role_b = bucket = "chained-b"
    role_b_arn = role_arn(ACCOUNT_B, role_b)
    session_arn = f"arn:aws:sts::{ACCOUNT_B}:assumed-role/{role_b}/"

    def create_chain(self) -> None:
        self.create_identity()
        self.put_policy(policies.assume_role_permissions_policy(self.role_b_arn))
        role_a = self.session.aws("iam").get_role(RoleName=self.namespace)["Role"]
        trusted = policies.TrustedRole(role_a["Arn"], role_a["RoleId"])
        trust = policies.role_trust_policy([trusted], external_id=EXTERNAL_ID)
        self.create_role_b(self.role_b, trust)
        self.config_map("aws", {"config": self.config()})
        self.deploy(
            volumes=[{"name": "aws", "configMap": {"name": "aws"}}],
            container={
                "env": environment({"AWS_CONFIG_FILE": "/etc/aws/config"}),
                "volumeMounts": [{"name": "aws", "mountPath": "/etc/aws"}],
            },
        )

    def config(self, external_id: str = EXTERNAL_ID) -> str:
        return aws_config(
            {"role_arn": self.role_arn, "web_identity_token_file": TOKEN_FILE},
            {"B": {"role_arn": self.role_b_arn, "external_id": external_id}},
            own_profile="A",
            region=REGION,
            session_name="xactarget",
        )

    def verify(self, *more, deployment=NAME):
        return self.verify_in_b("--deployment", deployment, "--profile", "B", *more)

    def sdk(self, **options):
        return super().sdk(profile="B", **options)


@pytest.fixture(scope="module")
def chained(irsa_world, tmp_path_factory):
    found = Chained(irsa_world, "chained")
    found.create_chain()
    found.administer_b(tmp_path_factory.mktemp("chained"))
    return found


def corrected(chained, key, fix, *more):
    """Check a remedy that is a sentence about the ConfigMap, and do what it says."""
    [result] = chained.verify(*more).chains
    link = link_of(result, key)
    assert (result["failing_link"], link["commands"]) == (key, [])
    assert link["remedy"] == f"{fix} in [profile B] in ConfigMap aws, and restart the Pods"
    chained.config_map("aws", {"config": chained.config()})
    assert chained.verify(*more).code == 0
    assert chained.sdk().startswith(chained.session_arn)


def test_a_profile_that_every_sdk_refuses_is_named(chained):
    line = "credential_source = Ec2InstanceMetadata\nsource_profile = A"
    chained.config_map("aws", {"config": chained.config().replace("source_profile = A", line)})
    with pytest.raises(BotoCoreError):
        chained.sdk()
    corrected(chained, "profile", "remove credential_source")


def test_a_wrong_external_id_is_corrected_in_the_profile(chained):
    chained.config_map("aws", {"config": chained.config("tenant-7")})
    corrected(chained, "role-b-trust", f"set external_id = {EXTERNAL_ID}")


def test_role_a_gets_the_permission_to_assume_role_b(chained):
    iam = chained.session.aws("iam")
    iam.delete_role_policy(RoleName=chained.namespace, PolicyName="data")
    remedied(chained, "role-a-permission", "there is no policy that allows it")


def test_role_b_trusts_a_role_a_that_was_created_again(chained):
    chained.delete_role()
    trust = json.dumps(chained.trust_policy)
    iam = chained.session.aws("iam")
    iam.create_role(RoleName=chained.namespace, AssumeRolePolicyDocument=trust)
    chained.put_policy(policies.assume_role_permissions_policy(chained.role_b_arn))
    remedied(chained, "role-b-trust", "a principal that was deleted")


def test_role_b_gets_a_policy(chained):
    iam = chained.session.aws("iam", ACCOUNT_B)
    iam.delete_role_policy(RoleName=chained.role_b, PolicyName="data")
    remedied(chained, "role-b-permissions", "the role has no policy")


def test_a_role_b_that_does_not_exist_is_corrected_in_the_profile(chained):
    text = chained.config().replace(chained.role_b_arn, f"{chained.role_b_arn}x")
    chained.config_map("aws", {"config": text})
    fix = f"set role_arn = {chained.role_b_arn}"
    corrected(chained, "role-b", fix, "--role-b", chained.role_b_arn)
