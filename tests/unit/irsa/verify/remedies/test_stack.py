"""What a stack owns is put right by its program; everything else as if there were no stack."""

from dataclasses import replace

import pytest

from irsa.observe.facts import Answer, PermissionsPolicy, ServiceAccount
from irsa.observe.stack import Stack, Thing, skipped_of, stack_of
from irsa.verify.link import Status
from tests.unit.irsa.verify.test_chain import (
    ALLOW_ALL,
    DENIED,
    ISSUER,
    PROVIDER_ARN,
    ROLE,
    ROLE_ARN,
    links,
)

ROLE_THING = Thing("role", ROLE_ARN)
STACK = Stack("dev", frozenset({ROLE_THING, Thing("annotation", "dev/s3-app")}))
PULUMI = ("pulumi refresh --stack dev", "pulumi up --stack dev")
NOT_TRUSTED = replace(ROLE, trust_policy={"Version": "2012-10-17", "Statement": []})


@pytest.mark.parametrize(
    ("changes", "link", "thing"),
    [
        ({"role": None, "assumed": DENIED}, "role", ROLE_THING),
        ({"role": NOT_TRUSTED, "assumed": DENIED}, "trust", ROLE_THING),
        ({"role": replace(ROLE, policies=())}, "permissions", ROLE_THING),
    ],
)
def test_what_the_stack_owns_it_puts_right(changes, link, thing):
    found = links(stack=STACK, **changes)[link]

    assert found.status is Status.FAILED
    assert found.remedy.shell == PULUMI
    assert found.remedy.text.startswith(f"{thing} belongs to the stack dev: let it put that right")
    assert links(**changes)[link].remedy.shell[0].startswith("aws iam ")


def test_a_restart_stays():
    account = ServiceAccount("dev", "s3-app", {})
    found = links(stack=STACK, service_account=account, expected_role=ROLE_ARN)["annotation"]
    restart = "kubectl rollout restart deployment/s3-app --namespace dev"
    assert found.remedy.shell == (*PULUMI, restart)


def test_what_somebody_put_beside_the_stack_is_removed_by_hand():
    stop = {"Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
    both = (PermissionsPolicy("all", ALLOW_ALL), PermissionsPolicy("guard", stop))
    found = links(stack=STACK, role=replace(ROLE, policies=both))["permissions"]
    assert found.remedy.shell == (
        "aws iam delete-role-policy --role-name s3-app --policy-name guard",
    )


@pytest.mark.parametrize(
    "owned",
    [frozenset(), frozenset({Thing("role", ROLE_ARN.replace("s3-app", "another"))})],
)
def test_what_the_stack_does_not_own_is_changed_by_hand(owned):
    found = links(stack=Stack("dev", owned), role=None, assumed=DENIED)["role"]
    assert found.remedy.shell[0].startswith("aws iam create-role ")


def test_without_the_stacks_name_there_is_no_command_to_paste():
    found = links(stack=replace(STACK, name=""), role=None, assumed=DENIED)["role"]
    assert found.remedy.shell == ()
    assert "with `pulumi refresh` and `pulumi up`" in found.remedy.text


def test_the_provider_and_the_bucket_are_the_stacks_too():
    owned = frozenset({Thing("OIDC provider", PROVIDER_ARN), Thing("bucket", "bucket")})
    stack = Stack("dev", owned)
    no_bucket = Answer(allowed=False, code="NoSuchBucket", message="x")
    assert links(stack=stack, providers=(), assumed=DENIED)["provider"].remedy.shell == PULUMI
    assert links(stack=stack, data=no_bucket)["data"].remedy.shell == PULUMI


def resource(kind, *, outputs=None, **more):
    urn = f"urn:pulumi:dev::irsa::{kind}::x"
    return {"urn": urn, "type": kind, "outputs": outputs or {}, **more}


METADATA = {"metadata": {"namespace": "dev", "name": "s3-app"}}
RESOURCES = [
    resource("pulumi:pulumi:Stack"),
    resource("aws:iam/role:Role", outputs={"arn": ROLE_ARN}),
    resource("aws:iam/role:Role", outputs={"arn": f"{ROLE_ARN}-existing"}, external=True),
    resource("aws:iam/role:Role", outputs={"arn": f"{ROLE_ARN}-old"}, delete=True),
    resource("aws:s3/bucket:Bucket", id="bucket"),
    resource("kubernetes:core/v1:ServiceAccountPatch", outputs=METADATA),
    resource("kubernetes:apps/v1:Deployment", outputs=METADATA),
    resource(
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        outputs={"arn": f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"},
    ),
]
OWNED = {
    ROLE_THING,
    Thing("bucket", "bucket"),
    Thing("annotation", "dev/s3-app"),
    Thing("deployment", "dev/s3-app"),
    Thing("OIDC provider", PROVIDER_ARN),
}


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ({"deployment": {"resources": RESOURCES}}, "dev"),
        ({"checkpoint": {"stack": "organization/irsa/dev", "latest": {"resources": RESOURCES}}},
         "organization/irsa/dev"),
    ],
    ids=["export", "state-file"],
)  # fmt: skip
def test_a_state_says_what_the_stack_is_called_and_owns(document, name):
    assert stack_of(document) == Stack(name, frozenset(OWNED))
    assert stack_of(document, "me/irsa/prod").name == "me/irsa/prod"


def test_outputs_alone_say_less():
    app = {"namespace": "dev", "service_account": "s3-app", "role_arn": ROLE_ARN, "deployment": "d"}
    assert stack_of({"workloads": {"app": app}}) == Stack(
        "", frozenset({ROLE_THING, Thing("annotation", "dev/s3-app"), Thing("deployment", "dev/d")})
    )


def test_a_stack_that_makes_a_role_alone_owns_no_annotation():
    role = {"namespace": "logs", "service_account": "loki", "role_arn": ROLE_ARN}
    assert stack_of({"workloads": {"loki": role}}) == Stack("", frozenset({ROLE_THING}))


def test_what_is_left_out_is_named_with_the_reason():
    outputs = {
        "workloads": {
            "app": {"namespace": "dev", "service_account": "app", "role_arn": ROLE_ARN},
            "key": {"namespace": "dev", "service_account": "key", "user_name": "s3-manager"},
            "pattern": {"namespace": "dev", "role_arn": ROLE_ARN},
        }
    }
    assert skipped_of(outputs) == {"key": "no role", "pattern": "no service account of its own"}
