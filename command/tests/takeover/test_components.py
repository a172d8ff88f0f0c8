"""`irsa takeover`: the lines for the shapes in which programs have roles."""

import json

import pytest

from command.tests.takeover import states
from command.tests.takeover.states import IRSA, READ, association, attachment, resource, role, state
from irsa.__main__ import main
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION
from irsa_core.identity.policies import irsa_trust_policy
from irsa_core.identity.pulumi_types import ATTACHMENT, PROVIDER, ROLE
from irsa_core.identity.subjects import ServiceAccountRef
from tests.support.code_blocks import blocks
from tests.support.world import CLUSTER_ARN, PROVIDER_ARN

INLINE = "aws:iam/rolePolicy:RolePolicy::reports-queue"
QUEUE = {"Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}
QUEUE_TEXT = json.dumps(QUEUE)
BY_IRSA = {"role_name": "reports", "provider_arns": [PROVIDER_ARN], "subjects": ["dev/app"]}
ATTACHED = {"policy_arns": {"ReadOnlyAccess": READ}}
OWN, LOOP, TEAM = f"acme:aws:Irsa${ROLE}::reports-role", f"{ROLE}::role-reports", f"{ROLE}::team"
TS, GO = "acme:index:Stack$acme:index:Irsa$", "acme:pkg/irsa:Role$"


@pytest.fixture
def printed(tmp_path, capsys):
    """Run the command on a state; its code and both outputs."""

    def run(resources, *options):
        file = tmp_path / "state.json"
        file.write_text(json.dumps(state(*resources)))
        return (main(["takeover", str(file), *options]), *capsys.readouterr())

    return run


@pytest.mark.cases(("resources", "arguments", "taken_over"), {
    "flat role": ([role(), attachment()], ATTACHED, {"ReadOnlyAccess": f"{ATTACHMENT}::reports-0"}),
    "loop": ([role(LOOP), role(f"{ROLE}::b", name="b")], {}, {"role": LOOP}),
    "inline_policies": ([role(inlinePolicies=[{"name": "queue", "policy": QUEUE_TEXT}])],
        {"policies": {"queue": QUEUE}}, {"queue": "new"}),
    "inline policy": ([role(), resource(INLINE, "reports:queue", {
        "role": "reports", "name": "queue", "policy": QUEUE_TEXT})],
        {"policies": {"queue": QUEUE}}, {"queue": INLINE}),
    "managed_policy_arns": ([role(managedPolicyArns=[READ])], ATTACHED, {"ReadOnlyAccess": "new"}),
    "another component's attachment": ([role(), attachment(f"acme:aws:Grant${ATTACHMENT}::x")],
        ATTACHED, {"ReadOnlyAccess": f"acme:aws:Grant${ATTACHMENT}::x"}),
    "TypeScript": (
        [role(f"{TS}{ROLE}::r", maxSessionDuration=7200, tags={"team": "x"}, description="d")],
        {"max_session_duration": 7200, "tags": {"team": "x"}, "description": "d"},
        {"role": f"{TS}{ROLE}::r"}),
    "Go, with a boundary": ([role(f"{GO}{ROLE}::r", permissionsBoundary=READ)],
        {"permissions_boundary": READ}, {"role": f"{GO}{ROLE}::r"}),
    "path": ([role(TEAM, path="/team/")], {"path": "/team/"}, {"role": TEAM}),
    "association with a flat role": (
        [role(trust={**IRSA, "Statement": [*IRSA["Statement"], states.SERVICE]}), association()],
        {"cluster_arns": [CLUSTER_ARN]}, {}),
})  # fmt: skip
def test_each_shape_has_its_arguments_and_old_urns(resources, arguments, taken_over, printed):
    role_urn = resources[0]["urn"]

    code, out, _ = printed(resources, "--name", role_urn, "--output", "json")

    [component] = json.loads(out)["components"]
    assert (code, component["component"]) == (0, "ServiceAccountRole")
    assert component["arguments"] == {**BY_IRSA, **arguments}
    assert component["taken_over"] == {"role": role_urn.split("::", 2)[2], **taken_over}
    code, out, _ = printed(resources)
    compile(out, "lines", "exec")  # they are Python


def test_the_lines_of_the_page_are_printed_of_such_a_state(printed):
    [block] = [b for b in blocks() if b.document == "docs/existing.md" and b.language == "console"]
    [(_, shown)] = block.commands()
    provider = PROVIDER_ARN.partition("/")[0] + "/oidc.example.com"
    trust = irsa_trust_policy([provider], [ServiceAccountRef("dev", "reports")])
    attached = attachment(f"acme:aws:Irsa${ATTACHMENT}::reports-0")

    assert printed([role(OWN, trust), attached], "--name", "reports") == (0, shown, "")


def test_a_policy_precedes_its_role_which_refers_to_it(printed):
    arn, attached = "arn:aws:iam::111122223333:policy/team/read", f"{ATTACHMENT}::read"
    policy = resource("aws:iam/policy:Policy::read", arn, {"name": "read"}, arn=arn)
    attachments = [resource(attached, "x", {"role": "reports", "policyArn": arn})]

    _, out, _ = printed([role(OWN), *attachments, policy, association()])

    assert out.startswith('policy_read = aws.iam.Policy(\n    "read",\n    name="read",\n')
    assert 'policy_arns={"read": policy_read.arn}' in out
    assert "role_arn=role_reports_role.role_arn," in out


def test_roles_that_would_share_a_variable_keep_their_arns(printed):
    roles = [role(f"{ROLE}::a-b"), role(f"{ROLE}::a_b", name="other", path="/other/")]

    _, out, _ = printed([*roles, association()])

    assert 'role_arn="arn:aws:iam::111122223333:role/reports"' in out
    assert "role_a_b" not in out


def test_a_provider_of_the_program_and_an_older_type_are_in_the_lines(printed):
    kinds = "aws:s3/bucketV2:BucketV2", "aws:s3/bucketVersioningV2:BucketVersioningV2"
    own = [resource(f"{kind}::data", "data", {"bucket": "data"}, "ireland") for kind in kinds]

    _, out, _ = printed(own)

    assert '"bucket": "aws:s3/bucketV2:BucketV2::data"' in out
    assert f'"versioning": "{kinds[1]}::data"' in out
    assert "# by hand: opts: ResourceOptions(providers=[…]), with provider 'ireland'" in out


def test_the_provider_of_a_pulumi_eks_cluster_leaves_that(printed):
    url = {"url": "https://oidc.example", "clientIdLists": ["sts.amazonaws.com"]}
    for parent, left in (("eks:index:Cluster$", True), ("", False)):
        _, out, _ = printed([resource(f"{parent}{PROVIDER}::dev", PROVIDER_ARN, url)])
        assert ("create_oidc_provider=False" in out) is left


def test_annotations_and_labels_that_the_component_removes_are_named(printed):
    audience, label = "eks.amazonaws.com/audience", "team"
    annotations = {ROLE_ARN_ANNOTATION: "arn:aws:iam::111122223333:role/reports", audience: "vault"}
    metadata = {"name": "app", "annotations": annotations, "labels": {label: "x"}}
    account = resource("kubernetes:core/v1:ServiceAccount::app", "app", {"metadata": metadata})

    _, out, _ = printed([account], "--output", "json")

    [component] = json.loads(out)["components"]
    left = [f"{key}: no argument of WorkloadIdentity; `up` removes it" for key in (audience, label)]
    assert component["by_hand"] == left


def test_a_denial_of_other_callers_is_left_to_do_by_hand(printed):
    trusted = "arn:aws:iam::111122223333:role/a"
    allow = {"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"}
    deny = {**allow, "Effect": "Deny", "Condition": {"StringLike": {"aws:PrincipalTag/t": "x"}}}
    trust = {"Version": "2012-10-17", "Statement": [allow, deny]}

    [found] = json.loads(printed([role(trust=trust)], "--output", "json")[1])["components"]

    [callers] = [each for each in found["by_hand"] if each.startswith("trusted_roles")]
    assert f"denied: {trusted} if aws:PrincipalTag/t StringLike x" in callers


def test_a_move_leaves_parents_and_takes_children(printed):
    """As `pulumi state move` does: with its parents, all of their children would move."""
    cluster = "eks:index:Cluster"
    urn, below = f"{cluster}${ROLE}::app", f"{cluster}${ROLE}${ATTACHMENT}::read"
    profile = f"{cluster}${ROLE}$aws:iam/instanceProfile:InstanceProfile::nodes"
    sibling = f"{cluster}$aws:eks/cluster:Cluster::platform"
    resources = [role(urn), attachment(below), *(resource(e, "x", {}) for e in (profile, sibling))]
    parents = cluster + "::platform", urn, urn, cluster + "::platform"
    for entry, parent in zip(resources, parents, strict=True):
        entry["parent"] = f"urn:pulumi:dev::shop::{parent}"

    _, out, _ = printed(resources, "--to", "acme/new/dev", "--output", "json")

    report = json.loads(out)
    urns = [entry["urn"] for entry in resources[:2]]
    places = ["--source", "acme/shop/dev", "--dest", "acme/new/dev"]
    assert report["move"] == ["pulumi", "state", "move", *places, *urns]
    [component] = report["components"]
    taken_over = {"role": f"{ROLE}::app", "ReadOnlyAccess": f"{ROLE}${ATTACHMENT}::read"}
    assert component["taken_over"] == taken_over
    moves = "moves with its parent; keep it in the program, or `up` deletes it"
    assert component["by_hand"][1:] == [f"urn:pulumi:dev::shop::{profile} {moves}"]
