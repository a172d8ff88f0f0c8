"""ServiceAccountRole: whom it trusts, what it may do, and when its ARN is known."""

import json
import re

import pulumi
import pulumi_aws as aws
import pytest

from components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import service_account_pattern, service_account_ref
from tests.support.engine import ISSUER, PROVIDER_ARN, Engine, deploy

ROLE = "aws:iam/role:Role"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
S3_APP = service_account_ref("dev", "s3-app")
PATTERN = service_account_pattern("dev", "job-*")
POLICY = "arn:aws:iam::111122223333:policy/s3-app"
ARGS = {"role_name": "s3-app", "provider_arns": [PROVIDER_ARN], "subjects": [S3_APP]}


def role(engine: Engine | None = None, **changes) -> Engine:
    args = ServiceAccountRoleArgs(**{**ARGS, **changes})
    return deploy(lambda: ServiceAccountRole("s3-app", args), engine)


def test_the_role_trusts_one_subject_and_one_audience():
    policy = json.loads(role().one(ROLE).inputs["assumeRolePolicy"])

    assert policy == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": PROVIDER_ARN},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {
                        f"{ISSUER}:aud": "sts.amazonaws.com",
                        f"{ISSUER}:sub": "system:serviceaccount:dev:s3-app",
                    }
                },
            }
        ],
    }


def test_the_role_trusts_exactly_the_subjects_clusters_and_audience_given():
    other = PROVIDER_ARN.replace("us-east-1", "eu-west-1")
    engine = role(subjects=[PATTERN, S3_APP], provider_arns=[PROVIDER_ARN, other], audience="vault")

    assert json.loads(engine.one(ROLE).inputs["assumeRolePolicy"]) == irsa_trust_policy(
        [PROVIDER_ARN, other], [S3_APP, PATTERN], audience="vault"
    )


def test_the_role_is_named_as_told_and_limited_as_told():
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


def test_a_role_that_is_made_is_not_imported():
    engine = role(policy_arns={"bucket": POLICY})

    assert engine.options(ROLE, "s3-app").importId == ""
    assert engine.options(ATTACHMENT, "s3-app-bucket").importId == ""


def test_a_role_that_is_imported_is_looked_up_by_name_and_its_policies_with_it():
    own = pulumi.Output.from_input(POLICY)  # one that the stack makes
    engine = role(path="/team/", imported=True, policy_arns={"logs": POLICY, "bucket": own})

    assert engine.options(ROLE, "team/s3-app").importId == "s3-app"
    assert engine.options(ATTACHMENT, "team/s3-app-logs").importId == f"s3-app/{POLICY}"
    assert engine.options(ATTACHMENT, "team/s3-app-bucket").importId == ""


def test_a_role_has_the_description_and_the_tags_that_are_given():
    inputs = role(description="Reads.", tags={"team": "x"}).one(ROLE).inputs

    assert (inputs["description"], inputs["tags"]) == ("Reads.", {"team": "x"})


def test_every_child_belongs_to_the_component():
    assert role(policy_arns={"bucket": POLICY}).tree() == {
        "pulumi:pulumi:Stack$irsa:index:ServiceAccountRole",
        f"irsa:index:ServiceAccountRole${ROLE}",
        f"irsa:index:ServiceAccountRole${ATTACHMENT}",
    }


def test_whoever_waits_for_the_arn_waits_for_the_attachments():
    def program() -> None:
        made = ServiceAccountRole(
            "s3-app", ServiceAccountRoleArgs(**ARGS, policy_arns={"a": POLICY, "b": POLICY})
        )
        aws.ssm.Parameter("uses-the-arn", type="String", description=made.role_arn)

    engine = deploy(program)

    assert engine.waits_for("aws:ssm/parameter:Parameter", ATTACHMENT)
    assert engine.one("aws:ssm/parameter:Parameter").inputs["description"] == (
        "arn:aws:iam::111122223333:role/s3-app"
    )


def test_the_unique_id_is_an_output():
    found: list[str] = []

    def program() -> None:
        made = ServiceAccountRole("s3-app", ServiceAccountRoleArgs(**ARGS))
        pulumi.Output.all(made.role_name, made.role_unique_id).apply(found.extend)

    deploy(program)
    assert found == ["s3-app", "AROAS3-APP"]


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


def test_a_role_for_a_whole_namespace_is_announced():
    everybody = service_account_pattern("dev", "*", allow_whole_namespace=True)

    (line,) = role(subjects=[everybody]).logged
    assert line == (
        "warning: role 's3-app' trusts every service account of namespace 'dev': whoever may "
        "create a pod there gets its permissions"
    )
    assert role(subjects=[PATTERN, S3_APP]).logged == []


def test_a_trust_policy_above_the_quota_is_refused():
    many = [service_account_ref("dev", f"service-account-number-{n:03}") for n in range(60)]

    with pytest.raises(pulumi.RunError, match="and the quota is 2048: trust fewer") as caught:
        role(subjects=many)
    assert str(caught.value).startswith("role 's3-app': the trust policy has ")
    assert role(subjects=many, trust_policy_quota=4096).one(ROLE)


@pytest.mark.parametrize("provider_arn", ["", "oidc.eks.us-east-1.amazonaws.com/id/X"])
def test_what_is_no_provider_is_refused(provider_arn):
    with pytest.raises(pulumi.RunError, match=r"^role 's3-app': '.*' is not an OIDC provider ARN"):
        role(provider_arns=[provider_arn])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"role_name": "r" * 65}, "has 65 characters; IAM accepts 64"),
        ({"role_name": "a b"}, "role name 'a b' may have letters"),
        ({"path": "team"}, "path 'team' must begin and end with '/'"),
        ({"max_session_duration": 60}, "maximum session duration 60 is outside of 3600 to 43200"),
        ({"subjects": []}, "role 's3-app' would trust nobody"),
        ({"provider_arns": []}, "role 's3-app' would trust nobody"),
        ({"audience": ""}, "role 's3-app': the audience is empty"),
        (
            {"policy_arns": {f"p{n}": POLICY for n in range(21)}},
            "role 's3-app' has 21 policies; IAM attaches at most 20",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_wrong_argument_is_refused_by_name_and_value(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ServiceAccountRoleArgs(**{**ARGS, **changes})
