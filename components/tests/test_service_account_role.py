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
from tests.support.refusal import refusal
from tests.support.world import PROVIDER_ARN

ROLE = "aws:iam/role:Role"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ATTACHMENTS_EXCLUSIVE = "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive"
POLICY = "arn:aws:iam::111122223333:policy/s3-app"
ROLE_B = "arn:aws:iam::444455556666:role/s3-app-B"
ARGS = {"role_name": "s3-app", "provider_arns": [PROVIDER_ARN], "subjects": ["dev/s3-app"]}


def role(engine: Engine | None = None, **changes) -> Engine:
    args = ServiceAccountRoleArgs(**{**ARGS, **changes})
    return deploy(lambda: ServiceAccountRole("s3-app", args), engine)


def test_the_role_trusts_one_subject_and_one_audience():
    assert json.loads(role().one(ROLE).inputs["assumeRolePolicy"]) == irsa_trust_policy(
        [PROVIDER_ARN], [service_account_ref("dev", "s3-app")], audience="sts.amazonaws.com"
    )


def test_the_role_trusts_exactly_the_subjects_clusters_and_audience_given():
    other = PROVIDER_ARN.replace("us-east-1", "eu-west-1")
    engine = role(
        subjects=["dev/job-*", "dev/s3-app"], provider_arns=[PROVIDER_ARN, other], audience="vault"
    )

    assert json.loads(engine.one(ROLE).inputs["assumeRolePolicy"]) == irsa_trust_policy(
        [PROVIDER_ARN, other],
        [service_account_ref("dev", "s3-app"), service_account_pattern("dev", "job-*")],
        audience="vault",
    )


def test_the_role_has_the_given_name_path_boundary_and_duration():
    engine = role(
        path="/team/", permissions_boundary=POLICY, max_session_duration=7200, role_name="reader"
    )

    inputs = engine.one(ROLE).inputs
    del inputs["assumeRolePolicy"]
    assert inputs == {
        "name": "reader",
        "path": "/team/",
        "description": "IRSA for dev",
        "permissionsBoundary": POLICY,
        "maxSessionDuration": 7200,
    }


def test_every_policy_is_attached_under_its_own_name():
    engine = role(policy_arns={"bucket": POLICY, "logs": "arn:aws:iam::aws:policy/Logs"})

    assert {r.name: r.inputs for r in engine.of(ATTACHMENT)} == {
        "s3-app-bucket": {"role": "s3-app", "policyArn": POLICY},
        "s3-app-logs": {"role": "s3-app", "policyArn": "arn:aws:iam::aws:policy/Logs"},
    }


def test_role_b_is_the_only_thing_that_a_chaining_role_may_assume():
    engine = role(role_name="s3-app-A", role_b_arns=[ROLE_B])

    policy = engine.one("aws:iam/policy:Policy")
    assert policy.inputs["name"] == "s3-app-A-assume-role"
    assert json.loads(policy.inputs["policy"]) == assume_role_permissions_policy(ROLE_B)
    assert engine.one(ATTACHMENT).inputs == {
        "role": "s3-app-A",
        "policyArn": "arn:aws:iam::111122223333:policy/s3-app-A-assume-role",
    }


def test_an_imported_role_is_imported_by_name_with_its_policies():
    own = pulumi.Output.from_input(POLICY)  # one that the stack makes
    engine = Engine(role_tags={"s3-app": {"project": "irsa", "stack": "dev"}})
    role(engine, path="/team/", imported=True, policy_arns={"logs": POLICY, "bucket": own})

    assert engine.options(ROLE, "team/s3-app").importId == "s3-app"
    assert engine.options(ATTACHMENT, "team/s3-app-logs").importId == f"s3-app/{POLICY}"
    assert engine.options(ATTACHMENT, "team/s3-app-bucket").importId == ""


def test_a_role_of_another_stack_is_not_imported():
    engine = Engine(role_tags={"s3-app": {"project": "irsa", "stack": "prod"}})

    with pytest.raises(pulumi.RunError, match="'s3-app' belongs to stack 'prod' of project 'irsa'"):
        role(engine, imported=True)
    assert engine.of(ROLE) == []


def test_an_exclusive_role_keeps_no_policy_that_others_gave_it():
    assert not role(policy_arns={"logs": POLICY}).of(ATTACHMENTS_EXCLUSIVE)

    engine = role(exclusive=True, policy_arns={"logs": POLICY}, role_b_arns=[ROLE_B])

    assert engine.one(ATTACHMENTS_EXCLUSIVE).inputs == {
        "roleName": "s3-app",
        "policyArns": [POLICY, "arn:aws:iam::111122223333:policy/s3-app-assume-role"],
    }
    inline = engine.one("aws:iam/rolePoliciesExclusive:RolePoliciesExclusive")
    assert inline.inputs == {"roleName": "s3-app", "policyNames": []}
    assert engine.waits_for(ATTACHMENTS_EXCLUSIVE, ATTACHMENT)


