"""`python -m irsa verify` names the link that fails, with a remedy that works."""

import json

import pytest
from botocore.exceptions import EndpointConnectionError
from lightkube.resources.core_v1 import Namespace, ServiceAccount
from lightkube.types import PatchType

from irsa.identity.arns import bucket_arn
from irsa.verify.link import LINKS
from irsa_sandbox.aws.accounts import ACCOUNT_A
from tests.sandbox.support.breaks import AUD, BREAKS, OF_OTHERS
from tests.sandbox.support.kubectl import NAME
from tests.sandbox.support.remedies import nothing_gained, remedied
from tests.sandbox.support.workload import temporary_workload, troubles

pytestmark = pytest.mark.sandbox


@pytest.fixture
def workload(workload):
    """Whole again after each test, as long as the tests leave its Pods alone."""
    yield workload
    workload.restore()


@pytest.fixture
def target(irsa_world, workload, broken):
    """A whole chain, for the test to break: another one where Pods get replaced."""
    if broken.touches_pods:
        options = {"annotated": broken.annotated, "stated": broken.stated}
        with temporary_workload(irsa_world, **options) as another:
            yield another
    else:
        yield workload
    irsa_world.register()


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.name)
def test_the_link_is_named_and_its_remedy_fixes_it(target, broken):
    broken.do(target)

    assert troubles(remedied(target, broken.link, broken.found)) == []
    assert target.sdk().startswith(f"arn:aws:sts::{ACCOUNT_A}:assumed-role/{target.role_name}/")


@pytest.mark.parametrize("broken", OF_OTHERS, ids=lambda broken: broken.name)
def test_a_policy_that_others_may_have_is_left_to_its_owner(workload, broken):
    broken.do(workload)

    [result] = workload.verify().json

    assert result["failing_link"] == broken.link
    link = next(each for each in result["links"] if each["link"] == broken.link)
    assert broken.found in link["found"]
    assert link["remedy"].startswith("ask the owner of the ")
    assert link["commands"] == []


def test_a_remedy_that_lets_a_neighbour_in_would_be_noticed(workload):
    everyone = f"system:serviceaccount:{workload.namespace}:*"
    with (
        pytest.raises(AssertionError, match="worker-1"),
        nothing_gained(workload.session, workload.namespace),
    ):
        workload.condition(AUD, ("StringLike", "sub", everyone))


def test_an_endpoint_of_s3_fails_in_the_pod_and_is_not_passed(irsa_world):
    endpoint = {"name": "AWS_ENDPOINT_URL_S3", "value": "http://127.0.0.1:9"}
    with temporary_workload(irsa_world, container={"env": [endpoint]}) as workload:
        [result] = workload.verify().json
        with pytest.raises(EndpointConnectionError):
            workload.sdk()

    wrong = [each["link"] for each in result["links"] if each["status"] != "passed"]
    assert (result["verdict"], wrong) == ("unknown", ["precedence"])


def test_the_namespace_that_is_going_is_named_and_not_a_permission(irsa_world):
    with temporary_workload(irsa_world) as workload:
        cluster, namespace = workload.session.cluster, workload.namespace
        kept = {"metadata": {"finalizers": ["irsa.test/kept"]}}
        cluster.patch(ServiceAccount, NAME, kept, namespace=namespace)
        cluster.delete(Namespace, namespace)

        links = {each["link"]: each for each in workload.verify().json[0]["links"]}

        kept["metadata"]["finalizers"] = None
        cluster.patch(ServiceAccount, NAME, kept, namespace=namespace, patch_type=PatchType.MERGE)
    assert (links["token"]["status"], links["token"]["commands"]) == ("unknown", [])
    assert "because it is being terminated" in links["token"]["found"]
    assert links["token"]["remedy"].startswith("wait until the namespace is gone")


def test_a_bucket_policy_that_locks_all_readers_out_shows(workload):
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:ListBucket", "s3:GetBucketPolicy"],
        "Resource": bucket_arn(workload.bucket),
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    workload.session.aws("s3").put_bucket_policy(Bucket=workload.bucket, Policy=policy)

    done = workload.verify()

    workload.session.aws("s3", ACCOUNT_A).delete_bucket_policy(Bucket=workload.bucket)
    links = {each["link"]: each for each in done.json[0]["links"]}
    assert links["permissions"]["status"] == "unknown"
    assert f"could not read policy of bucket {workload.bucket}" in links["permissions"]["found"]
    assert links["data"]["status"] == "failed"
    assert "control policy" not in links["data"]["remedy"]


def test_at_least_25_ways_and_every_link_of_one_account_can_fail():
    assert len(BREAKS) >= 25
    of_chain = {key for key in LINKS if key.startswith("chain-") or key == "profile"}
    # What STS and S3 say themselves fails with the link that explains it.
    effects = {"token", "caller", "inside"}
    # tests/sandbox/irsa: test_verify_pods.py, test_verify_pod_identity.py
    elsewhere = {"webhook", "association", "agent"}
    assert {broken.link for broken in BREAKS} == LINKS.keys() - of_chain - effects - elsewhere
