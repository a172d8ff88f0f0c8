"""ServiceAccountRole: its trust policy, its permissions, and when its ARN is known."""

import json

import pulumi
import pulumi_aws as aws
import pytest

from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.policies import assume_role_permissions_policy, irsa_trust_policy
from irsa.identity.subjects import service_account_pattern, service_account_ref
from irsa_components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from tests.support.engine import Engine, deploy
from tests.support.world import CLUSTER_ARN as CLUSTER
from tests.support.world import PROVIDER_ARN
from tests.support.world import ROLE_B_ARN as ROLE_B

POLICY = "arn:aws:iam::111122223333:policy/s3-app"
ARGS = {"role_name": "s3-app", "provider_arns": [PROVIDER_ARN], "subjects": ["dev/s3-app"]}


def role(engine: Engine | None = None, **changes) -> Engine:
    args = ServiceAccountRoleArgs(**{**ARGS, **changes})
    return deploy(lambda: ServiceAccountRole("s3-app", args), engine)


def trust_of(engine: Engine) -> dict:
    return json.loads(engine.one("Role").inputs["assumeRolePolicy"])


def test_the_role_trusts_exactly_the_subjects_clusters_and_audience_given():
    other = PROVIDER_ARN.replace("us-east-1", "eu-west-1")
    engine = role(
        subjects=["dev/job-*", "dev/s3-app"], provider_arns=[PROVIDER_ARN, other], audience="vault"
    )

    accounts = [service_account_ref("dev", "s3-app"), service_account_pattern("dev", "job-*")]
    assert trust_of(engine) == irsa_trust_policy([PROVIDER_ARN, other], accounts, audience="vault")
    assert trust_of(role()) == irsa_trust_policy([PROVIDER_ARN], accounts[:1])


def test_the_role_has_the_given_name_path_boundary_and_duration(registered_outputs):
    given = {"path": "/team/", "permissions_boundary": POLICY, "max_session_duration": 7200}
    subjects = ["dev/s3-app", "dev/job-*"]
    engine = role(**given, subjects=subjects, audience="vault", role_b_arns=[ROLE_B])

    inputs = engine.one("Role").inputs
    del inputs["assumeRolePolicy"]
    assert inputs == {
        "name": "s3-app",
        "path": "/team/",
        "description": "IRSA for dev",
        "permissionsBoundary": POLICY,
        "maxSessionDuration": 7200,
    }
    assert registered_outputs("irsa:index:ServiceAccountRole") == {
        "role_arn": "arn:aws:iam::111122223333:role/team/s3-app",
        "role_name": "s3-app",
        "role_unique_id": "AROATEAMS3APP",
        "subjects": ["system:serviceaccount:dev:s3-app", "system:serviceaccount:dev:job-*"],
        "audience": "vault",
        "role_b_arns": [ROLE_B],
    }


def test_each_policy_is_attached_under_its_name_and_the_arn_waits_for_them():
    logs = "arn:aws:iam::aws:policy/Logs"

    def program() -> None:
        args = ServiceAccountRoleArgs(**ARGS, policy_arns={"bucket": POLICY, "logs": logs})
        made = ServiceAccountRole("s3-app", args)
        aws.ssm.Parameter("uses-the-arn", type="String", description=made.role_arn)

    engine = deploy(program)

    assert {r.name: r.inputs for r in engine.of("RolePolicyAttachment")} == {
        "s3-app-bucket": {"role": "s3-app", "policyArn": POLICY},
        "s3-app-logs": {"role": "s3-app", "policyArn": logs},
    }
    assert engine.waits_for("Parameter", "RolePolicyAttachment")
    assert engine.one("Parameter").inputs["description"] == "arn:aws:iam::111122223333:role/s3-app"


def test_role_b_is_the_only_thing_that_a_chaining_role_may_assume():
    engine = role(role_name="s3-app-A", role_b_arns=[ROLE_B])

    policy = engine.one("Policy")
    assert policy.inputs["name"] == "s3-app-A-assume-role"
    assert json.loads(policy.inputs["policy"]) == assume_role_permissions_policy(ROLE_B)
    assert engine.one("RolePolicyAttachment").inputs == {
        "role": "s3-app-A",
        "policyArn": "arn:aws:iam::111122223333:policy/s3-app-A-assume-role",
    }


def test_an_imported_role_is_imported_by_name_with_its_policies():
    own = pulumi.Output.from_input(POLICY)  # one that the stack makes
    engine = Engine(role_tags={"s3-app": {"project": "irsa", "stack": "dev"}})
    role(engine, path="/team/", imported=True, policy_arns={"logs": POLICY, "bucket": own})

    assert engine.options("Role", "team/s3-app").importId == "s3-app"
    assert engine.options("RolePolicyAttachment", "team/s3-app-logs").importId == f"s3-app/{POLICY}"
    assert engine.options("RolePolicyAttachment", "team/s3-app-bucket").importId == ""


