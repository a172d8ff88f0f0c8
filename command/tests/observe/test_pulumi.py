"""The forms in which Pulumi's CLI 3.274 writes a stack's resources.

`tests/sandbox/irsa/test_own_stacks.py` reads them from the CLI itself.
"""

import json
import random

import pytest

from core.tests.decide.test_properties import replaced
from irsa.__main__ import main
from irsa.observe.pulumi import LATER, stack_resources
from irsa_core.identity import pulumi_types as types
from irsa_core.identity.policies import bucket_permissions_policy, irsa_trust_policy
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT
from irsa_core.identity.subjects import ServiceAccountRef
from tests.support.world import ACCOUNT_A, PROVIDER_ARN, ROLE_ARN

BUCKET_POLICY = bucket_permissions_policy("arn:aws:s3:::data")
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
HINT = "`pulumi preview --json --show-sames` has them"


def resource(type_, name, inputs, outputs):
    urn = f"urn:pulumi:dev::irsa::{type_}::{name}"
    return {"urn": urn, "type": type_, "parent": "component", "inputs": inputs, "outputs": outputs}


def role(**more):
    trust = irsa_trust_policy([PROVIDER_ARN], [ServiceAccountRef("dev", "s3-app")])
    inputs = {"name": "s3-app", "assumeRolePolicy": json.dumps(trust), **more}
    return resource("aws:iam/role:Role", "s3-app", inputs, {**inputs, "arn": ROLE_ARN})


POLICY_ARN = f"arn:aws:iam::{ACCOUNT_A}:policy/s3-app"
POLICY = {"name": "s3-app", "policy": json.dumps(BUCKET_POLICY)}
ATTACHED = types.ATTACHMENT
ATTACHMENT = {"role": "s3-app", "policyArn": POLICY_ARN}
ANNOTATIONS = {"eks.amazonaws.com/role-arn": ROLE_ARN}
METADATA = {"namespace": "dev", "name": "s3-app", "annotations": ANNOTATIONS}
RESOURCES = [
    resource("pulumi:pulumi:Stack", "irsa-dev", {}, {}),
    role(),
    resource("aws:iam/policy:Policy", "s3-app", POLICY, {**POLICY, "arn": POLICY_ARN}),
    resource(ATTACHED, "bucket", ATTACHMENT, ATTACHMENT),
    resource("kubernetes:core/v1:ServiceAccount", "s3-app", {"metadata": METADATA}, {}),
]


def state(resources=RESOURCES):
    return json.dumps({"version": 3, "deployment": {"resources": resources}})


DELETED = {**role(name="gone"), "urn": "urn:pulumi:dev::irsa::aws:iam/role:Role::gone"}


def digest(resources=RESOURCES, *, operation="same", same=None, deleted=False, **more):
    """`preview --json`: what is new has its inputs, and outputs only if they change."""
    steps = [
        {
            "op": operation, "urn": state["urn"], "oldState": state,
            "newState": {key: state[key] for key in state if key != "outputs"},
        }
        for state in resources
    ]  # fmt: skip
    steps += [{"op": "delete", "urn": DELETED["urn"], "oldState": DELETED}] * deleted
    summary = {operation: len(RESOURCES) if same is None else same}
    return json.dumps({"steps": steps, "changeSummary": summary, **more})


def read(text):
    return stack_resources(json.loads(text))


def test_a_stacks_users_have_the_access_keys_that_name_them():
    users = {name: f"arn:aws:iam::{ACCOUNT_A}:user/{name}" for name in ("app", "idle")}
    resources = [
        resource("aws:iam/user:User", name, {}, {"name": name, "arn": arn})
        for name, arn in users.items()
    ]
    keys = [
        {**resource("aws:iam/accessKey:AccessKey", id_, {}, {"user": user}), "id": id_}
        for id_, user in {"AKIA1": "app", "AKIA2": "app", "AKIA3": "of another stack"}.items()
    ]

    access_keys = read(state([*resources, *keys])).access_keys

    assert access_keys == {users["app"]: ["AKIA1", "AKIA2"], users["idle"]: []}


@pytest.mark.cases("text", {
    "preview of sames": digest(),
    "preview of updates": digest(operation="update"),
    "resources twice": digest([*RESOURCES, *RESOURCES]),
    "another order": state([RESOURCES[3], *RESOURCES[:3], *RESOURCES[4:]]),
    "replaced resource": state([*RESOURCES, {**role(name="replaced"), "delete": True}]),
    "checkpoint": json.dumps({"version": 3, "checkpoint": {"latest": {"resources": RESOURCES}}}),
    "deleted resource": digest(deleted=True),
})  # fmt: skip
def test_every_form_says_the_same(text):
    assert read(text) == read(state())