def test_the_arn_is_known_once_the_policies_are_attached():
    def program() -> None:
        made = ServiceAccountRole(
            "s3-app", ServiceAccountRoleArgs(**ARGS, policy_arns={"a": POLICY, "b": f"{POLICY}2"})
        )
        aws.ssm.Parameter("uses-the-arn", type="String", description=made.role_arn)

    engine = deploy(program)

    assert engine.waits_for("aws:ssm/parameter:Parameter", ATTACHMENT)
    assert engine.one("aws:ssm/parameter:Parameter").inputs["description"] == (
        "arn:aws:iam::111122223333:role/s3-app"
    )


def test_a_preview_before_the_cluster_exists_shows_every_resource():
    def program() -> None:
        cluster = aws.iam.OpenIdConnectProvider(
            "cluster", url="https://x", client_id_lists=["sts.amazonaws.com"]
        )
        args = {**ARGS, "provider_arns": [cluster.arn], "policy_arns": {"bucket": POLICY}}
        ServiceAccountRole("s3-app", ServiceAccountRoleArgs(**args))

    engine = deploy(program, Engine(preview=True))

    assert engine.one(ROLE).inputs["name"] == "s3-app"
    assert engine.one(ATTACHMENT).inputs["role"] == "s3-app"


def test_a_role_for_a_whole_namespace_logs_a_warning():
    (line,) = role(subjects=["dev/*"], allow_whole_namespace=True).logged
    assert line == (
        "warning: role 's3-app' trusts every service account of namespace 'dev': any user who may "
        "create a pod there gets its permissions"
    )
    assert role(subjects=["dev/job-*", "dev/s3-app"]).logged == []


def test_the_outputs_describe_the_role(registered_outputs):
    role(subjects=["dev/s3-app", "dev/job-*"], audience="vault", role_b_arns=[ROLE_B])

    assert registered_outputs("irsa:index:ServiceAccountRole") == {
        "role_arn": "arn:aws:iam::111122223333:role/s3-app",
        "role_name": "s3-app",
        "role_unique_id": "AROAS3APP",
        "subjects": ["system:serviceaccount:dev:s3-app", "system:serviceaccount:dev:job-*"],
        "audience": "vault",
        "role_b_arns": [ROLE_B],
    }


