"""The forms in which Pulumi's CLI 3.274 writes a stack's resources.

`tests/sandbox/irsa/test_previews.py` reads them from the CLI itself.
"""

import json
import random

import pytest

from irsa.__main__ import main
from irsa.identity.policies import bucket_permissions_policy, irsa_trust_policy
from irsa.identity.policy_json import UNKNOWN_OUTPUT
from irsa.identity.subjects import ServiceAccountRef
from irsa.observe.pulumi import LATER, StackRole
from tests.support.damage import replace_one_value
from tests.support.mermaid import Drawing
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
ATTACHMENT = {"role": "s3-app", "policyArn": POLICY_ARN}
ANNOTATIONS = {"eks.amazonaws.com/role-arn": ROLE_ARN}
METADATA = {"namespace": "dev", "name": "s3-app", "annotations": ANNOTATIONS}
DEPLOYMENT = {
    "metadata": {"namespace": "dev", "name": "app"},
    "spec": {"template": {"spec": {"serviceAccountName": "s3-app"}}},
}
RESOURCES = [
    resource("pulumi:pulumi:Stack", "irsa-dev", {}, {}),
    role(),
    resource("aws:iam/policy:Policy", "s3-app", POLICY, {**POLICY, "arn": POLICY_ARN}),
    resource("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "bucket", ATTACHMENT, ATTACHMENT),
    resource("kubernetes:core/v1:ServiceAccount", "s3-app", {"metadata": METADATA}, {}),
    resource("kubernetes:apps/v1:Deployment", "app", DEPLOYMENT, DEPLOYMENT),
]


def state(resources=RESOURCES):
    return json.dumps({"version": 3, "deployment": {"resources": resources}})


DELETED = {**role(name="gone"), "urn": "urn:pulumi:dev::irsa::aws:iam/role:Role::gone"}


def digest(resources=RESOURCES, *, operation="same", same=None, deleted=False, **more):
    """`preview --json`: what is new has its inputs, and outputs only if they change."""
    steps = [
        {
            "op": operation, "urn": each["urn"], "oldState": each,
            "newState": {key: each[key] for key in each if key != "outputs"},
        }
        for each in resources
    ]  # fmt: skip
    steps += [{"op": "delete", "urn": DELETED["urn"], "oldState": DELETED}] * deleted
    summary = {operation: len(RESOURCES) if same is None else same}
    return json.dumps({"steps": steps, "changeSummary": summary, **more})


@pytest.fixture
def explain(tmp_path, capsys):
    def explained(text, output="json"):
        file = tmp_path / "file"
        file.write_text(text)
        code = main(["explain", "--state", str(file), "--output", output])
        shown = capsys.readouterr()
        found = json.loads(shown.out) if output == "json" and shown.out else shown.out
        return code, found, shown.err.removeprefix(f"irsa explain: {file}: ")

    return explained


@pytest.mark.parametrize(
    "text",
    [
        digest(),
        digest(operation="update"),
        digest([*RESOURCES, *RESOURCES]),
        state([RESOURCES[3], *RESOURCES[:3], *RESOURCES[4:]]),
        state([*RESOURCES, {**role(name="replaced"), "delete": True}]),
        json.dumps({"version": 3, "checkpoint": {"latest": {"resources": RESOURCES}}}),
        digest(deleted=True),
    ],
    ids=["sames", "updates", "twice", "order", "replaced", "file", "deleted"],
)
def test_every_form_says_the_same(explain, text):
    assert explain(text) == (0, explain(state())[1], "")


def test_a_state_is_one_picture_from_the_deployment_to_the_bucket(explain):
    code, text, _ = explain(state(), "mermaid")

    assert code == 0
    assert Drawing(text).named == {
        ("Deployment\ndev/app", "-->", "runs as", "service account\ndev/s3-app"),
        ("service account\ndev/s3-app", "-->", "annotation\ntrust", f"role\n{ROLE_ARN}"),
        (f"role\n{ROLE_ARN}", "-->", "policy s3-app", "bucket\ndata"),
    }


def test_a_replaced_role_is_drawn_once_and_its_arn_is_not_known(explain):
    new = {**role(), "outputs": {"arn": UNKNOWN_OUTPUT}}
    steps = [
        {"op": "create-replacement", "urn": new["urn"], "oldState": role(), "newState": new},
        {"op": "replace", "urn": new["urn"], "oldState": role(), "newState": new},
        {"op": "delete-replaced", "urn": new["urn"], "oldState": role(), "newState": None},
    ]

    _, [found], _ = explain(json.dumps({"steps": steps, "changeSummary": {}}))

    assert [each["label"] for each in found["children"]] == ["role s3-app"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (digest(RESOURCES[:1]), f"the preview leaves 5 unchanged resources out; {HINT}\n"),
        (
            digest(diagnostics=[{"severity": "error", "message": "error: no such role\n"}]),
            "the preview failed: no such role\n",
        ),
    ],
    ids=["no-sames", "failed"],
)
def test_a_preview_without_all_resources_ends_with_exit_code_3(explain, text, message):
    code, drawn, error = explain(text)

    assert (code, error) == (3, message)
    assert bool(drawn) == (text != digest(RESOURCES[:1])), "an empty picture is not drawn"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (UNKNOWN_OUTPUT, "(known after up)"),
        ("[secret]", "(a secret)"),
        ({**SECRET, "ciphertext": "v1:x"}, "(a secret)"),
        ("{", "(not JSON)"),
        ("[]", "(not a policy)"),
        (None, "(known after up)"),
    ],
    ids=["unknown", "preview's", "state's", "no-json", "no-policy", "none"],
)
def test_a_trust_policy_that_cannot_be_read_is_said_in_words(explain, value, expected):
    found = role(assumeRolePolicy=value)

    _, [tree], _ = explain(state([found]))

    [who] = tree["children"][0]["children"]
    assert who["children"] == [{"label": expected, "children": []}]