def test_a_preview_has_a_replaced_role_once_and_changes_of_the_program():
    old, new = role(), {**role(), "outputs": {"arn": UNKNOWN_OUTPUT}}
    changed = {**role(assumeRolePolicy='{"Statement": []}'), "outputs": old["outputs"]}
    operations = ("create-replacement", new), ("replace", new), ("delete-replaced", None)

    def read_steps(*steps):
        steps = [{"op": op, "urn": old["urn"], "oldState": old, "newState": e} for op, e in steps]
        [facts] = read(json.dumps({"steps": steps, "changeSummary": {}})).roles
        return facts

    replaced = read_steps(*operations)
    assert (replaced.name, replaced.arn) == ("s3-app", LATER)
    assert read_steps(("update", changed)).trust_policy == {"Statement": []}


@pytest.mark.cases(("text", "message"), {
    "unchanged resources left out": (digest(RESOURCES[:1]),
        f"the preview leaves 4 unchanged resources out; {HINT}"),
    "failed preview":
        (digest(diagnostics=[{"severity": "error", "message": "error: no such role\n"}]),
            "the preview failed: no such role"),
})  # fmt: skip
def test_a_preview_without_all_resources_says_so(tmp_path, capsys, text, message):
    assert read(text).missing == message
    (tmp_path / "preview.json").write_text(text)
    assert main(["audit", "--stack", str(tmp_path / "preview.json")]) == 3
    assert message in "".join(capsys.readouterr())


@pytest.mark.cases(("value", "expected"), {
    "unknown output": (UNKNOWN_OUTPUT, "(known after up)"),
    "secret of a preview": ("[secret]", "(a secret)"),
    "encrypted secret": ({**SECRET, "ciphertext": "v1:x"}, "(a secret)"),
    "no JSON": ("{", "(not JSON)"),
    "a list": ("[]", "(not a policy)"),
    "null": (None, "(known after up)"),
})  # fmt: skip
def test_a_trust_policy_that_cannot_be_read_is_said_in_words(value, expected):
    [found] = read(state([role(assumeRolePolicy=value)])).roles
    assert found.trust_policy == expected


def test_inline_policies_count_as_well():
    inline = {"role": "s3-app", "name": "own", "policy": json.dumps(BUCKET_POLICY)}
    embedded = role(inlinePolicies=[{"name": "within", "policy": json.dumps(BUCKET_POLICY)}, {}])
    policy = resource("aws:iam/rolePolicy:RolePolicy", "own", inline, inline)
    [found] = read(state([embedded, policy])).roles
    assert [each.name for each in found.policies] == ["own", "within"]


DAMAGES = [None, 1, "", [], {}, [1], {"a": 1}, True, "{", UNKNOWN_OUTPUT]


@pytest.mark.parametrize("seed", range(4))
def test_a_file_of_any_shape_is_no_traceback(tmp_path, capsys, seed):
    dice = random.Random(seed)  # noqa: S311 - chooses test cases
    for make in (state, digest):
        for _ in range(15):
            path = [dice.randrange(99) for _ in range(dice.randint(1, 9))]
            document = replaced(json.loads(make()), path, by=dice.choice(DAMAGES))
            (tmp_path / "file.json").write_text(json.dumps(document))
            code = main(["audit", "--stack", str(tmp_path / "file.json")])
            assert code in (0, 1, 2, 3)
            assert capsys.readouterr().err.count("\n") <= (code > 1)


@pytest.mark.cases(("kind", "key", "inputs"), {
    "attachment": (ATTACHED, "role", {"policyArn": POLICY_ARN}),
    "shared": (types.SHARED_ATTACHMENT, "roles", {"policyArn": POLICY_ARN}),
    "exclusive": (types.EXCLUSIVE, "roleName", {"policyArns": [POLICY_ARN, UNKNOWN_OUTPUT]}),
})  # fmt: skip
@pytest.mark.cases("name", {"named": "s3-app", "unnamed": UNKNOWN_OUTPUT})
def test_policies_of_flat_roles_are_those_that_the_program_gives_to_each(kind, key, inputs, name):
    """In a preview the program's own reference says whose it is."""
    role_a, other = role(name=name), {**role(name=f"other{name}"), "urn": "other"}
    args = {**inputs, key: [name] if key == "roles" else name}
    attached = resource(kind, "bucket", args, {})
    attached["propertyDependencies"] = {key: [role_a["urn"]], "policyArn": []}

    policy = resource("aws:iam/policy:Policy", "s3-app", {**POLICY, "arn": POLICY_ARN}, {})

    roles = read(digest([role_a, other, attached, policy], operation="create")).roles

    [[policy]] = [facts.policies for facts in roles if facts.policies]
    assert (policy.name, policy.document) == ("s3-app", BUCKET_POLICY)


