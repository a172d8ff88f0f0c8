"""`python -m irsa list` and `audit` of one cluster; test_own_stacks.py has the three systems."""

import json
import re

import pytest

from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa_sandbox.testing.sandbox import CLUSTER
from tests.sandbox.support.pod_identity import associate
from tests.sandbox.support.workload import CLUSTER_ARN, NAME, user_with
from tests.support.paths import ROOT

pytestmark = pytest.mark.sandbox


def test_the_documented_policy_is_enough_and_no_action_of_it_is_too_much(workload):
    session, irsa = workload.session, workload.world.irsa
    text = (ROOT / "docs/commands.md").read_text()
    [block] = re.findall(r"```json\n(\{\n  \"Version\".*?)```", text, re.DOTALL)
    [statement] = json.loads(block)["Statement"]
    every = statement["Action"]
    own, by_eks = (
        workload.trust_policy,
        pod_identity_trust_policy([CLUSTER_ARN], [workload.account]),
    )
    workload.set_trust({**own, "Statement": own["Statement"] + by_eks["Statement"]})
    associate(session.aws("eks"), CLUSTER, workload.account, workload.role_arn)

    keys = user_with(session, *every)
    done = irsa("list", "--output", "json", **keys)
    audit = irsa("audit", "--output", "json", **keys)
    less_eks = user_with(session, *(each for each in every if "eks:" not in each))
    without_eks = irsa("audit", "--output", "json", **less_eks)

    assert not [each for each in done.json["notes"] if each.startswith("could not read")]
    [row] = [e for e in done.json["service_accounts"] if e["namespace"] == workload.namespace
             and e["name"] == NAME]  # fmt: skip
    associated, annotated = row["identities"]
    assert (associated["kind"], associated["source"]) == ("Pod Identity", workload.role_arn)
    assert annotated == {"kind": "IRSA", "source": workload.role_arn}
    assert row["findings"] == []
    assert audit.err == ""
    # Associations are read for a role that trusts EKS.
    [unchecked] = without_eks.err.splitlines()
    assert without_eks.code in (0, 1)
    assert "not checked: disabled-tags, no-agent: could not read Pod Identity assoc" in unchecked
    for action in every:
        got = irsa("list", **user_with(session, *(each for each in every if each != action)))
        assert "could not read" in got.out + got.err, action
