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
from lightkube.resources.core_v1 import Namespace
from lightkube.types import PatchType

from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa_sandbox.aws.accounts import ACCOUNT_A
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.kubectl import NAME
from tests.sandbox.support.remedies import apply
from tests.sandbox.support.workload import Workload, config_map, new_workload, troubles
from tests.sandbox.support.world import RegisteredCluster

pytestmark = pytest.mark.sandbox

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
    """Options without which verify cannot decide."""
    by_hand: Callable[[Workload], None] | None = None
    """The manual fix where the remedy is a sentence."""


def create_settings(workload: Workload) -> None:
    config_map(workload.session, workload.namespace, "missing", {"LEVEL": "debug"})


EARLY = Broken("early", "injection", "the Pod was not mutated", {})
STUCK = Broken(
    "stuck",
    "pod",
    "there is no ConfigMap missing; the rollout is stuck, and Pod stuck-",
    {"container": {"envFrom": [{"configMapRef": {"name": "missing"}}]}},
    by_hand=create_settings,
)
ROWS = [
    EARLY,
    STUCK,
    Broken(
        "default-profile",
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
        "second-container",
        "precedence",
        "container work: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY in the container",
        {"containers": two(env=env(AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY="x"))},
        container="work",
    ),
    Broken(
        "skipped-container",
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
        "api-token",
        "injection",
        "the Pod template sets AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE by hand",
        {"container": {"env": env(AWS_ROLE_ARN=ROLE, AWS_WEB_IDENTITY_TOKEN_FILE=API_TOKEN)}},
    ),
]


@pytest.fixture(scope="module")
def workload(irsa_world: RegisteredCluster) -> Workload:
    """All of them at once: one Pod is older than the annotation, one has another role."""
    own = new_workload(irsa_world, annotated=False)
    config_map(own.session, own.namespace, "aws", {"config": DEFAULT})
    own.deploy(EARLY.name)
    own.service_account({ROLE_ARN_ANNOTATION: BEFORE})
    own.deploy(STUCK.name)
    own.service_account({ROLE_ARN_ANNOTATION: own.role_arn})
    for row in ROWS:
        if row is not EARLY:
            template = json.dumps(row.template).replace(ROLE, own.role_arn)
            own.deploy(row.name, wait=False, **json.loads(template))
    own.restart()
    eventually(lambda: own.verify(deployment="second-container").code == 1)
    return own


def test_every_deployment_of_the_service_account_is_looked_at(workload):
    done = workload.verify(deployment="")

    [result] = done.json
    assert (done.code, result["failing_link"]) == (1, "pod")
    commands = " ".join(command for link in result["links"] for command in link["commands"])
    named = [row for row in ROWS if row.by_hand is None and not row.asked]
    assert [row.name for row in named if row.name not in commands] == []
    assert workload.verify().code == 0


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_link_is_named_and_boto3_is_the_role_after_the_commands(workload, row):
    if row.asked:
        assert workload.verify(deployment=row.name).code == 3
    with pytest.raises((BotoCoreError, ClientError, LookupError)):
        workload.sdk(deployment=row.name, container=row.container)

    done = workload.verify(*row.asked, deployment=row.name)

    [result] = done.json
    [link] = [each for each in result["links"] if each["link"] == row.link]
    assert (done.code, result["failing_link"]) == (1, row.link), done.out
    assert row.found in link["found"]
    role = f"arn:aws:sts::{ACCOUNT_A}:assumed-role/{workload.role_name}/"
    assert troubles(after_remedy(workload, row, link["commands"])) == []
    assert workload.sdk(deployment=row.name, container=row.container).startswith(role)


def after_remedy(workload: Workload, row: Broken, commands: list[str]) -> Any:
    """Return the result of verify after the remedy and the restart of the Pod."""
    assert bool(commands) is (row.by_hand is None)
    if row.by_hand is not None:
        row.by_hand(workload)
    apply(workload, commands)

    def passing() -> Any:
        done = workload.verify(*row.asked, deployment=row.name)
        return done.json[0] if done.code == 0 else None

    return eventually(passing)


def test_an_unknown_container_is_one_line_with_the_known_ones(workload):
    done = workload.verify("--container", "wrk", deployment="skipped-container")

    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"irsa verify: --container: no container 'wrk' in the Pods of {workload.namespace}/{NAME}; "
        "there are app, work\n"
    )


@contextlib.contextmanager
def registered_webhook(workload: Workload, changes: dict[str, Any]) -> Iterator[None]:
    """The webhook's registration, changed."""
    cluster, name = workload.session.cluster, "pod-identity-webhook"
    found = cluster.get(MutatingWebhookConfiguration, name).to_dict()["webhooks"][0]

    def register(webhook: dict[str, Any]) -> None:
        body = {"webhooks": [webhook]}
        cluster.patch(MutatingWebhookConfiguration, name, body, patch_type=PatchType.MERGE)

    client = {**found["clientConfig"], **changes.get("clientConfig", {})}
    register({**found, **changes, "clientConfig": client})
    try:
        yield
    finally:
        register(found)


def failing(workload: Workload) -> str:
    """The link that fails after a restart, while the webhook leaves the Pods alone."""
    workload.restart()
    return workload.verify().json[0]["failing_link"]


def commands_of(workload: Workload, *keys: str) -> list[str]:
    links = {each["link"]: each for each in workload.verify().json[0]["links"]}
    return [command for key in keys for command in links[key]["commands"]]


@pytest.mark.parametrize("policy", ["Ignore", "Fail"])
def test_a_webhook_that_does_not_answer_gets_no_restart_until_it_does(workload, policy):
    dead = {"clientConfig": {"url": "https://127.0.0.1:1/mutate"}}
    with registered_webhook(workload, {**dead, "failurePolicy": "Ignore"}):
        eventually(lambda: failing(workload) == "webhook")
        with registered_webhook(workload, {"failurePolicy": policy}):
            said = "no Pod can be made now" if policy == "Fail" else "a Pod that is made now"
            eventually(lambda: said in str(workload.verify().json))
            assert commands_of(workload, "webhook", "injection") == []

    eventually(lambda: workload.verify().json[0]["failing_link"] == "injection")
    apply(workload, commands_of(workload, "injection"))
    eventually(lambda: workload.verify().code == 0)


def test_a_label_that_keeps_the_webhook_away_is_removed(workload):
    left_out = {"matchExpressions": [{"key": "legacy", "operator": "DoesNotExist"}]}
    label = {"metadata": {"labels": {"legacy": "yes"}}}
    workload.session.cluster.patch(Namespace, workload.namespace, label)
    with registered_webhook(workload, {"namespaceSelector": left_out}):
        eventually(lambda: failing(workload) == "webhook")

        apply(workload, commands_of(workload, "webhook"))

        eventually(lambda: workload.verify().code == 0)
