"""The `aws` provider's configuration, what all its types share, and its resources of IAM and S3."""

import gc
import json
from pathlib import Path
from typing import Any

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.providers.values import UNKNOWN
from tests.sandbox.support.aws_harness import Aws, trusting
from tests.sandbox.support.aws_harness import allow as document
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.provider_harness import NOTHING, Difference, InvalidInput, refused, shown

pytestmark = pytest.mark.usefixtures("restored")

ROLE = "aws:iam/role:Role"
ACCOUNT_B_ROLE = f"arn:aws:iam::{ACCOUNT_B}:role/OrganizationAccountAccessRole"
SETTINGS = "an aws provider's configuration; it knows accessKey, allowedAccountIds, assume"
BUCKET = "aws:s3/bucket:Bucket"
MANAGED = "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive"
INLINE = "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive"
PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
USER, KEY = "aws:iam/user:User", "aws:iam/accessKey:AccessKey"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
BUCKETS = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
READ = document("s3:GetObject", "*")
CLUSTER = "aws:eks/cluster:Cluster"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
ACCOUNT = {"clusterName": "a", "namespace": "b", "serviceAccount": "c"}
DAY = "maxSessionDuration: expected it in the range (3600 - 43200), got 50000"
HTTP = "url: expected a URL with https://, got http://issuer.example"


def role(**inputs: Any) -> dict[str, Any]:
    return {"assumeRolePolicy": trusting(ACCOUNT_A), **inputs}


def test_it_works_as_the_administrator_or_as_an_assumed_role(provider, aws: Aws):
    def caller(**config: str) -> str:
        configured = provider.configured(**config)
        return configured.invoke("aws:index/getCallerIdentity:getCallerIdentity")["arn"]

    assert caller(region="us-east-1") == aws.emulator.administrator_arn
    roles = json.dumps([{"roleArn": ACCOUNT_B_ROLE, "sessionName": "deploy"}])
    session = f"arn:aws:sts::{ACCOUNT_B}:assumed-role/OrganizationAccountAccessRole/deploy"
    assert caller(assumeRoles=roles, allowedAccountIds=f'["{ACCOUNT_B}"]') == session


@pytest.mark.cases(("config", "line"), {
    "another account": ({"allowedAccountIds": [ACCOUNT_B]},
        f"AWS account ID not allowed: {ACCOUNT_A} (allowed a"),
    "role not found": ({"assumeRoles": [{"roleArn": f"{ACCOUNT_B_ROLE}-2"}]},
        f"cannot assume role {ACCOUNT_B_ROLE}-2: AssumeRole: AccessDenied: User: arn:aws:iam::"),
    "profile": ({"profile": "dev"}, f"the sandbox does not know 'profile' in {SETTINGS}"),
    "session policy": ({"assumeRoles": [{"roleArn": ACCOUNT_B_ROLE, "policy": "{}"}]},
        "the sandbox does not know 'policy' in assumeRoles of an aws provider"),
})  # fmt: skip
def test_a_configuration_that_cannot_be_is_one_line(provider, config, line):
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()}
    assert refused(provider.configured, **texts).startswith(line)


def test_default_tags_go_on_what_has_tags_and_the_resource_s_own_win(aws: Aws, provider):
    tags = json.dumps({"tags": {"stack": "dev", "team": "platform"}})
    engine = provider.configured(defaultTags=tags)
    made = engine.create(ROLE, role(name="tagged", tags={"team": "data"}))
    merged = {"stack": "dev", "team": "data"}
    assert shown(made.state, "tags", "tagsAll") == {"tags": merged, "tagsAll": merged}
    other = provider.configured(defaultTags=json.dumps({"tags": {"stack": "prod"}}))
    assert other.diff(made, made.inputs | {"tags": {"team": "data"}})[:2] == (["tags.stack"], [])


def test_a_configuration_that_is_not_known_yet_lets_a_preview_pass(provider):
    engine = provider.configured(assumeRoles=UNKNOWN)
    assert engine.preview(ROLE, role(name="new"))["arn"] == UNKNOWN
    line = "the configuration of this aws provider is not known in a preview"
    assert refused(engine.create, ROLE, role(name="new")) == line


