"""irsa:roles: the stack makes a role, and somebody else the service account and its pods."""

import json

import pytest
from lightkube.resources.core_v1 import Namespace

from sandbox.demo.irsa import BUCKET, LIST, OBJECT
from tests.sandbox.support.helm import release
from tests.sandbox.support.workload import troubles
from tests.sandbox.support.world import TrustContext

pytestmark = pytest.mark.sandbox

NAMESPACE, NAME = "logs", "loki"
ROLE = {
    "name": NAME,
    "namespace": NAMESPACE,
    "serviceAccount": NAME,
    "bucket": {"name": BUCKET, "permissions": "read", "forceDestroy": True},
}


@pytest.fixture(scope="module", autouse=True)
def namespace_goes(session):
    yield
    session.cluster.delete(Namespace, NAMESPACE)


@pytest.fixture
def stack(open_stack):
    """With that role alone, in a namespace that the stack does not list."""
    found = open_stack({"irsa:roles": [ROLE]})
    found.up()
    return found


@pytest.fixture
def released(session, stack):
    """What a Helm chart would make, with the role's ARN among its values."""
    arn = stack.outputs()["workloads"][NAME]["role_arn"]
    release(session, NAMESPACE, NAME, arn)
    return stack


def test_a_pod_of_somebody_elses_service_account_lists_the_bucket(session, released, tmp_path):
    session.aws("s3").put_object(Bucket=BUCKET, Key=OBJECT, Body=b"x")

    listed = session.in_pod(NAMESPACE, NAME, LIST)
    assert (listed.code, OBJECT in listed.output) == (0, True), listed.output

    other = session.in_pod(NAMESPACE, NAME, ["aws", "s3", "rm", f"s3://{BUCKET}/{OBJECT}"])
    assert "AccessDenied" in other.output, "it may read, and nothing else"
    assert released.up().keys() == {"same"}, "the service account is not the stack's"

    file = tmp_path / "export.json"
    file.write_text(json.dumps({"version": 3, "deployment": released.export()}))
    verified = TrustContext(session).irsa(
        "verify", "--stack", str(file), "--workload", NAME, "--wait", "0", "--output", "json"
    )
    [result] = json.loads(verified.out)
    assert troubles(result) == []


def test_the_role_is_nobody_elses(session, stack):
    arn = stack.outputs()["workloads"][NAME]["role_arn"]
    session.service_account(NAMESPACE, "other")

    token = session.token(NAMESPACE, "other")
    done = session.assume(token, arn, LIST)

    assert "AccessDenied" in done.output
