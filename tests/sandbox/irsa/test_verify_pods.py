"""`python -m irsa verify` on Pods that are broken in their own ways, and boto3 inside them.

All of them are Deployments of one service account. For each, boto3 fails in the Pod, verify names
the link, and after its commands boto3 is the role.
"""

import contextlib

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from lightkube.resources.admissionregistration_v1 import MutatingWebhookConfiguration
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Secret
from lightkube.types import PatchType

from irsa_core.identity.eks import ROLE_ARN_ANNOTATION, SKIP_LABEL, STS_AUDIENCE
from irsa_sandbox.aws.accounts import ACCOUNT_A
from tests.sandbox.support.cluster import apply, eventually
from tests.sandbox.support.remedies import apply as run
from tests.sandbox.support.remedies import remedied
from tests.sandbox.support.workload import NAME, Workload, environment, link_of

BEFORE = f"arn:aws:iam::{ACCOUNT_A}:role/before"
API_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
SKIP = "eks.amazonaws.com/skip-containers"
PROXY = {"name": NAME, "image": "proxy"}
KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "x"}


def own_volume(audience, **container):
    token = {"path": "token", "audience": audience, "expirationSeconds": 3600}
    volume = {"name": "aws-iam-token", "projected": {"sources": [{"serviceAccountToken": token}]}}
    return {"volumes": [volume], "container": container}


def env(**variables):
    return {"container": {"env": environment(variables)}}


ELSEWHERE = {"name": "aws-iam-token", "mountPath": "/elsewhere"}
IN_ZONE = env(AWS_REGION="us-east-1a", AWS_DEFAULT_REGION="us-east-1")
BY_HAND = env(AWS_ROLE_ARN=f"{BEFORE}-pods", AWS_WEB_IDENTITY_TOKEN_FILE=API_TOKEN)
WORK = {"name": "work", "image": "work"}
WITH_KEYS = {"containers": [PROXY, {**WORK, "env": environment(KEYS)}]}
SKIPPED = {"containers": [PROXY, WORK], "metadata": {"annotations": {SKIP: "proxy,work"}}}
LABELED = {"metadata": {"labels": {SKIP_LABEL: "true"}}}
FROM_SECRET = {"container": {"envFrom": [{"secretRef": {"name": "keys"}}]}}
OWN_MOUNT = own_volume(STS_AUDIENCE, volumeMounts=[ELSEWHERE])
BROKEN = {
    "another account": ("pod", "runs as default", {"serviceAccountName": "default"}),
    "skip label": ("injection", "skip-pod-identity-webhook", LABELED),
    "skipped container": ("injection", "skip-containers=proxy,work on the Pod keeps", SKIPPED),
    "own volume": ("injection", "audience 'vault'", own_volume("vault")),
    "own mount": ("injection", "/elsewhere/token", OWN_MOUNT),
    "API token": ("injection", "sets AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE by h", BY_HAND),
    "second container": ("precedence", "work: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_K", WITH_KEYS),
    "keys from a Secret": ("precedence", "envFrom of Secret keys", FROM_SECRET),
    "zone": ("precedence", "an availability zone of region us-east-1", IN_ZONE),
}


@pytest.fixture(scope="module")
def workload(irsa_world):
    """With what the broken Deployments refer to."""
    own = Workload(irsa_world, "pods").create()
    apply(own.session.cluster, Secret, own.namespace, "keys", stringData=KEYS)
    return own


@pytest.mark.cases(("link", "finding", "template"), BROKEN)
def test_the_link_is_named_and_boto3_is_the_role_after_the_commands(
    workload, link, finding, template
):
    """boto3 runs in the broken container: in ``work`` of two, which verify must be asked about if
    both are skipped."""
    workload.deploy(**template)
    container, asked = ("work" if "containers" in template else None), ()
    if SKIP in str(template):
        assert workload.verify().code == 3
        asked = ("--container", "work")
    if "zone" not in finding:  # every host of AWS answers here
        with pytest.raises((BotoCoreError, ClientError, LookupError, OSError)):
            workload.sdk(container=container)

    remedied(workload, (link, finding), more=asked, container=container)


def test_a_pod_older_than_the_annotation_is_replaced(workload):
    workload.service_account({})
    workload.deploy("early")
    workload.deploy("paused")
    paused = {"spec": {"paused": True}}
    workload.session.cluster.patch(Deployment, "paused", paused, namespace=workload.namespace)
    workload.service_account({ROLE_ARN_ANNOTATION: workload.role_arn})
    [result] = workload.verify(deployment="").chains
    commands = str(link_of(result, "injection")["commands"])
    assert [name in commands for name in ("early", "paused", f"/{NAME}")] == [True, True, False]
    assert workload.verify().code == 0

    for name in ("early", "paused"):
        remedied(workload, ("injection", "the Pod was not mutated"), deployment=name)


def test_a_pod_with_the_role_of_before_is_replaced(workload):
    workload.service_account({ROLE_ARN_ANNOTATION: BEFORE})
    workload.restart()
    workload.service_account({ROLE_ARN_ANNOTATION: workload.role_arn})
    remedied(workload, ("injection", "older than the annotation"))


@contextlib.contextmanager
def registered_webhook(workload, **changes):
    """The webhook's registration, changed."""
    cluster, name = workload.session.cluster, "pod-identity-webhook"
    original = cluster.get(MutatingWebhookConfiguration, name).to_dict()["webhooks"][0]

    def register(webhook):
        body = {"webhooks": [webhook]}
        cluster.patch(MutatingWebhookConfiguration, name, body, patch_type=PatchType.MERGE)

    register({**original, **changes})
    try:
        yield
    finally:
        register(original)


@pytest.mark.parametrize("policy", ["Ignore", "Fail"])
def test_a_webhook_that_does_not_answer_gets_no_restart_until_it_does(workload, policy):
    dead = {"clientConfig": {"url": "https://127.0.0.1:1/mutate", "caBundle": None}}

    def failing() -> str:
        """The link that fails after a restart, while the webhook leaves the Pods alone."""
        workload.restart()
        return workload.verify().chains[0]["failing_link"]

    with registered_webhook(workload, **dead, failurePolicy="Ignore"):
        eventually(lambda: failing() == "webhook")
        with registered_webhook(workload, **dead, failurePolicy=policy):
            said = "no Pod can be made now" if policy == "Fail" else "a Pod that is made now"
            eventually(lambda: said in str(workload.verify().json))
            [result] = workload.verify().chains
            both = [link_of(result, key) for key in ("webhook", "injection")]
            assert [link["commands"] for link in both] == [[], []]

    eventually(lambda: workload.verify().chains[0]["failing_link"] == "injection")
    run(workload, link_of(workload.verify().chains[0], "injection")["commands"])
    eventually(lambda: workload.verify().code == 0)
