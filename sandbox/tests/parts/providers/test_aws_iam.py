"""The `aws` provider's IAM resources, against the emulator."""

import json
from typing import Any

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from tests.sandbox.support.aws_harness import Aws
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


@pytest.fixture
def iam(aws: Aws) -> Any:
    return aws.emulator.client("iam", ACCOUNT_A)


def document(*actions: str, **elements: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*", **elements}
    return {"Version": "2012-10-17", "Statement": [statement]}


def trust(*accounts: str) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": list(accounts)},
        "Action": "sts:AssumeRole",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def role(**inputs: Any) -> dict[str, Any]:
    return {"assumeRolePolicy": json.dumps(trust(ACCOUNT_A)), **inputs}


def test_a_role_has_the_outputs_that_others_build_on(engine: Engine, iam: Any):
    made = engine.create(ROLE, role(name="outputs", path="/team/", description="d"))
    found = iam.get_role(RoleName="outputs")["Role"]
    assert (made.id, made.state) == (
        "outputs",
        {
            "arn": f"arn:aws:iam::{ACCOUNT_A}:role/team/outputs",
            "assumeRolePolicy": made.inputs["assumeRolePolicy"],
            "createDate": found["CreateDate"].isoformat(),
            "description": "d",
            "forceDetachPolicies": False,
            "maxSessionDuration": 3600,
            "name": "outputs",
            "path": "/team/",
            "permissionsBoundary": "",
            "tags": {},
            "tagsAll": {},
            "uniqueId": found["RoleId"],
        },
    )
    assert engine.refresh(made) == made
    engine.delete(made)
    assert engine.refresh(made) is None


def test_a_name_is_made_up_from_the_logical_name_and_kept(engine: Engine):
    made = engine.create(ROLE, role(), name="reader")
    assert made.id == "reader-0102030"
    assert engine.check(ROLE, role(), made.inputs, name="other")["name"] == "reader-0102030"
    engine.delete(made)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": "renamed"}, Difference([], ["name"], delete_first=True)),
        ({"path": "/team/"}, Difference([], ["path"], delete_first=True)),
        ({"description": "new"}, Difference(["description"], [])),
        ({"maxSessionDuration": 7200}, Difference(["maxSessionDuration"], [])),
        ({"assumeRolePolicy": json.dumps(trust(ACCOUNT_B))}, Difference(["assumeRolePolicy"], [])),
        ({"tags": {"a": "1"}}, Difference(["tags"], [])),
        ({"assumeRolePolicy": json.dumps(trust(ACCOUNT_A), indent=4)}, NOTHING),
        ({"assumeRolePolicy": json.dumps(trust(f"arn:aws:iam::{ACCOUNT_A}:root"))}, NOTHING),
        ({"maxSessionDuration": 3600, "path": "/", "description": "", "tags": {}}, NOTHING),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_role_is_replaced_where_aws_has_no_way_to_change_it(engine: Engine, change, expected):
    made = engine.create(ROLE, role(name="changing"))
    try:
        assert engine.diff(made, role(name="changing") | change) == expected
    finally:
        engine.delete(made)


def test_a_role_changes_in_place(engine: Engine, iam: Any):
    made = engine.create(ROLE, role(name="in-place", tags={"a": "1", "b": "2"}))
    wanted = role(
        name="in-place",
        assumeRolePolicy=json.dumps(trust(ACCOUNT_B)),
        description="new",
        maxSessionDuration=7200,
        permissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess",
        tags={"b": "3"},
    )
    changed = engine.update(made, wanted)
    found = iam.get_role(RoleName="in-place")["Role"]
    assert (
        found["AssumeRolePolicyDocument"]["Statement"][0]["Principal"],
        found["Description"],
        found["MaxSessionDuration"],
        found["PermissionsBoundary"]["PermissionsBoundaryArn"],
        found["Tags"],
        found["RoleId"],
    ) == (
        {"AWS": f"arn:aws:iam::{ACCOUNT_B}:root"},
        "new",
        7200,
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
        [{"Key": "b", "Value": "3"}],
        made.state["uniqueId"],
    )
    back = engine.update(changed, role(name="in-place"))
    assert back.state == made.state | {"tags": {}, "tagsAll": {}}
    engine.delete(back)


def test_what_others_change_shows_in_a_refresh_and_is_put_right(engine: Engine, iam: Any):
    made = engine.create(ROLE, role(name="drifting"))
    iam.update_role(RoleName="drifting", Description="theirs", MaxSessionDuration=7200)
    iam.tag_role(RoleName="drifting", Tags=[{"Key": "theirs", "Value": "1"}])
    iam.update_assume_role_policy(RoleName="drifting", PolicyDocument=json.dumps(trust(ACCOUNT_B)))
    seen = engine.refresh(made)
    assert seen is not None
    assert engine.diff(seen, role(name="drifting")) == Difference(
        ["assumeRolePolicy", "description", "maxSessionDuration", "tags"], []
    )
    assert engine.update(seen, role(name="drifting")).state == made.state
    engine.delete(made)


def test_a_role_is_imported_by_its_name(engine: Engine, iam: Any):
    iam.create_role(RoleName="theirs", AssumeRolePolicyDocument=json.dumps(trust(ACCOUNT_A)))
    found = engine.read(ROLE, "theirs")
    assert found is not None
    assert engine.diff(found, role(name="theirs")) == NOTHING
    engine.delete(found)
    assert engine.read(ROLE, "theirs") is None


def test_a_role_with_policies_is_deleted_only_by_force(engine: Engine, iam: Any):
    gentle = engine.create(ROLE, role(name="attached"))
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    iam.attach_role_policy(RoleName="attached", PolicyArn=arn)
    iam.put_role_policy(
        RoleName="attached", PolicyName="p", PolicyDocument=json.dumps(document("s3:*"))
    )
    assert refused(engine.delete, gentle) == (
        "deleting IAM Role (attached): DeleteRole: DeleteConflict: "
        "Cannot delete entity, must detach all policies first."
    )
    forced = engine.update(gentle, role(name="attached", forceDetachPolicies=True))
    engine.delete(forced)
    assert engine.refresh(forced) is None


@pytest.mark.parametrize("text", ["{", "[]", '"text"'], ids=repr)
def test_a_trust_policy_that_is_no_document_is_refused_in_the_preview(engine: Engine, text):
    with pytest.raises(InvalidInput, match="assumeRolePolicy: is not a policy document"):
        engine.check(ROLE, role(name="broken", assumeRolePolicy=text))


def test_a_policy_keeps_its_last_five_versions(engine: Engine, iam: Any):
    def wanted(number: int) -> dict[str, Any]:
        return {"name": "versions", "policy": json.dumps(document(f"s3:Get{number}"))}

    made = engine.create(POLICY, wanted(1))
    for number in range(2, 8):
        made = engine.update(made, wanted(number))
    versions = iam.list_policy_versions(PolicyArn=made.id)["Versions"]
    assert sorted((each["VersionId"], each["IsDefaultVersion"]) for each in versions) == [
        ("v3", False),
        ("v4", False),
        ("v5", False),
        ("v6", False),
        ("v7", True),
    ]
    assert json.loads(made.state["policy"])["Statement"][0]["Action"] == "s3:Get7"
    engine.delete(made)
    assert engine.refresh(made) is None


def test_an_attachment_that_others_removed_is_gone(engine: Engine, iam: Any):
    holder = engine.create(ROLE, role(name="detached"))
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    attachment = engine.create(ATTACHMENT, {"role": "detached", "policyArn": arn})
    assert engine.refresh(attachment) == attachment
    assert engine.diff(attachment, {"role": "other", "policyArn": arn}).replacing == ["role"]
    iam.detach_role_policy(RoleName="detached", PolicyArn=arn)
    assert engine.refresh(attachment) is None
    engine.delete(holder)


def test_exclusive_policies_are_all_that_a_role_keeps(engine: Engine, iam: Any):
    holder, text = engine.create(ROLE, role(name="exclusive")), json.dumps(document("s3:*"))
    own, foreign = (
        f"arn:aws:iam::aws:policy/{name}" for name in ("ReadOnlyAccess", "job-function/Billing")
    )

    def admit() -> None:
        iam.attach_role_policy(RoleName="exclusive", PolicyArn=foreign)
        iam.put_role_policy(RoleName="exclusive", PolicyName="p", PolicyDocument=text)

    def state() -> tuple[list[str], list[str]]:
        attached = iam.list_attached_role_policies(RoleName="exclusive")["AttachedPolicies"]
        inline = iam.list_role_policies(RoleName="exclusive")["PolicyNames"]
        return [each["PolicyArn"] for each in attached], inline

    admit()
    managed, inline = (
        engine.create(kind, {"roleName": "exclusive", listed: policies})
        for kind, listed, policies in ((MANAGED, "policyArns", [own]), (INLINE, "policyNames", []))
    )
    assert state() == ([own], [])
    assert engine.diff(inline, {"roleName": "exclusive", "policyNames": []}) == NOTHING
    admit()
    drifted = [engine.refresh(each) for each in (managed, inline)]
    assert [each.inputs for each in drifted] == [
        {"roleName": "exclusive", "policyArns": sorted([own, foreign])},
        {"roleName": "exclusive", "policyNames": ["p"]},
    ]
    engine.update(drifted[0], managed.inputs)
    engine.update(drifted[1], inline.inputs)
    assert state() == ([own], [])
    more = {**inline.inputs, "policyNames": ["p"]}
    assert "parameter PolicyDocument" in refused(engine.update, inline, more)
    with pytest.raises(InvalidInput, match="policyNames: is required"):
        engine.check(INLINE, {"roleName": "exclusive"})
    engine.delete(managed)
    engine.delete(inline)
    assert state() == ([own], []), "their deletion changes nothing"
    iam.detach_role_policy(RoleName="exclusive", PolicyArn=own)
    engine.delete(holder)
    assert engine.refresh(managed) is None


def test_a_role_is_looked_up_with_its_tags(engine: Engine):
    made = engine.create(ROLE, role(name="looked-up", path="/team/", tags={"stack": "prod"}))
    found = engine.invoke("aws:iam/getRole:getRole", name="looked-up")
    assert found.items() >= shown(made.state, "arn", "uniqueId", "tags", "path").items()
    engine.delete(made)


def test_a_provider_changes_its_audiences_in_place(engine: Engine, iam: Any):
    def wanted(*audiences: str, **inputs: Any) -> dict[str, Any]:
        return {"url": "https://issuer.example/id/A", "clientIdLists": list(audiences), **inputs}

    made = engine.create(PROVIDER, wanted("sts.amazonaws.com", "vault", tags={"a": "1"}))
    assert shown(made.state, "arn", "url", "clientIdLists", "thumbprintLists") == {
        "arn": f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/issuer.example/id/A",
        "url": "issuer.example/id/A",
        "clientIdLists": ["sts.amazonaws.com", "vault"],
        "thumbprintLists": [],
    }
    assert engine.diff(made, wanted("vault", "sts.amazonaws.com", tags={"a": "1"})) == NOTHING
    assert engine.refresh(made) == made
    changed = engine.update(made, wanted("sts.amazonaws.com", "third"))
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=made.id)
    assert (sorted(found["ClientIDList"]), found["Tags"]) == (["sts.amazonaws.com", "third"], [])
    assert engine.diff(changed, wanted("third", url="https://issuer.example/id/B")) == Difference(
        ["clientIdLists[0]", "clientIdLists[1]"], ["url"]
    )
    engine.delete(changed)
    assert engine.refresh(changed) is None


