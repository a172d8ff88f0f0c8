"""`python -m irsa verify` on Pods that are broken in their own ways, and boto3 inside them.

All of them are Deployments of one service account, in one namespace, broken together. For each,
boto3 fails in the Pod, verify names the link, and after its commands boto3 is the role.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from lightkube.resources.admissionregistration_v1 import MutatingWebhookConfiguration
from lightkube.types import PatchType

from sandbox.aws.accounts import ACCOUNT_A
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.hands import NAME, Hands
from tests.sandbox.support.irsa_world import Made, config_map, secret, troubles, world

pytestmark = pytest.mark.sandbox

ROLE_ARN = "eks.amazonaws.com/role-arn"
BEFORE = f"arn:aws:iam::{ACCOUNT_A}:role/before"
ROLE = "the role of the workload"
API_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
DEFAULT = f"[default]\nrole_arn = {BEFORE}\ncredential_source = Environment\nregion = us-east-1\n"


def env(**variables: str) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in variables.items()]


def two(**second: Any) -> list[dict[str, Any]]:
    return [{"name": NAME, "image": "proxy"}, {"name": "work", "image": "work", **second}]


class Broken(NamedTuple):
    """A Deployment that is broken in its own way."""

    name: str
    link: str
    found: str
    template: dict[str, Any]
    container: str | None = None
    """The one in which boto3 fails; the first one if not said."""
    asked: tuple[str, ...] = ()
    """Options without which nobody can tell."""
    by_hand: Callable[[Made], None] | None = None
    """What a person does where the remedy is a sentence."""


def create_settings(made: Made) -> None:
    config_map(made.session, made.namespace, "missing", {"LEVEL": "debug"})


def create_certificate(made: Made) -> None:
    secret(made.session, made.namespace, "certificate", {"key": "x"})


EARLY = Broken("h1-48-early", "injection", "the Pod was not mutated", {})
STUCK = Broken(
    "h1-22-stuck",
    "pod",
    "there is no ConfigMap missing; the rollout is stuck, and Pod h1-22-stuck-",
    {"container": {"envFrom": [{"configMapRef": {"name": "missing"}}]}},
    by_hand=create_settings,
)
ROWS = [
    EARLY,
    STUCK,
    Broken(
        "h1-20-default-profile",
        "precedence",
        "the profile [default]: it leads to " + BEFORE,
        {
            "volumes": [{"name": "aws", "configMap": {"name": "aws"}}],
            "container": {
                "env": env(AWS_CONFIG_FILE="/etc/aws/config"),
                "volumeMounts": [{"name": "aws", "mountPath": "/etc/aws"}],
            },
        },
    ),
    Broken(
        "h1-44-empty-region",
        "injection",
        "AWS_REGION is empty",
        {"container": {"env": env(AWS_REGION="")}},
    ),
    Broken(
        "h1-18-profile-from-map",
        "precedence",
        "AWS_PROFILE=legacy through envFrom of ConfigMap settings",
        {"container": {"envFrom": [{"configMapRef": {"name": "settings"}}]}},
    ),
    Broken(
        "h1-16-second-container",
        "precedence",
        "container work: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY in the container",
        {"containers": two(env=env(AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY="x"))},
        container="work",
    ),
    Broken(
        "h1-17-skipped-second",
        "injection",
        "skip-containers=proxy,work on the Pod keeps the webhook away",
        {
            "containers": two(),
            "metadata": {"annotations": {"eks.amazonaws.com/skip-containers": "proxy,work"}},
        },
        container="work",
        asked=("--container", "work"),
    ),
    Broken(
        "h1-23-pending",
        "pod",
        "is Pending: there is no Secret certificate",
        {"volumes": [{"name": "c", "secret": {"secretName": "certificate"}}]},
        by_hand=create_certificate,
    ),
    Broken(
        "m4-46-api-token",
        "injection",
        "the Pod template sets AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE by hand",
        {"container": {"env": env(AWS_ROLE_ARN=ROLE, AWS_WEB_IDENTITY_TOKEN_FILE=API_TOKEN)}},
    ),
]


@pytest.fixture(scope="module")
def made(session) -> Iterator[Made]:
    """All of them at once: one Pod is older than the annotation, one has another role."""
    with world(session) as irsa_world:
        found = irsa_world.workload(annotated=False)
        config_map(session, found.namespace, "aws", {"config": DEFAULT})
        settings = {"AWS_PROFILE": "legacy", "LEVEL": "debug"}
        config_map(session, found.namespace, "settings", settings)
        found.deploy(EARLY.name)
        found.service_account({ROLE_ARN: BEFORE})
        found.deploy(STUCK.name)
        found.service_account({ROLE_ARN: found.role_arn})
        for row in ROWS:
            if row is not EARLY:
                template = json.dumps(row.template).replace(ROLE, found.role_arn)
                found.deploy(row.name, wait=False, **json.loads(template))
        found.restart()
        eventually(lambda: found.verify(deployment="h1-16-second-container").code == 1)
        yield found


def test_h1_48_every_deployment_of_the_service_account_is_looked_at(made):
    done = made.verify(deployment="")

    [result] = done.json
    assert (done.code, result["failing_link"]) == (1, "pod")
    commands = " ".join(command for link in result["links"] for command in link["commands"])
    named = [row for row in ROWS if row.by_hand is None and not row.asked]
    assert [row.name for row in named if row.name not in commands] == []
    assert made.verify().code == 0


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_link_is_named_and_boto3_is_the_role_after_the_commands(made, row):
    if row.asked:
        assert made.verify(deployment=row.name).code == 3
    with pytest.raises((BotoCoreError, ClientError, LookupError)):
        made.sdk(deployment=row.name, container=row.container)

    done = made.verify(*row.asked, deployment=row.name)

    [result] = done.json
    [link] = [each for each in result["links"] if each["link"] == row.link]
    assert (done.code, result["failing_link"]) == (1, row.link), done.out
    assert row.found in link["found"]
    role = f"arn:aws:sts::{ACCOUNT_A}:assumed-role/{made.role_name}/"
    assert troubles(mended(made, row, link["commands"])) == []
    assert made.sdk(deployment=row.name, container=row.container).startswith(role)


def mended(made: Made, row: Broken, commands: list[str]) -> Any:
    """What verify says after the remedy, given by its commands or by hand, and the new Pod."""
    assert bool(commands) is (row.by_hand is None)
    if row.by_hand is not None:
        row.by_hand(made)
    made.world.apply(commands)

    def passing() -> Any:
        done = made.verify(*row.asked, deployment=row.name)
        return done.json[0] if done.code == 0 else None

    return eventually(passing)


def test_a_container_that_no_pod_has_is_one_line_with_those_that_there_are(made):
    done = made.verify("--container", "wrk", deployment="h1-17-skipped-second")

    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"irsa verify: --container: no container 'wrk' in the Pods of {made.namespace}/{NAME}; "
        "there are app, work\n"
    )


@contextlib.contextmanager
def silent_webhook(made: Made) -> Iterator[None]:
    """The webhook does not answer, and the API server lets Pods through, as on EKS."""
    cluster, name = made.session.cluster, "pod-identity-webhook"
    found = cluster.get(MutatingWebhookConfiguration, name).to_dict()["webhooks"][0]
    dead = {"url": "https://127.0.0.1:1/mutate", "caBundle": found["clientConfig"]["caBundle"]}
    changed = {**found, "clientConfig": dead, "failurePolicy": "Ignore"}

    def register(webhook: dict[str, Any]) -> None:
        body = {"webhooks": [webhook]}
        cluster.patch(MutatingWebhookConfiguration, name, body, patch_type=PatchType.MERGE)

    register(changed)
    try:
        yield
    finally:
        register(found)


def test_m4_40_a_webhook_that_does_not_answer_is_named_before_the_pod_that_lacks_the_role(made):
    def failing() -> str:
        Hands(made.session).run(
            ["rollout", "restart", f"deployment/{NAME}", "--namespace", made.namespace]
        )
        [result] = made.verify().json
        return result["failing_link"]

    with silent_webhook(made):
        eventually(lambda: failing() == "webhook")
        [result] = made.verify().json
    [link] = [each for each in result["links"] if each["link"] == "webhook"]
    assert "does not answer (failurePolicy Ignore)" in link["found"]

    def mended() -> bool:
        made.world.apply(link["commands"])
        return made.verify().code == 0

    eventually(mended)
