"""`python -m irsa import` and the `up` after it: roles of Terraform and eksctl become the stack's.

They are made with boto3 in the shape in which those tools make them, and pods use them throughout.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError
from lightkube.resources.core_v1 import Namespace

from irsa.identity.arns import bucket_arn, policy_arn, role_arn
from irsa.identity.policies import bucket_permissions_policy, irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from sandbox.aws.accounts import ACCOUNT_A, REGION
from sandbox.engine.stack import SandboxStack
from sandbox.state import SandboxError
from tests.sandbox.support.helm import release
from tests.sandbox.support.previews import preview
from tests.sandbox.support.world import TrustContext
from tests.support.roles_of_others import (
    attachment,
    eksctl_tags,
    eksctl_trust,
    resource,
    role_attributes,
    state,
    terraform_trust,
    without_audience,
)

pytestmark = pytest.mark.sandbox

STACK = "taken"
NAMESPACE = "import"
BUCKET = "import-data"
LIST = ["aws", "s3", "ls", "--recursive", f"s3://{BUCKET}"]
POLICY = policy_arn(ACCOUNT_A, "import-data")
CLUSTER = {"irsa:workloads": "none", "irsa:namespaces": None, "irsa:roles": None}
PATH = "/platform/"
ROLES = {
    "loki": "loki-20240514093012345600000001",
    "tempo": "tempo",
    "mimir": "eksctl-dev-addon-iamserviceaccount-import--Role1-1ABCDEF23456",
}
"""The role of each service account."""


@pytest.fixture(scope="module")
def others(irsa_world: TrustContext) -> Iterator[TrustContext]:
    """A cluster, a bucket, three roles of others, and a pod with each of them."""
    session = irsa_world.session
    main = SandboxStack(session.state, config=CLUSTER)
    main.destroy()  # an earlier module may have left it
    if irsa_world.is_registered(ACCOUNT_A):
        irsa_world.unregister()  # the provider is the stack's
    main.up()
    s3, iam = session.aws("s3"), session.aws("iam")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="november.csv", Body=b"x")
    document = json.dumps(bucket_permissions_policy(bucket_arn(BUCKET)))
    iam.create_policy(PolicyName="import-data", PolicyDocument=document)
    for name, trust in trusts(irsa_world).items():
        more = {"Tags": tags(eksctl_tags("dev", f"{NAMESPACE}/mimir"))} if name == "mimir" else {}
        if name == "loki":
            more = {
                "Description": "Logs", "Path": PATH, "MaxSessionDuration": 7200,
                "Tags": tags({"team": "observability"}),
            }  # fmt: skip
        iam.create_role(RoleName=ROLES[name], AssumeRolePolicyDocument=json.dumps(trust), **more)
        iam.attach_role_policy(RoleName=ROLES[name], PolicyArn=POLICY)
        release(irsa_world.session, NAMESPACE, name, arn_of(name))
    yield irsa_world
    SandboxStack(session.state, stack=STACK, config={**CLUSTER, "irsa:cluster": None}).destroy()
    for name in set(ROLES.values()) & role_names(irsa_world):
        iam.detach_role_policy(RoleName=name, PolicyArn=POLICY)
        iam.delete_role(RoleName=name)
    iam.delete_policy(PolicyArn=POLICY)
    session.empty_bucket(BUCKET)
    s3.delete_bucket(Bucket=BUCKET)
    session.cluster.delete(Namespace, NAMESPACE)
    main.destroy()


def trusts(world: TrustContext) -> dict[str, Any]:
    provider = world.provider_arn
    return {
        "loki": terraform_trust(provider, f"{NAMESPACE}/loki"),
        # StringLike with exact values, and two subjects: written anew, for the same callers.
        "tempo": terraform_trust(
            provider, f"{NAMESPACE}/tempo", f"{NAMESPACE}/tempo-query", audience_test="StringLike"
        ),
        "mimir": eksctl_trust(provider, f"{NAMESPACE}/mimir"),
    }


def tags(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


def arn_of(name: str) -> str:
    return role_arn(ACCOUNT_A, ROLES[name], path=PATH if name == "loki" else "/")


def assert_pods_list_their_bucket(world: TrustContext) -> None:
    for name in ROLES:
        listed = world.session.in_pod(NAMESPACE, name, LIST)
        assert (listed.code, "november.csv" in listed.output) == (0, True), listed.output


def in_iam(world: TrustContext) -> dict[str, Any]:
    """What must not change: who the roles are, whom they trust, and what they may do."""
    iam = world.session.aws("iam")
    found = {}
    for name in ROLES.values():
        role = iam.get_role(RoleName=name)["Role"]
        attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        found[name] = {
            "arn": role["Arn"],
            "id": role["RoleId"],
            "trust": role["AssumeRolePolicyDocument"],
            "description": role.get("Description", ""),
            "duration": role["MaxSessionDuration"],
            "tags": {each["Key"]: each["Value"] for each in role.get("Tags", [])},
            "attached": [each["PolicyArn"] for each in attached],
        }
    return found


def role_names(world: TrustContext) -> set[str]:
    return {each["RoleName"] for each in world.session.aws("iam").list_roles()["Roles"]}


def opened(world: TrustContext, file: Any) -> SandboxStack:
    """The stack whose settings file this is."""
    config = yaml.safe_load(file.read_text())["config"]
    return SandboxStack(
        world.session.state, stack=STACK, config={"irsa:namespaces": None, **config}
    )


def with_role(world: TrustContext, role: Any) -> SandboxStack:
    """Another stack on the cluster, with that role alone."""
    cluster = {"name": "dev", "existing": True, "providerArn": world.provider_arn}
    config = {
        "aws:region": REGION,
        "irsa:accountId": ACCOUNT_A,
        "irsa:cluster": cluster,
        "irsa:workloads": "none",
        "irsa:roles": [role],
    }
    return SandboxStack(world.session.state, stack="other", config=config)


def test_the_roles_of_others_become_the_stacks_and_nobody_notices(others: TrustContext, tmp_path):
    file = tmp_path / f"Pulumi.{STACK}.yaml"
    before = in_iam(others)
    assert_pods_list_their_bucket(others)

    done = others.irsa("import", "--file", str(file))

    tempo, loki, mimir = arn_of("tempo"), arn_of("loki"), arn_of("mimir")
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines() == [
        f"taken      {mimir} (eksctl, for service account import/mimir), as mimir",
        f"taken      {loki}, as loki",
        f"taken      {tempo}, as tempo",
        f"rewritten  {tempo}: the trust policy will be written anew; the same callers",
        f"wrote {file}: 3 roles taken, 0 left out",
    ]

    stack = opened(others, file)
    said = json.loads(preview(stack, "--json"))
    assert not said.get("diagnostics"), said["diagnostics"]
    steps = said["steps"]
    assert sorted(operations(steps)) == [
        ("import", ROLES["mimir"]),
        ("import", f"{ROLES['mimir']}-import-data"),
        ("import", f"platform/{ROLES['loki']}"),
        ("import", f"platform/{ROLES['loki']}-import-data"),
        ("import", "tempo"),
        ("import", "tempo-import-data"),
        ("update", ROLES["mimir"]),
        ("update", f"platform/{ROLES['loki']}"),
        ("update", "tempo"),
    ]
    assert differences(steps) == {
        ROLES["mimir"]: {"description", "tags.project", "tags.stack"},
        f"platform/{ROLES['loki']}": {"tags.project", "tags.stack"},
        "tempo": {"assumeRolePolicy", "description", "tags"},
    }
    assert in_iam(others) == before, "a preview"

    up = stack.up()
    assert (up["import"], up["update"]) == (6, 3)
    assert not up.keys() & {"replace", "delete", "create-replacement", "delete-replaced"}
    assert_pods_list_their_bucket(others)
    after = in_iam(others)
    ours = {"project": "irsa", "stack": STACK}
    described = {"description": f"IRSA for {NAMESPACE}"}  # the ones that had no description
    for name, changed in {"loki": {}, "mimir": described, "tempo": described}.items():
        was, now = before[ROLES[name]], after[ROLES[name]]
        if name == "tempo":
            assert now.pop("trust") == irsa_trust_policy(
                [others.provider_arn],
                [
                    ServiceAccountRef(NAMESPACE, "tempo"),
                    ServiceAccountRef(NAMESPACE, "tempo-query"),
                ],
            )
            del was["trust"]
        assert now == {**was, **changed, "tags": {**was["tags"], **ours}}
    assert stack.up().keys() == {"same"}
    assert stack.refresh().keys() == {"same"}
    kept = [line for line in file.read_text().splitlines() if line.strip() != "imported: true"]
    file.write_text("\n".join(kept))
    assert opened(others, file).up().keys() == {"same"}
    assert_pods_list_their_bucket(others)


def operations(steps: list[Any]) -> list[tuple[str, str]]:
    """What happens in IAM, and to what."""
    return [
        (step["op"], step["urn"].rpartition("::")[2])
        for step in steps
        if "$aws:iam/" in step["urn"] and step["op"] != "same"
    ]


def differences(steps: list[Any]) -> dict[str, set[str]]:
    return {
        step["urn"].rpartition("::")[2]: set(step["detailedDiff"])
        for step in steps
        if step["op"] == "update"
    }


def test_a_state_of_terraform_says_the_same_as_the_account(others: TrustContext, tmp_path):
    file = tmp_path / "terraform.tfstate"
    resources = []
    for name, trust in trusts(others).items():
        live = in_iam(others)[ROLES[name]]
        attributes = role_attributes(
            arn_of(name), trust, description=live["description"], tags_all=live["tags"],
            max_session_duration=live["duration"],
        )  # fmt: skip
        resources += [
            resource(name, "aws_iam_role", "this", {0: attributes}),
            resource(
                name, "aws_iam_role_policy_attachment", "this",
                {0: attachment(ROLES[name], POLICY)},
            ),
        ]  # fmt: skip
    file.write_text(json.dumps(state(*resources)))

    live = others.irsa("import", "--cluster", "dev")
    stored = others.irsa("import", "--cluster", "dev", "--terraform-state", str(file))

    assert (live.code, stored.code) == (0, 0), live.err + stored.err
    assert stored.out == live.out


def test_a_role_that_is_left_out_is_said_and_not_touched(others: TrustContext):
    iam = others.session.aws("iam")
    trust = terraform_trust(others.provider_arn, f"{NAMESPACE}/vault")
    iam.create_role(RoleName="vault", AssumeRolePolicyDocument=json.dumps(trust))
    document = json.dumps(bucket_permissions_policy(bucket_arn(BUCKET)))
    iam.put_role_policy(RoleName="vault", PolicyName="data", PolicyDocument=document)

    done = others.irsa("import", "--cluster", "dev")

    assert done.code == 1
    assert "vault" not in done.out
    assert (
        "left out   arn:aws:iam::111122223333:role/vault: the configuration has no inline policies,"
        " and it has data;" in done.err
    )
    assert "this is the configuration: 3 roles taken, 1 left out\n" in done.err
    iam.delete_role_policy(RoleName="vault", PolicyName="data")
    iam.delete_role(RoleName="vault")


def test_a_role_for_every_audience_is_tightened_when_that_is_wanted(others: TrustContext):
    iam = others.session.aws("iam")
    trust = without_audience(terraform_trust(others.provider_arn, f"{NAMESPACE}/loki"))
    iam.create_role(RoleName="open", AssumeRolePolicyDocument=json.dumps(trust))

    def assume(audience: str) -> None:
        others.session.aws("sts").assume_role_with_web_identity(
            RoleArn=role_arn(ACCOUNT_A, "open"),
            RoleSessionName="tests",
            WebIdentityToken=others.session.token(NAMESPACE, "loki", audience=audience),
        )

    provider = {"OpenIDConnectProviderArn": others.provider_arn, "ClientID": "vault"}
    iam.add_client_id_to_open_id_connect_provider(**provider)
    assume("vault")
    done = others.irsa("import", "--cluster", "dev", "--add-audience")
    roles = yaml.safe_load(done.out)["config"]["irsa:roles"]
    [taken] = [each for each in roles if each["role"]["name"] == "open"]
    stack = with_role(others, taken)
    said = stack.up()

    assert (said["import"], said["update"]) == (1, 1)
    assume("sts.amazonaws.com")
    with pytest.raises(ClientError, match="AccessDenied"):
        assume("vault")
    assert stack.up().keys() == {"same"}
    stack.destroy()
    iam.remove_client_id_from_open_id_connect_provider(**provider)


def test_a_role_that_is_not_there_is_not_made(others: TrustContext):
    """A state of Terraform may be older than the account."""
    gone = {
        "name": "gone", "namespace": NAMESPACE, "serviceAccount": "gone",
        "role": {"name": "gone", "imported": True},
    }  # fmt: skip
    stack = with_role(others, gone)

    with pytest.raises(SandboxError, match="'gone' does not exist"):
        stack.up()

    assert "gone" not in {
        each["RoleName"] for each in others.session.aws("iam").list_roles()["Roles"]
    }
    stack.destroy()


def test_a_role_that_exists_is_not_taken_unasked(others: TrustContext):
    """The way out that the refusal names is the one that works."""
    iam = others.session.aws("iam")
    trust = terraform_trust(others.provider_arn, f"{NAMESPACE}/web")
    iam.create_role(RoleName="web", AssumeRolePolicyDocument=json.dumps(trust))
    web = {"name": "web", "namespace": NAMESPACE, "serviceAccount": "web"}
    with pytest.raises(SandboxError, match=r"or take it over \(role.imported: true\)"):
        with_role(others, web).up()

    web["role"] = {"imported": True}
    stack = with_role(others, web)
    assert stack.up()["import"] == 1
    stack.destroy()
    assert "web" not in {each["RoleName"] for each in iam.list_roles()["Roles"]}, (
        "it was the stack's"
    )
