"""The real control plane, and the webhook that it calls."""

import ssl

import httpx2
import jwt
import pytest
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from irsa_sandbox.pods.spec import ProjectedToken
from irsa_sandbox.pods.token import mint
from irsa_sandbox.webhook.server import WebhookServer
from tests.sandbox.support.cluster import ROLE_ANNOTATION, Cluster, eventually
from tests.support.world import ISSUER_URL, ROLE_ARN


def pod_of(account: str, **labels: str) -> Pod:
    return Pod(
        metadata=ObjectMeta(generateName="p-", labels=labels or None),
        spec=PodSpec(serviceAccountName=account, containers=[Container(name="app", image="app")]),
    )


def environment(cluster, namespace, pod: Pod) -> dict[str, str]:
    """Return the variables that the webhook injects into a Pod, by a dry run."""
    made = cluster.client.create(pod, namespace=namespace, dry_run=True).to_dict()
    [container] = made["spec"]["containers"]
    return {variable["name"]: variable["value"] for variable in container.get("env", ())}


@pytest.fixture
def pod(cluster: Cluster, namespace: str) -> dict:
    cluster.service_account(namespace, "s3-app", ROLE_ANNOTATION)
    cluster.client.create(pod_of("s3-app"), namespace=namespace)
    return eventually(
        lambda: [p for p in cluster.pods(namespace) if p["status"]["phase"] == "Running"]
    )[0]


def test_a_token_is_bound_to_its_pod_for_a_day_at_most(cluster, pod):
    """Its other claims, and that STS takes it: `irsa-claims` of the demo's checks."""
    keys = jwt.PyJWKSet.from_dict(cluster.control_plane.jwks())
    for seconds, granted in ((3600, 3600), (7 * 86400, 86400)):
        token, lifetime = mint(cluster.client, pod, ProjectedToken("sts.amazonaws.com", seconds))
        key = keys[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(token, key, algorithms=["RS256"], audience="sts.amazonaws.com")
        assert (claims["iss"], claims["exp"] - claims["iat"]) == (ISSUER_URL, granted)
        assert claims["kubernetes.io"]["pod"]["uid"] == pod["metadata"]["uid"]
        assert claims["kubernetes.io"]["node"]["name"] == "sandbox"
        assert granted - 600 < lifetime <= granted


def test_only_a_token_for_the_api_is_let_in(cluster, pod):
    for_api, _ = mint(cluster.client, pod, ProjectedToken(None, 3600))
    for_sts, _ = mint(cluster.client, pod, ProjectedToken("sts.amazonaws.com", 3600))
    tls = ssl.create_default_context(cafile=cluster.authority.ca_file)
    url = f"{cluster.control_plane.server_url}/api/v1/namespaces"
    tokens = (cluster.control_plane.admin_token, for_api, for_sts, "wrong", None)
    with httpx2.Client(verify=tls, trust_env=False) as http:
        headers = [{"Authorization": f"Bearer {token}"} if token else {} for token in tokens]
        answers = [http.get(url, headers=each).status_code for each in headers]
    assert answers == [200, 403, 401, 401, 401]


def test_a_token_for_a_pod_that_is_gone_is_refused(cluster, namespace, pod):
    cluster.client.delete(Pod, pod["metadata"]["name"], namespace=namespace)
    eventually(lambda: not cluster.pods(namespace))
    with pytest.raises(ApiError, match="not found"):
        mint(cluster.client, pod, ProjectedToken("sts.amazonaws.com", 3600))


def test_an_annotation_counts_at_once_and_other_pods_are_left_alone(cluster, namespace):
    """All that the webhook injects: sandbox/tests/unit/webhook/test_json_patch.py."""
    for number in range(5):
        cluster.service_account(namespace, f"app-{number}", ROLE_ANNOTATION)
        injected = environment(cluster, namespace, pod_of(f"app-{number}"))
        assert (injected["AWS_ROLE_ARN"], injected["AWS_REGION"]) == (ROLE_ARN, "us-east-1")
    skip = "eks.amazonaws.com/skip-pod-identity-webhook"
    skipping = [pod_of("app-0", **{skip: value}) for value in ("true", "")]
    for pod in (pod_of("default"), *skipping):
        assert environment(cluster, namespace, pod) == {}


def test_while_the_webhook_is_away_no_pod_is_made(cluster, namespace):
    first = WebhookServer(authority=cluster.authority, client=cluster.client, region="eu-west-1")
    first.start()  # takes the registration over from the fixture's
    first.stop()
    again = WebhookServer(authority=cluster.authority, client=cluster.client, region="us-east-1")
    try:
        with pytest.raises(ApiError, match="failed calling webhook"):
            cluster.client.create(pod_of("default"), namespace=namespace)
        assert cluster.pods(namespace) == []
    finally:
        again.start()  # stays for the tests to come