def test_a_trust_policy_above_the_quota_is_refused():
    many = [f"dev/service-account-number-{n:03}" for n in range(60)]

    with pytest.raises(pulumi.RunError, match="and the quota is 2048: trust fewer") as caught:
        role(subjects=many)
    assert str(caught.value).startswith("role 's3-app': the trust policy has ")
    assert role(subjects=many, trust_policy_quota=4096).one(ROLE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"role_name": "r" * 65}, "has 65 characters; IAM accepts 64"),
        ({"role_name": "a b"}, "role name 'a b' may have letters"),
        ({"path": "team"}, "path 'team' must begin and end with '/'"),
        ({"max_session_duration": 60}, "maximum session duration 60 is outside of 3600 to 43200"),
        ({"subjects": []}, "role 's3-app' trusts no principal"),
        ({"provider_arns": []}, "role 's3-app' trusts no principal"),
        ({"subjects": ["s3-app"]}, "subject 's3-app' is not NAMESPACE/NAME"),
        ({"subjects": ["dev/*"]}, "pattern 'system:serviceaccount:dev:*' is over-broad"),
        ({"subjects": ["*/s3-app"]}, "namespace '*' is not a DNS-1123 label"),
        ({"subjects": ["d*/s3-*"]}, "pattern 'system:serviceaccount:d*:s3-*' is over-broad"),
        ({"subjects": ["dev/S3"]}, "service account name 'S3' is not a DNS-1123 subdomain"),
        ({"provider_arns": [""]}, "provider_arns[0]: '' is not an OIDC provider ARN"),
        ({"audience": ""}, "audience: '' is not 1 to 255 characters"),
        ({"trust_policy_quota": 100}, "trust_policy_quota: 100 is outside of 2048 to 8192"),
        ({"policy_arns": {"a": "s3-app"}}, "policy_arns['a']: 's3-app' is not"),
        (
            {"policy_arns": {"a": POLICY, "b": POLICY}},
            f"role 's3-app': policy_arns['b'] and policy_arns['a'] are both {POLICY!r}; remove one",
        ),
        (
            {"policy_arns": {"a": POLICY.replace("aws", "aws-cn")}},
            "'arn:aws-cn:iam::111122223333:policy/s3-app' are in two partitions",
        ),
        ({"tags": {"aws:owner": "me"}}, "tag 'aws:owner': AWS keeps the prefix 'aws:' for itself"),
        ({"role_b_arns": ["s3-app-B"]}, "'s3-app-B' is not the ARN of a role"),
        (
            {"policy_arns": {f"p{n}": f"{POLICY}{n}" for n in range(20)}, "role_b_arns": [ROLE_B]},
            "role 's3-app' has 21 managed policies; IAM attaches at most 20",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_wrong_argument_is_refused_by_name_and_value(changes, message):
    assert message in refusal(ServiceAccountRoleArgs, **{**ARGS, **changes})


CLUSTER = "arn:aws:eks:us-east-1:111122223333:cluster/dev"


def test_a_role_for_pod_identity_trusts_eks_and_may_tag_role_b():
    engine = role(provider_arns=[], cluster_arns=[CLUSTER], role_b_arns=[ROLE_B])

    trust = json.loads(engine.one(ROLE).inputs["assumeRolePolicy"])
    assert trust == pod_identity_trust_policy([CLUSTER], [service_account_ref("dev", "s3-app")])
    assert engine.one(ROLE).inputs["description"] == "EKS Pod Identity for dev"
    policy = json.loads(engine.one("aws:iam/policy:Policy").inputs["policy"])
    assert policy == assume_role_permissions_policy(ROLE_B, tag_session=True)


def test_a_role_can_serve_both_mechanisms():
    engine = role(cluster_arns=[pulumi.Output.from_input(CLUSTER)])

    trust = json.loads(engine.one(ROLE).inputs["assumeRolePolicy"])
    assert [each["Principal"] for each in trust["Statement"]] == [
        {"Federated": PROVIDER_ARN},
        {"Service": "pods.eks.amazonaws.com"},
    ]
    assert engine.one(ROLE).inputs["description"] == "IRSA and EKS Pod Identity for dev"


def test_a_role_without_session_tags_warns_that_associations_decide():
    engine = role(provider_arns=[], cluster_arns=[CLUSTER], disable_session_tags=True)

    assert [line for line in engine.logged if "the association alone decides" in line]


ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}
TOOLS = {"AWS": "arn:aws:iam::111122223333:role/tools"}


def test_further_statements_are_added_and_judged_by_the_audits_rules():
    further = {
        "Effect": "Allow",
        "Principal": TOOLS,
        "Action": "sts:AssumeRole",
        "Condition": ORGANIZATION,
    }
    trust = json.loads(role(further_statements=[further]).one(ROLE).inputs["assumeRolePolicy"])

    assert trust["Statement"][1:] == [further]
    refused = [
        ({**further, "Condition": {}}, "further_statements[0] needs a Principal and a Condition"),
        ({**further, "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
         "further_statements: statement 1: Principal *"),
        ({**further, "Principal": {"AWS": pulumi.Output.from_input("arn")}},
         "further_statements[0]: Object of type Output is not JSON serializable; give plain"),
    ]  # fmt: skip
    for statement, message in refused:
        args = {**ARGS, "further_statements": [statement]}
        assert message in refusal(ServiceAccountRoleArgs, **args)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"disable_session_tags": True}, "disable_session_tags is for EKS Pod Identity"),
        ({"cluster_arns": ["dev"]}, "'dev' is not the ARN of an EKS cluster"),
        ({"cluster_arns": [CLUSTER.replace(":aws:", ":aws-cn:", 1)], "provider_arns": []}, "IRSA"),
    ],
)
def test_arguments_of_pod_identity_that_cannot_work_are_refused(changes, message):
    assert message in refusal(ServiceAccountRoleArgs, **{**ARGS, **changes})


def test_providers_and_clusters_of_two_accounts_are_refused():
    """STS accepts no token of a provider in another account, nor EKS a role of one."""
    with pytest.raises(pulumi.RunError, match=r"are in different accounts, and a role trusts"):
        role(cluster_arns=[CLUSTER.replace("111122223333", "444455556666")])


def test_a_permissions_policy_above_the_quota_is_refused_before_iam():
    arns = [f"arn:aws:iam::444455556666:role/{'x' * 40}{n:03}" for n in range(80)]

    with pytest.raises(pulumi.RunError, match="characters; IAM accepts 6144"):
        role(role_b_arns=arns)
