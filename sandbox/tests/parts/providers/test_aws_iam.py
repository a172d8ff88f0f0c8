"""The `aws` provider's IAM resources, against the emulator. All types: test_aws_types.py."""

import json
from typing import Any

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A
from tests.sandbox.support.aws_harness import allow as document
from tests.sandbox.support.provider_harness import (
    NOTHING,
    Difference,
    Engine,
    InvalidInput,
    refused,
    shown,
)

pytestmark = pytest.mark.sandbox

ROLE, POLICY = "aws:iam/role:Role", "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
MANAGED = "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive"
INLINE = "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive"
PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
USER, KEY = "aws:iam/user:User", "aws:iam/accessKey:AccessKey"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def trust(account: str, **layout: Any) -> str:
    principal = {"Principal": {"AWS": [account]}, "Action": "sts:AssumeRole"}
    statement = {"Effect": "Allow", **principal}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, **layout)


def role(**inputs: Any) -> dict[str, Any]:
    return {"assumeRolePolicy": trust(ACCOUNT_A), **inputs}


def test_a_role_has_the_outputs_that_others_build_on(engine: Engine, iam: Any):
    made = engine.create(ROLE, role(name="outputs", path="/team/", tags={"stack": "prod"}))
    found = iam.get_role(RoleName="outputs")["Role"]
    assert (made.id, made.state) == (
        "outputs",
        {
            "arn": f"arn:aws:iam::{ACCOUNT_A}:role/team/outputs",
            "assumeRolePolicy": made.inputs["assumeRolePolicy"],
            "createDate": found["CreateDate"].isoformat(),
            "description": "",
            "forceDetachPolicies": False,
            "maxSessionDuration": 3600,
            "name": "outputs",
            "path": "/team/",
            "permissionsBoundary": "",
            "tags": {"stack": "prod"},
            "tagsAll": {"stack": "prod"},
            "uniqueId": found["RoleId"],
        },
    )
    engine.delete(made)


def test_a_name_is_made_up_from_the_logical_name_and_kept(engine: Engine):
    made = engine.create(ROLE, role(), name="reader")
    assert made.id == "reader-0102030"
    assert engine.check(ROLE, role(), made.inputs, name="other")["name"] == "reader-0102030"
    engine.delete(made)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"path": "/team/"}, Difference([], ["path"], delete_first=True)),
        ({"assumeRolePolicy": trust(ACCOUNT_A, indent=4)}, NOTHING),
        ({"assumeRolePolicy": trust(f"arn:aws:iam::{ACCOUNT_A}:root")}, NOTHING),
        ({"maxSessionDuration": 3600, "path": "/", "description": "", "tags": {}}, NOTHING),
    ],
    ids=["path", "layout", "root", "defaults"],
)
def test_a_role_is_the_same_however_it_is_written(engine: Engine, change, expected):
    made = engine.create(ROLE, role(name="changing"))
    try:
        assert engine.diff(made, role(name="changing") | change) == expected
    finally:
        engine.delete(made)


def test_what_leaves_the_program_leaves_the_role(engine: Engine):
    made = engine.create(ROLE, role(name="plain"))
    more = {"description": "x", "permissionsBoundary": READ_ONLY, "tags": {"a": "b"}}
    changed = engine.update(made, role(name="plain", **more))
    assert engine.update(changed, role(name="plain")).state == made.state
    engine.delete(made)


def test_a_role_with_policies_is_deleted_only_by_force(engine: Engine, iam: Any):
    gentle = engine.create(ROLE, role(name="attached"))
    iam.attach_role_policy(RoleName="attached", PolicyArn=READ_ONLY)
    iam.put_role_policy(RoleName="attached", PolicyName="p", PolicyDocument=document("s3:*", "*"))
    assert refused(engine.delete, gentle) == (
        "deleting IAM Role (attached): DeleteRole: DeleteConflict: "
        "Cannot delete entity, must detach all policies first."
    )
    forced = engine.update(gentle, role(name="attached", forceDetachPolicies=True))
    engine.delete(forced)
    assert engine.refresh(forced) is None


def test_a_policy_keeps_its_last_five_versions_and_is_not_deleted_in_use(engine: Engine, iam: Any):
    def wanted(number: int) -> dict[str, Any]:
        return {"name": "versions", "policy": document(f"s3:Get{number}", "*")}

    made = engine.create(POLICY, wanted(1))
    for number in range(2, 8):
        made = engine.update(made, wanted(number))
    versions = iam.list_policy_versions(PolicyArn=made.id)["Versions"]
    found = sorted((each["VersionId"], each["IsDefaultVersion"]) for each in versions)
    assert found == [(f"v{number}", number == 7) for number in range(3, 8)]
    assert json.loads(made.state["policy"])["Statement"][0]["Action"] == "s3:Get7"

    holder = engine.create(ROLE, role(name="holder"))
    attachment = engine.create(ATTACHMENT, {"role": "holder", "policyArn": made.id})
    line = "deleting IAM Policy (versions): DeletePolicy: DeleteConflict: "
    assert refused(engine.delete, made).startswith(line)
    for each in (attachment, made, holder):
        engine.delete(each)