def test_inline_policies_count_as_well(explain):
    inline = {"role": "s3-app", "name": "own", "policy": json.dumps(BUCKET_POLICY)}
    embedded = role(inlinePolicies=[{"name": "within", "policy": json.dumps(BUCKET_POLICY)}, {}])
    policy = resource("aws:iam/rolePolicy:RolePolicy", "own", inline, inline)

    _, [tree], _ = explain(state([embedded, policy]))

    [*_, policies] = tree["children"][0]["children"]
    assert [each["label"] for each in policies["children"]] == ["own", "within"]


@pytest.mark.parametrize("output", ["text", "mermaid", "json"])
@pytest.mark.parametrize("seed", range(4))
def test_a_file_of_any_shape_is_no_traceback(explain, seed, output):
    dice = random.Random(seed)  # noqa: S311 - chooses test cases
    for make in (state, digest):
        for _ in range(15):
            document = json.loads(make())
            replace_one_value(document, dice)
            code, out, error = explain(json.dumps(document), output)
            assert code in (0, 2, 3)
            assert error.count("\n") == (code != 0)
            if output == "mermaid" and out:
                Drawing(out)


def test_policies_of_a_role_without_a_name_yet_are_those_of_its_component(explain):
    attached = {**ATTACHMENT, "role": UNKNOWN_OUTPUT}
    kind = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    own, other = role(name=UNKNOWN_OUTPUT), {**role(name=UNKNOWN_OUTPUT), "parent": "another"}
    new = [own, {**other, "urn": f"{other['urn']}-b"}, resource(kind, "bucket", attached, {})]

    _, [tree], _ = explain(digest([*new, *RESOURCES[2:3]], operation="create"))

    policies = [[e["label"] for e in each["children"]] for each in tree["children"]]
    assert ["policies" in each for each in policies] == [True, False]


def test_the_arn_of_a_role_that_does_not_exist_yet_has_its_path():
    later = StackRole("urn", "app", LATER, {}, path="/team/")

    assert later.in_account(ACCOUNT_A).arn == f"arn:aws:iam::{ACCOUNT_A}:role/team/app"
    assert later.in_account("").arn == LATER