def test_the_secret_of_an_access_key_is_a_secret_and_survives_a_refresh(engine: Engine, iam: Any):
    user = engine.create(USER, {"name": "s3-manager"})
    key = engine.create(KEY, {"user": "s3-manager"})
    seen = engine.refresh(key)
    assert seen == key
    assert key.state["secret"]
    assert engine.secrets_of(KEY, {"user": "s3-manager"}) == {"secret"}
    off = engine.update(key, {"user": "s3-manager", "status": "Inactive"})
    assert off.state == key.state | {"status": "Inactive"}
    assert refused(engine.read, KEY, key.id) == (
        "an access key cannot be imported: AWS does not show its secret again"
    )
    assert refused(engine.delete, user).startswith(
        "deleting IAM User (s3-manager): DeleteUser: DeleteConflict: "
    )
    engine.delete(engine.update(user, {"name": "s3-manager", "forceDestroy": True}))
    assert engine.refresh(key) is None


def test_a_role_that_others_recreated_is_another_one(engine: Engine, iam: Any):
    made = engine.create(ROLE, role(name="recreated"))
    iam.delete_role(RoleName="recreated")
    iam.create_role(RoleName="recreated", AssumeRolePolicyDocument=json.dumps(trust(ACCOUNT_A)))
    seen = engine.refresh(made)
    assert seen is not None
    assert seen.state["uniqueId"] != made.state["uniqueId"]
    engine.delete(seen)


