"""`python -m irsa verify` on the chain from role A to role B."""

import json

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from irsa_core.identity import policies
from irsa_core.identity.arns import role_arn
from irsa_core.identity.eks import TOKEN_FILE
from irsa_core.identity.profiles import aws_config
from irsa_sandbox.aws.accounts import ACCOUNT_B, REGION
from tests.sandbox.support.remedies import remedied
from tests.sandbox.support.workload import NAME, Workload, environment, link_of

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

    def config(self) -> str:
        return aws_config(
            {"role_arn": self.role_arn, "web_identity_token_file": TOKEN_FILE},
            {"B": {"role_arn": self.role_b_arn, "external_id": EXTERNAL_ID}},
            own_profile="A",
            region=REGION,
            session_name="xactarget",
        )

    def verify(self, *more, deployment=NAME):
        return self.verify_in_b("--deployment", deployment, "--profile", "B", *more)

    def sdk(self, *pod):
        return super().sdk(*pod, AWS_PROFILE="B")


@pytest.fixture(scope="module")
def chained(irsa_world, tmp_path_factory):
    found = Chained(irsa_world, "chained")
    found.create_chain()
    found.administer_b(tmp_path_factory.mktemp("chained"))
    return found


SETTINGS = ("source_profile = A", "credential_source = Ec2InstanceMetadata\nsource_profile = A")
ID, ROLE_B = EXTERNAL_ID, Chained.role_b_arn
BROKEN = {
    "a setting that every SDK refuses": ("profile", "remove credential_source", *SETTINGS),
    "a wrong external id": ("role-b-trust", f"set external_id = {ID}", ID, "tenant-7"),
    "a role B that does not exist": ("role-b", f"set role_arn = {ROLE_B}", ROLE_B, f"{ROLE_B}x"),
}
"""Links with their fixes, and settings with what they became."""


@pytest.mark.cases(("link", "fix", "setting", "wrong"), BROKEN)
def test_a_profile_is_corrected_in_its_config_map(chained, link, fix, setting, wrong):
    """The remedy is a sentence."""
    named = ("--role-b", chained.role_b_arn) if link == "role-b" else ()
    chained.config_map("aws", {"config": chained.config().replace(setting, wrong)})
    with pytest.raises((BotoCoreError, ClientError)):
        chained.sdk()

    [result] = chained.verify(*named).chains
    failing = link_of(result, link)
    assert (result["failing_link"], failing["commands"]) == (link, [])
    assert failing["remedy"] == f"{fix} in [profile B] in ConfigMap aws, and restart the Pods"
    chained.config_map("aws", {"config": chained.config()})
    assert chained.verify(*named).code == 0
    assert chained.sdk().startswith(chained.session_arn)


def test_role_a_that_was_created_again_gets_to_role_b_and_that_to_its_bucket(chained):
    chained.delete_role()
    trust = json.dumps(chained.trust_policy)
    iam, iam_b = chained.session.aws("iam"), chained.session.aws("iam", ACCOUNT_B)
    iam.create_role(RoleName=chained.namespace, AssumeRolePolicyDocument=trust)
    iam_b.delete_role_policy(RoleName=chained.role_b, PolicyName="data")
    remedied(
        chained,
        ("role-a-permission", "there is no policy that allows it"),
        ("role-b-trust", "a principal that was deleted"),
        ("role-b-permissions", "the role has no policy"),
    )
