"""A cluster's kubeconfig, and the same for somebody else."""

import json

import pytest

from irsa.identity.kubeconfig import as_role, kubeconfig

CLUSTER = "arn:aws:eks:eu-west-1:111122223333:cluster/dev"
ROLE = "arn:aws:iam::111122223333:role/platform"
TEAM = "arn:aws:iam::111122223333:role/team"
TOKEN = ["eks", "get-token", "--cluster-name", "dev"]


def config_of(*arguments: str) -> str:
    user = {"exec": {"command": "aws", "args": [*arguments]}}
    return json.dumps({"users": [{"name": "dev", "user": user}], "current-context": "dev"})


@pytest.mark.parametrize("before", [None, ROLE])
@pytest.mark.parametrize("after", [None, TEAM])
def test_as_another_role_it_is_what_that_role_would_have_been_given(before, after):
    def of(role_arn):
        return kubeconfig(CLUSTER, "dev", "https://dev", "Q0E=", role_arn=role_arn)

    assert json.loads(as_role(json.dumps(of(before)), after)) == of(after)


@pytest.mark.parametrize(
    "given",
    [
        [*TOKEN, "--role", ROLE],  # as pulumi-eks writes it
        ["--role-arn", ROLE, *TOKEN],
        [*TOKEN, "--role", ROLE, "--role-arn", ROLE],
        [*TOKEN, f"--role={ROLE}"],
        [*TOKEN, f"--role-arn={ROLE}"],
        [*TOKEN, "--role"],
    ],
)
def test_no_role_that_was_in_it_is_left(given):
    assert as_role(config_of(*given), TEAM) == config_of(*TOKEN, "--role-arn", TEAM)
    assert as_role(config_of(*given), None) == config_of(*TOKEN)


@pytest.mark.parametrize("config", ["{}", '{"users": null}', '{"users": [{"name": "x"}]}'])
def test_a_kubeconfig_that_asks_nobody_for_a_token_stays_as_it_is(config):
    assert json.loads(as_role(config, TEAM)) == json.loads(config)


@pytest.mark.parametrize("config", ["", "apiVersion: v1", "[]", '"text"'])
def test_what_is_no_kubeconfig_in_json_is_refused(config):
    with pytest.raises(ValueError, match=r"."):
        as_role(config, TEAM)