def test_a_policy_in_use_is_not_deleted_and_one_that_is_gone_is(engine: Engine):
    policy = engine.create(POLICY, {"name": "used", "policy": json.dumps(document("s3:*"))})
    holder = engine.create(ROLE, role(name="holder"))
    attachment = engine.create(ATTACHMENT, {"role": "holder", "policyArn": policy.id})
    assert refused(engine.delete, policy).startswith(
        "deleting IAM Policy (used): DeletePolicy: DeleteConflict: "
    )
    for each in (attachment, policy, holder) * 2:
        engine.delete(each)


def test_an_imported_provider_matches_a_program_that_says_https(engine: Engine, iam: Any):
    url, audiences = "https://issuer.example/id/C", ["sts.amazonaws.com"]
    created = iam.create_open_id_connect_provider(Url=url, ClientIDList=audiences)
    found = engine.read(PROVIDER, created["OpenIDConnectProviderArn"])
    assert found is not None
    assert engine.diff(found, {"url": url, "clientIdLists": audiences}) == NOTHING
    engine.delete(found)


def test_a_user_is_not_renamed(engine: Engine):
    user = engine.create(USER, {"name": "before"})
    assert refused(engine.update, user, {"name": "after"}).startswith("user before: the sandbox")
    engine.delete(user)


@pytest.mark.parametrize(
    ("token", "inputs", "message"),
    [
        (
            "aws:iam/role:Role",
            {"assumeRolePolicy": "{}", "maxSessionDuration": 50_000},
            "maxSessionDuration: expected it in the range (3600 - 43200), got 50000",
        ),
        (
            "aws:iam/role:Role",
            {"assumeRolePolicy": "{}", "permissionsBoundary": "boundary"},
            "permissionsBoundary: 'boundary' is an invalid ARN",
        ),
        (
            "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
            {"url": "http://issuer.example"},
            "url: expected a URL with https://, got http://issuer.example",
        ),
        (
            "aws:eks/podIdentityAssociation:PodIdentityAssociation",
            {"clusterName": "a", "namespace": "b", "serviceAccount": "c", "roleArn": "not-an-arn"},
            "roleArn: 'not-an-arn' is an invalid ARN",
        ),
    ],
)
def test_what_the_provider_refuses_is_refused_in_the_preview(
    request, either: Engine, token, inputs, message
):
    with pytest.raises(InvalidInput) as refused_:
        either.check(token, inputs)
    if "plugin" not in request.node.name:  # whose words are its own
        assert str(refused_.value) == message
