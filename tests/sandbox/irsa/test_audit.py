"""`python -m irsa audit` on a cluster with one good and some bad service accounts."""

import pytest

from tests.sandbox.support.workload import new_workload

pytestmark = pytest.mark.sandbox


def of(workload, findings):
    """The rules that found something about a workload."""
    return [
        (each["rule"], each["severity"])
        for each in findings
        if workload.namespace in each["subject"]
    ]  # fmt: skip


def test_each_service_account_gets_its_own_findings(irsa_world):
    good, open_, gone = (new_workload(irsa_world) for _ in range(3))
    issuer = irsa_world.issuer
    open_.trust(Condition={"StringEquals": {f"{issuer}:aud": "sts.amazonaws.com"}})
    gone.delete_role()

    done = irsa_world.irsa("audit", "--output", "json")

    assert done.code == 1
    assert of(good, done.json) == []
    assert of(open_, done.json) == [("no-sub", "error")]
    assert of(gone, done.json) == [("role-missing", "error")]
