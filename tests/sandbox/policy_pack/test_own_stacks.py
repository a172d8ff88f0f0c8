"""The repository's two stacks are clean, and a broken state is reported."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from irsa_sandbox.session import Session
from tests.sandbox.support.policy_pack import Analyzed, analyzed, previewed
from tests.sandbox.support.two_accounts import Pair

pytestmark = pytest.mark.sandbox

Deployment = dict[str, Any]
ROLE = "aws:iam/role:Role"
PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"


@pytest.fixture(scope="module")
def states(pair: Pair) -> tuple[Deployment, Deployment]:
    """Both stacks' states. On the way, the previews before and after the `up` of each."""
    pair.changed()
    a = pair.open_a()
    a.destroy()
    first = previewed(a)
    assert first.error == ""
    assert {rule for rule, _ in first.rules} == {"not-checked"}
    roles = {"s3-app", "s3-app-A", "crossplane-aws-provider"}
    assert {name for _, name in first.rules} >= roles
    pair.up()
    b = pair.open_b()
    for stack in (a, b):
        assert previewed(stack) == ([], "")
    return a.export(), b.export()


@pytest.fixture
def analyze(states: tuple[Deployment, Deployment], session: Session, tmp_path: Path):
    """Analyze account A's state after a change."""

    def run(change: Callable[[Deployment], None], **options: Any) -> Analyzed:
        state = copy.deepcopy(states[0])
        change(state)
        return analyzed(session.state.pulumi, state, tmp_path, **options)

    return run


def one(state: Deployment, kind: str, name: str) -> Deployment:
    [found] = [
        each
        for each in state["resources"]
        if each["type"] == kind and each["urn"].endswith(f"::{name}")
    ]
    return found


def trust(state: Deployment, name: str, change: Callable[[Any], None]) -> None:
    role = one(state, ROLE, name)
    document = json.loads(role["outputs"]["assumeRolePolicy"])
    change(document)
    role["inputs"]["assumeRolePolicy"] = role["outputs"]["assumeRolePolicy"] = json.dumps(document)


def without_conditions(document: Any) -> None:
    del document["Statement"][0]["Condition"]


def more_permissions(state: Deployment) -> None:
    policy = one(state, "aws:iam/policy:Policy", "s3-app-A-assume-role")
    document = json.loads(policy["outputs"]["policy"])
    document["Statement"].append({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    policy["inputs"]["policy"] = policy["outputs"]["policy"] = json.dumps(document)


def provider_url(state: Deployment) -> None:
    provider = one(state, PROVIDER, "dev")
    for fields in (provider["inputs"], provider["outputs"]):
        fields["url"] = "https://oidc-eks.us-east-1.api.aws/id/0123456789ABCDEF"


BROKEN = {
    "no conditions": (
        lambda state: trust(state, "s3-app", without_conditions),
        1,
        {("no-sub", "s3-app"), ("no-aud", "s3-app")},
    ),
    "role A reads data itself": (more_permissions, 0, {("chaining-role", "s3-app-A")}),
    "dual-stack issuer": (provider_url, 0, {("dual-stack-issuer", "dev")}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_state_is_reported(name: str, analyze: Callable[..., Analyzed]):
    change, code, rules = BROKEN[name]

    done = analyze(change)

    assert {(each.rule, each.name) for each in done.violations} == rules, done.output
    assert (done.code != 0) == (code != 0)


def test_the_states_after_up_are_clean(analyze: Callable[..., Analyzed], states, session, tmp_path):
    assert analyze(lambda _: None)[:2] == (0, [])
    assert analyzed(session.state.pulumi, states[1], tmp_path)[:2] == (0, [])


def test_a_level_from_a_file_decides_the_exit_code(analyze: Callable[..., Analyzed]):
    done = analyze(
        lambda state: trust(state, "s3-app", without_conditions), config={"no-sub": "advisory"}
    )

    assert done.code == 0
    assert [each.level for each in done.violations] == ["advisory", "advisory"]