def test_a_policy_without_an_arn_yet_is_the_one_that_the_program_names():
    attached = resource(ATTACHED, "bucket", {**ATTACHMENT, "policyArn": UNKNOWN_OUTPUT}, {})
    attached["propertyDependencies"] = {"policyArn": [RESOURCES[2]["urn"]]}
    new = [role(), attached, resource("aws:iam/policy:Policy", "s3-app", POLICY, {})]
    [found] = read(digest(new, operation="create")).roles
    assert [each.document for each in found.policies] == [BUCKET_POLICY]


def test_a_name_that_the_engine_makes_is_not_known_before_the_up():
    aws = resource("pulumi:providers:aws", "own", {"allowedAccountIds": f'["{ACCOUNT_A}"]'}, {})
    made = {**role(__defaults=["name"], name="s3-app-1a2b3c4"), "provider": f"{aws['urn']}::id"}
    attached = resource(ATTACHED, "bucket", {**ATTACHMENT, "role": "s3-app-1a2b3c4"}, {})

    [found] = read(digest([aws, made, attached], operation="create")).roles

    assert (found.name, found.label, found.account) == (LATER, "s3-app", ACCOUNT_A)
    assert [each.arn for each in found.policies] == [POLICY_ARN]
    assert read(digest([made], operation="update")).roles[0].name == "s3-app-1a2b3c4"


def test_two_roles_of_one_name_in_a_program_are_told_apart():
    two = [role(arn=UNKNOWN_OUTPUT, name=UNKNOWN_OUTPUT) for _ in range(2)]
    for each, kind in zip(two, ("acme:Web", "acme:Job"), strict=True):
        each["urn"] = f"urn:pulumi:dev::irsa::{kind}$aws:iam/role:Role::role"
    labels = {each.label for each in read(digest(two, operation="create")).roles}
    assert labels == {f"{each}$aws:iam/role:Role::role" for each in ("acme:Web", "acme:Job")}


def test_policies_of_a_role_without_a_name_yet_are_those_of_its_component():
    attached = {**ATTACHMENT, "role": UNKNOWN_OUTPUT}
    own, other = role(name=UNKNOWN_OUTPUT), {**role(name=UNKNOWN_OUTPUT), "parent": "another"}
    new = [own, {**other, "urn": f"{other['urn']}-b"}, resource(ATTACHED, "bucket", attached, {})]
    found = read(digest([*new, *RESOURCES[2:3]], operation="create")).roles
    assert [bool(each.policies) for each in found] == [True, False]
    stack = {"parent": "urn:pulumi:dev::irsa::pulumi:pulumi:Stack::irsa-dev"}  # of everything
    beside = [each | stack for each in (own, new[2])]
    [alone] = read(digest([*beside, *RESOURCES[2:3]], operation="create")).roles
    assert not alone.policies


@pytest.mark.cases(("allowed", "more", "label"), {
    "one account": ([ACCOUNT_A], {"path": "/team/"}, f"arn:aws:iam::{ACCOUNT_A}:role/team/s3-app"),
    "two accounts": ([ACCOUNT_A, "444455556666"], {}, "s3-app"),
    "any account": ([], {}, "s3-app"),
    "name not known": ([ACCOUNT_A], {"name": UNKNOWN_OUTPUT}, "logical"),
})  # fmt: skip
def test_a_role_that_does_not_exist_yet_has_the_account_of_its_aws_provider(allowed, more, label):
    aws = resource("pulumi:providers:aws", "own", {"allowedAccountIds": json.dumps(allowed)}, {})
    new = role(**more)
    new["provider"] = f"{aws['urn']}::{UNKNOWN_OUTPUT}"
    new["urn"] = new["urn"].replace("::s3-app", "::logical")

    [found] = read(digest([aws, new], operation="create")).roles

    assert found.label == label
    assert found.arn in (label, LATER)