def test_exclusive_policies_are_all_that_a_role_keeps(engine: Engine, iam: Any):
    holder = engine.create(ROLE, role(name="exclusive"))
    at, foreign = {"RoleName": "exclusive"}, "arn:aws:iam::aws:policy/job-function/Billing"

    def admit() -> None:
        iam.attach_role_policy(**at, PolicyArn=foreign)
        iam.put_role_policy(**at, PolicyName="p", PolicyDocument=document("s3:*", "*"))

    def state() -> tuple[list[str], list[str]]:
        attached = iam.list_attached_role_policies(**at)["AttachedPolicies"]
        return [each["PolicyArn"] for each in attached], iam.list_role_policies(**at)["PolicyNames"]

    admit()
    wanted = {"roleName": "exclusive", "policyArns": [READ_ONLY]}
    none = {"roleName": "exclusive", "policyNames": []}
    managed, inline = engine.create(MANAGED, wanted), engine.create(INLINE, none)
    assert state() == ([READ_ONLY], [])
    admit()
    drifted = [engine.refresh(each) for each in (managed, inline)]
    assert [each and each.inputs for each in drifted] == [
        {"roleName": "exclusive", "policyArns": sorted([READ_ONLY, foreign])},
        {"roleName": "exclusive", "policyNames": ["p"]},
    ]
    for seen, inputs in zip(drifted, (wanted, none), strict=True):
        assert seen is not None
        engine.update(seen, inputs)
    assert state() == ([READ_ONLY], [])
    more = {**none, "policyNames": ["p"]}
    assert "parameter PolicyDocument" in refused(engine.update, inline, more)
    with pytest.raises(InvalidInput, match="policyNames: is required"):
        engine.check(INLINE, {"roleName": "exclusive"})
    engine.delete(managed)
    engine.delete(inline)
    assert state() == ([READ_ONLY], []), "their deletion changes nothing"
    iam.detach_role_policy(**at, PolicyArn=READ_ONLY)
    engine.delete(holder)
    assert engine.refresh(managed) is None


def test_the_audiences_of_a_provider_have_no_order(engine: Engine):
    wanted = {"url": "https://issuer.example/id/A", "clientIdLists": ["vault", "a"]}
    made = engine.create(PROVIDER, wanted)
    assert shown(made.state, "arn", "url", "clientIdLists", "thumbprintLists") == {
        "arn": f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/issuer.example/id/A",
        "url": "issuer.example/id/A",
        "clientIdLists": ["a", "vault"],
        "thumbprintLists": [],
    }
    assert engine.diff(made, {**wanted, "clientIdLists": ["a", "vault"]}) == NOTHING
    other = {"url": "https://issuer.example/id/B", "clientIdLists": ["c"]}
    paths = ["clientIdLists[0]", "clientIdLists[1]"]
    assert engine.diff(made, other) == Difference(paths, ["url"])
    engine.delete(made)


def test_the_secret_of_an_access_key_is_a_secret_and_survives_a_refresh(engine: Engine):
    user = engine.create(USER, {"name": "s3-manager"})
    key = engine.create(KEY, {"user": "s3-manager"})
    assert key.state["secret"]
    assert engine.refresh(key) == key
    assert engine.secrets_of(KEY, {"user": "s3-manager"}) == {"secret"}
    assert refused(engine.read, KEY, key.id) == (
        "an access key cannot be imported: AWS does not show its secret again"
    )
    assert refused(engine.update, user, {"name": "x"}).startswith("user s3-manager: the sandbox")
    assert refused(engine.delete, user).startswith(
        "deleting IAM User (s3-manager): DeleteUser: DeleteConflict: "
    )
    engine.delete(engine.update(user, {"name": "s3-manager", "forceDestroy": True}))
    assert engine.refresh(key) is None


CLUSTER = "aws:eks/cluster:Cluster"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
ACCOUNT = {"clusterName": "a", "namespace": "b", "serviceAccount": "c"}
NO_DOCUMENT = "assumeRolePolicy: is not a policy document"


@pytest.mark.parametrize(
    ("token", "inputs", "message"),
    [
        *((ROLE, {"assumeRolePolicy": text}, NO_DOCUMENT) for text in ("{", "[]", '"text"')),
        (
            ROLE,
            {"assumeRolePolicy": "{}", "maxSessionDuration": 50_000},
            "maxSessionDuration: expected it in the range (3600 - 43200), got 50000",
        ),
        (
            ROLE,
            {"assumeRolePolicy": "{}", "permissionsBoundary": "boundary"},
            "permissionsBoundary: 'boundary' is an invalid ARN",
        ),
        (
            PROVIDER,
            {"url": "http://issuer.example"},
            "url: expected a URL with https://, got http://issuer.example",
        ),
        (
            ASSOCIATION,
            {**ACCOUNT, "roleArn": "not-an-arn"},
            "roleArn: 'not-an-arn' is an invalid ARN",
        ),
        (CLUSTER, {"roleArn": READ_ONLY}, "vpcConfig: is required"),
    ],
)
def test_what_the_provider_refuses_is_refused_in_the_preview(
    request, either: Engine, token, inputs, message
):
    with pytest.raises(InvalidInput) as refused_:
        either.check(token, inputs)
    if "plugin" not in request.node.name:  # whose words are its own
        assert str(refused_.value).startswith(message)