def test_an_unknown_type_or_input_is_refused_by_name(engine):
    line = refused(engine.check, "aws:ec2/instance:Instance", {})
    assert ":Instance is no type of the sandbox; leave it out here" in line
    line = refused(engine.check, "aws:s3/bucketV2:BucketV2", {})
    assert line.endswith("is no type of the sandbox; the nearest are aws:s3/bucket:Bucket")
    with pytest.raises(InvalidInput, match="namePrefix: the sandbox does not know this input"):
        engine.check(ROLE, role(namePrefix="web-"))


def test_a_role_has_the_outputs_that_others_build_on(engine, iam):
    made = engine.create(ROLE, role(name="outputs", path="/team/", tags={"stack": "prod"}))
    facts = iam.get_role(RoleName="outputs")["Role"]
    assert made.state == {
        "arn": f"arn:aws:iam::{ACCOUNT_A}:role/team/outputs",
        "assumeRolePolicy": made.inputs["assumeRolePolicy"],
        "createDate": facts["CreateDate"].isoformat(),
        "description": "",
        "forceDetachPolicies": False,
        "inlinePolicies": [],
        "managedPolicyArns": [],
        "maxSessionDuration": 3600,
        "name": made.id,
        "path": "/team/",
        "permissionsBoundary": "",
        "tags": {"stack": "prod"},
        "tagsAll": {"stack": "prod"},
        "uniqueId": facts["RoleId"],
    }
    looked_up = engine.invoke("aws:iam/getRole:getRole", name="outputs")
    assert looked_up.items() >= shown(made.state, "arn", "uniqueId", "tags", "path").items()


def test_a_name_is_made_up_from_the_logical_name_and_kept(engine):
    made = engine.create(ROLE, role(), name="reader")
    assert made.id == "reader-0102030"
    assert engine.check(ROLE, role(), made.inputs, name="other")["name"] == "reader-0102030"
    assert engine.check(ROLE, role(), made.inputs, mode="ENFORCE")["name"] == made.id
    assert engine.check(BUCKET, {}, name="Data")["bucket"] == "data-0102030"
    assert engine.check(BUCKET, {}, mode="PROPOSE", proposed_name="Data")["bucket"] == "data"
    with pytest.raises(InvalidInput, match="bucket name 'Data' is refused by S3"):
        engine.check(BUCKET, {}, mode="ENFORCE", proposed_name="Data")


def test_a_role_is_the_same_with_its_defaults_written_but_for_its_path(engine):
    made = engine.create(ROLE, role(name="changing"))
    defaults = {"maxSessionDuration": 3600, "path": "/", "description": "", "tags": {}}
    assert engine.diff(made, role(name="changing", **defaults)) == NOTHING
    moved = engine.diff(made, role(name="changing", path="/team/"))
    assert moved == Difference([], ["path"], delete_first=True)


def test_what_leaves_the_program_leaves_the_role(engine):
    made = engine.create(ROLE, role(name="plain"))
    more = {"description": "x", "permissionsBoundary": READ_ONLY, "tags": {"a": "b"}}
    changed = engine.update(made, role(name="plain", **more))
    assert engine.update(changed, role(name="plain")).state == made.state


def test_a_role_with_policies_is_deleted_only_by_force(engine, iam):
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


def test_a_role_keeps_policies_without_a_list_and_loses_them_by_an_empty_one(engine, iam):
    """Lists with policies: test_aws_types.py. All that the state shows goes with the role."""
    at, inline = {"RoleName": "lists"}, [{"name": name, "policy": READ} for name in ("b", "a")]
    listed = role(name="lists", inlinePolicies=inline, managedPolicyArns=[READ_ONLY])
    made = engine.create(ROLE, listed)
    iam.attach_role_policy(**at, PolicyArn=BUCKETS)
    iam.put_role_policy(**at, PolicyName="a", PolicyDocument=document("s3:PutObject", "*"))
    seen = engine.refresh(made)
    paths = ["inlinePolicies[0].policy", "managedPolicyArns[0]", "managedPolicyArns[1]"]
    assert engine.diff(seen, listed) == Difference(paths, [])
    assert engine.update(seen, listed).state == made.state

    empty = engine.update(made, role(name="lists", inlinePolicies=[{}], managedPolicyArns=[]))
    assert engine.refresh(empty) == empty
    iam.attach_role_policy(**at, PolicyArn=BUCKETS)
    for none in ({}, {"inlinePolicies": []}):
        assert engine.diff(empty, role(name="lists", **none)) == NOTHING
    seen = engine.update(empty, role(name="lists", description="x"))
    assert (seen.state["inlinePolicies"], seen.state["managedPolicyArns"]) == ([], [BUCKETS])
    engine.delete(seen)


