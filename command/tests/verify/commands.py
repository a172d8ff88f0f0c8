"""Printed commands: the JSON that they pass, and the account as AWS would leave it."""

import json
import shlex
from dataclasses import replace
from itertools import pairwise

import pytest

from irsa.observe.facts import PermissionsPolicy

RESTART = "kubectl rollout restart deployment/app --namespace dev"
SET_ENV = "kubectl set env deployment/app --namespace dev"


def written(command, option="--policy-document"):
    """The JSON that a printed command passes with an option."""
    words = shlex.split(command)
    return json.loads(words[words.index(option) + 1])


def changed_account(command, role, bucket_policy=None):
    """The role and the bucket's policy after a printed command, as AWS would change them."""
    words = shlex.split(command)
    options = dict(pairwise(words))
    assert options.get("--role-name", role.name) == role.name
    policies = {each.arn or each.name: each for each in role.policies}
    match words[2]:
        case "update-assume-role-policy":
            return replace(role, trust_policy=written(command)), bucket_policy
        case "put-role-policy":
            name = options["--policy-name"]
            policies[name] = PermissionsPolicy(name, written(command))
        case "delete-role-policy" | "detach-role-policy":
            del policies[options.get("--policy-arn") or options["--policy-name"]]
        case "put-bucket-policy" | "delete-bucket-policy":
            return role, written(command, "--policy") if "--policy" in options else None
        case other:
            pytest.fail(f"{other} changes what other principals may have")
    return replace(role, policies=tuple(policies.values())), bucket_policy