def test_a_role_of_another_stack_is_not_imported():
    engine = Engine(role_tags={"s3-app": {"project": "irsa", "stack": "prod"}})

    with pytest.raises(pulumi.RunError, match="'s3-app' belongs to stack 'prod' of project 'irsa'"):
        role(engine, imported=True)
    assert engine.of("Role") == []


def test_an_exclusive_role_keeps_no_policy_that_others_gave_it():
    assert not role(policy_arns={"logs": POLICY}).of("RolePolicyAttachmentsExclusive")

    engine = role(exclusive=True, policy_arns={"logs": POLICY}, role_b_arns=[ROLE_B])

    assert engine.one("RolePolicyAttachmentsExclusive").inputs == {
        "roleName": "s3-app",
        "policyArns": [POLICY, "arn:aws:iam::111122223333:policy/s3-app-assume-role"],
    }
    inline = engine.one("RolePoliciesExclusive")
    assert inline.inputs == {"roleName": "s3-app", "policyNames": []}
    assert engine.waits_for("RolePolicyAttachmentsExclusive", "RolePolicyAttachment")


def test_a_preview_before_the_cluster_exists_shows_every_resource():
    def program() -> None:
        cluster = aws.iam.OpenIdConnectProvider("cluster", url="https://x", client_id_lists=["a"])
        args = {**ARGS, "provider_arns": [cluster.arn], "policy_arns": {"bucket": POLICY}}
        ServiceAccountRole("s3-app", ServiceAccountRoleArgs(**args))

    engine = deploy(program, Engine(preview=True))

    assert engine.one("Role").inputs["name"] == "s3-app"
    assert engine.one("RolePolicyAttachment").inputs["role"] == "s3-app"


def test_a_role_for_a_whole_namespace_logs_a_warning():
    (line,) = role(subjects=["dev/*"], allow_whole_namespace=True).logged
    assert line == (
        "warning: role 's3-app' trusts every service account of namespace 'dev': any user who may "
        "create a pod there gets its permissions"
    )
    assert role(subjects=["dev/job-*", "dev/s3-app"]).logged == []


def test_a_trust_policy_above_the_quota_is_refused():
    many = [f"dev/service-account-number-{n:03}" for n in range(60)]

    with pytest.raises(pulumi.RunError, match="and the quota is 2048: trust fewer") as caught:
        role(subjects=many)
    assert str(caught.value).startswith("role 's3-app': the trust policy has ")
    assert role(subjects=many, trust_policy_quota=4096).one("Role")


def test_a_role_for_pod_identity_trusts_eks_and_may_tag_role_b():
    engine = role(provider_arns=[], cluster_arns=[CLUSTER], role_b_arns=[ROLE_B])

    app = service_account_ref("dev", "s3-app")
    assert trust_of(engine) == pod_identity_trust_policy([CLUSTER], [app])
    assert engine.one("Role").inputs["description"] == "EKS Pod Identity for dev"
    policy = json.loads(engine.one("Policy").inputs["policy"])
    assert policy == assume_role_permissions_policy(ROLE_B, tag_session=True)


def test_a_role_can_serve_both_mechanisms():
    engine = role(cluster_arns=[pulumi.Output.from_input(CLUSTER)])

    principals = [{"Federated": PROVIDER_ARN}, {"Service": "pods.eks.amazonaws.com"}]
    assert [each["Principal"] for each in trust_of(engine)["Statement"]] == principals
    assert engine.one("Role").inputs["description"] == "IRSA and EKS Pod Identity for dev"
    # STS accepts no token of a provider in another account, nor EKS a role of one.
    with pytest.raises(pulumi.RunError, match=r"are in different accounts, and a role trusts"):
        role(cluster_arns=[CLUSTER.replace("111122223333", "444455556666")])


def test_a_role_without_session_tags_warns_that_associations_decide():
    (line,) = role(provider_arns=[], cluster_arns=[CLUSTER], disable_session_tags=True).logged
    assert "the association alone decides" in line


def test_further_statements_are_added():
    further = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:role/tools"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}},
    }
    assert trust_of(role(further_statements=[further]))["Statement"][1:] == [further]


def test_a_permissions_policy_above_the_quota_is_refused_before_iam():
    arns = [f"arn:aws:iam::444455556666:role/{'x' * 40}{n:03}" for n in range(80)]
    with pytest.raises(pulumi.RunError, match="characters; IAM accepts 6144"):
        role(role_b_arns=arns)