def test_a_role_with_a_wrong_policy_is_not_left_behind(engine, iam):
    wrong = role(name="wrong", inlinePolicies=[{"name": "p", "policy": '{"Statement": []}'}])
    assert "PutRolePolicy: MalformedPolicyDocument" in refused(engine.create, ROLE, wrong)
    assert "wrong" not in [each["RoleName"] for each in iam.list_roles()["Roles"]]


def test_a_policy_keeps_its_last_five_versions(engine, iam):
    def wanted(number: int) -> dict[str, Any]:
        return {"name": "versions", "policy": document(f"s3:Get{number}", "*")}

    made = engine.create("aws:iam/policy:Policy", wanted(1))
    for number in range(2, 8):
        made = engine.update(made, wanted(number))
    versions = iam.list_policy_versions(PolicyArn=made.id)["Versions"]
    facts = sorted((version["VersionId"], version["IsDefaultVersion"]) for version in versions)
    assert facts == [(f"v{number}", number == 7) for number in range(3, 8)]
    assert json.loads(made.state["policy"])["Statement"][0]["Action"] == "s3:Get7"


def test_exclusive_policies_are_all_that_a_role_keeps(engine, iam):
    holder = engine.create(ROLE, role(name="exclusive"))
    at, foreign = {"RoleName": "exclusive"}, "arn:aws:iam::aws:policy/job-function/Billing"
    iam.attach_role_policy(**at, PolicyArn=foreign)
    iam.put_role_policy(**at, PolicyName="p", PolicyDocument=document("s3:*", "*"))
    none = {"roleName": "exclusive", "policyNames": []}
    managed = engine.create(MANAGED, {"roleName": "exclusive", "policyArns": [READ_ONLY]})
    inline = engine.create(INLINE, none)
    assert iam.list_role_policies(**at)["PolicyNames"] == []
    iam.attach_role_policy(**at, PolicyArn=foreign)
    drifted = engine.refresh(managed)
    assert drifted.inputs["policyArns"] == sorted([READ_ONLY, foreign])
    engine.update(drifted, managed.inputs)

    more = {**none, "policyNames": ["p"]}
    assert 'parameter in input: "PolicyDocument"' in refused(engine.update, inline, more)
    with pytest.raises(InvalidInput, match="policyNames: is required"):
        engine.check(INLINE, {"roleName": "exclusive"})
    for resource in (managed, inline):
        engine.delete(resource)
    [kept] = iam.list_attached_role_policies(**at)["AttachedPolicies"]
    assert kept["PolicyArn"] == READ_ONLY, "their deletion changes nothing"
    iam.detach_role_policy(**at, PolicyArn=READ_ONLY)
    engine.delete(holder)
    assert engine.refresh(managed) is None


def test_a_provider_has_the_outputs_that_others_build_on(engine):
    inputs = {"url": "https://issuer.example/id/A", "clientIdLists": ["vault", "a"]}
    made = engine.create(PROVIDER, inputs)
    assert shown(made.state, "arn", "url", "clientIdLists", "thumbprintLists") == {
        "arn": f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/issuer.example/id/A",
        "url": "issuer.example/id/A",
        "clientIdLists": ["a", "vault"],
        "thumbprintLists": [],
    }


def test_the_secret_of_an_access_key_is_a_secret_and_survives_a_refresh(engine):
    user = engine.create(USER, {"name": "s3-manager"})
    key = engine.create(KEY, {"user": "s3-manager"})
    assert key.state["secret"]
    assert engine.refresh(key) == key
    assert engine.secrets_of(KEY, {"user": "s3-manager"}) == {"secret"}
    line = "an access key cannot be imported: AWS does not show its secret again"
    assert refused(engine.read, KEY, key.id) == line
    assert refused(engine.update, user, {"name": "x"}).startswith("user s3-manager: the sandbox")
    line = "deleting IAM User (s3-manager): DeleteUser: DeleteConflict: "
    assert refused(engine.delete, user).startswith(line)
    engine.delete(engine.update(user, {"name": "s3-manager", "forceDestroy": True}))
    assert engine.refresh(key) is None


