"""`irsa takeover`: the lines for the shapes in which programs have roles."""

import json

import pytest

from command.tests.takeover.states import (
    ATTACHMENT,
    IRSA,
    READ,
    ROLE,
    association,
    attachment,
    resource,
    role,
    state,
)
from irsa.__main__ import main
from tests.support.world import CLUSTER_ARN, PROVIDER_ARN

INLINE = "aws:iam/rolePolicy:RolePolicy::reports-queue"
QUEUE = {"Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}
BY_IRSA = {"role_name": "reports", "provider_arns": [PROVIDER_ARN], "subjects": ["dev/app"]}
ATTACHED = {"policy_arns": {"ReadOnlyAccess": READ}}
SERVICE = {
    "Effect": "Allow",
    "Principal": {"Service": "pods.eks.amazonaws.com"},
    "Action": ["sts:AssumeRole", "sts:TagSession"],
}
OWN, LOOP, TEAM = f"acme:aws:Irsa${ROLE}::reports-role", f"{ROLE}::role-reports", f"{ROLE}::team"
TS, GO = "acme:index:Stack$acme:index:Irsa$", "acme:pkg/irsa:Role$"
SHAPES = {
    "flat role": ([role(), attachment()], ATTACHED, {"ReadOnlyAccess": f"{ATTACHMENT}::reports-0"}),
    "own component": ([role(OWN)], {}, {"role": OWN}),
    "loop": ([role(LOOP), role(f"{ROLE}::b", name="b")], {}, {"role": LOOP}),
    "inline_policies": (
        [role(inlinePolicies=[{"name": "queue", "policy": json.dumps(QUEUE)}])],
        {"policies": {"queue": QUEUE}},
        {"queue": "new"},
    ),
    "inline policy": (
        [role(), resource(INLINE, "reports:queue", {
            "role": "reports", "name": "queue", "policy": json.dumps(QUEUE)})],
        {"policies": {"queue": QUEUE}},
        {"queue": INLINE},
    ),
    "managed_policy_arns": ([role(managedPolicyArns=[READ])], ATTACHED, {"ReadOnlyAccess": "new"}),
    "another component's attachment": (
        [role(), attachment(f"acme:aws:Grant${ATTACHMENT}::x")],
        ATTACHED,
        {"ReadOnlyAccess": f"acme:aws:Grant${ATTACHMENT}::x"},
    ),
    "TypeScript": (
        [role(f"{TS}{ROLE}::r", maxSessionDuration=7200, tags={"team": "x"}, description="d")],
        {"max_session_duration": 7200, "tags": {"team": "x"}, "description": "d"},
        {"role": f"{TS}{ROLE}::r"},
    ),
    "Go, with a boundary": (
        [role(f"{GO}{ROLE}::r", permissionsBoundary=READ)],
        {"permissions_boundary": READ},
        {"role": f"{GO}{ROLE}::r"},
    ),
    "path": ([role(TEAM, path="/team/")], {"path": "/team/"}, {"role": TEAM}),
    "association with a flat role": (
        [role(trust={**IRSA, "Statement": [*IRSA["Statement"], SERVICE]}), association()],
        {"cluster_arns": [CLUSTER_ARN]},
        {},
    ),
}  # fmt: skip


@pytest.fixture
def printed(tmp_path, capsys):
    """Run the command on a state; its code and both outputs."""

    def run(resources, *options):
        file = tmp_path / "state.json"
        file.write_text(json.dumps(state(*resources)))
        code = main(["takeover", str(file), *options])
        return (code, *capsys.readouterr())

    return run


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_has_its_arguments_and_old_urns(shape, printed):
    resources, arguments, taken_over = SHAPES[shape]
    role_urn = resources[0]["urn"]

    code, out, _ = printed(resources, "--name", role_urn, "--output", "json")

    [found] = json.loads(out)["components"]
    assert (code, found["component"]) == (0, "ServiceAccountRole")
    assert found["arguments"] == {**BY_IRSA, **arguments}
    assert found["taken_over"] == {"role": role_urn.split("::", 2)[2], **taken_over}
    code, out, _ = printed(resources)
    compile(out, "lines", "exec")  # they are Python
