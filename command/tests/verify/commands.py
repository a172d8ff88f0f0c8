"""Printed commands, and the JSON that they pass."""

import json
import shlex

RESTART = "kubectl rollout restart deployment/app --namespace dev"
SET_ENV = "kubectl set env deployment/app --namespace dev"


def written(command, option="--policy-document"):
    """The JSON that a printed command passes with an option."""
    words = shlex.split(command)
    return json.loads(words[words.index(option) + 1])