@pytest.mark.cases(("token", "inputs", "message"), {
    **{f"trust policy {text}": (ROLE, {"assumeRolePolicy": text},
        "assumeRolePolicy: is not a policy document") for text in ("{", "[]", '"text"')},
    "session above 12 hours": (ROLE, role(maxSessionDuration=50_000), DAY),
    "boundary without an ARN": (ROLE, role(permissionsBoundary="x"),
        "permissionsBoundary: 'x' is an invalid ARN"),
    "managed policy without an ARN": (ROLE, role(managedPolicyArns=[READ_ONLY, "x"]),
        "managedPolicyArns: 'x' is an invalid A"),
    "inline policy, name with a space": (ROLE,
        role(inlinePolicies=[{"name": "a b", "policy": READ}]), "inlinePolicies: 'a b': "),
    "inline policy without a document": (ROLE, role(inlinePolicies=[{"name": "a"}]),
        "inlinePolicies: 'a': expected"),
    "role name of 65 characters": (ROLE, role(name="x" * 65),
        f"name: role name '{'x' * 65}' has 65 characters; IAM accepts"),
    "issuer by HTTP": (PROVIDER, {"url": "http://issuer.example"}, HTTP),
    "association, role without an ARN": (ASSOCIATION, {**ACCOUNT, "roleArn": "x"},
        "roleArn: 'x' is an invalid ARN"),
    "cluster without a VPC": (CLUSTER, {"roleArn": READ_ONLY}, "vpcConfig: is required"),
})  # fmt: skip
def test_what_the_provider_refuses_fails_the_preview(request, either, token, inputs, message):
    with pytest.raises(InvalidInput) as refused_:
        either.check(token, inputs)
    if "plugin" not in request.node.name:  # whose words are its own
        assert str(refused_.value).startswith(message)


def test_a_bucket_has_the_outputs_that_others_build_on(engine):
    made = engine.create(BUCKET, {"bucket": "outputs", "tags": {"a": "1"}})
    assert made.state == {
        "arn": "arn:aws:s3:::outputs",
        "bucketDomainName": "outputs.s3.amazonaws.com",
        "bucketRegionalDomainName": "outputs.s3.us-east-1.amazonaws.com",
        "forceDestroy": False,
        "hostedZoneId": "Z3AQBSTGFYJSTF",
        "bucket": made.id,
        "bucketRegion": "us-east-1",
        "region": "us-east-1",
        "tags": {"a": "1"},
        "tagsAll": {"a": "1"},
    }
    without = engine.update(made, {"bucket": "outputs"})
    assert without.state == made.state | {"tags": {}, "tagsAll": {}}


def test_a_bucket_of_another_account_is_not_imported(engine, aws: Aws):
    """Nor taken over: tests/sandbox/systems/test_what_exists.py."""
    aws.emulator.client("s3", ACCOUNT_B).create_bucket(Bucket="theirs")
    assert refused(engine.read, BUCKET, "theirs").startswith("HeadBucket: 403: ")


def test_a_bucket_with_content_is_deleted_only_by_force(engine, s3):
    gentle = engine.create(BUCKET, {"bucket": "full"})
    s3.put_bucket_versioning(Bucket="full", VersioningConfiguration={"Status": "Enabled"})
    for text in (b"1", b"2"):
        s3.put_object(Bucket="full", Key="k", Body=text)
    s3.delete_object(Bucket="full", Key="k")
    line = "deleting S3 Bucket (full): DeleteBucket: BucketNotEmpty: "
    assert refused(engine.delete, gentle).startswith(line)
    forced = engine.update(gentle, {"bucket": "full", "forceDestroy": True})
    engine.delete(forced)
    assert engine.refresh(forced) is None


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads Linux's /proc")
def test_a_provider_closes_its_clients_with_its_connection(provider):
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    provider.configured(region="us-east-1")  # opens what is opened once
    before = descriptors()
    gc.disable()  # it would close them too, some time
    try:
        instances = [provider.configured(region="us-east-1") for _ in range(10)]
        assert descriptors() > before + len(instances)

        for _ in instances:
            provider.disconnect()

        assert eventually(lambda: descriptors() <= before)
    finally:
        gc.enable()
