"""The published plugin of pulumi-kubernetes instead of the sandbox's own: where they differ."""

from collections.abc import Iterator

import pytest
from lightkube.resources.core_v1 import ConfigMap, ServiceAccount
from lightkube.types import PatchType

from irsa.identity.eks import ROLE_ARN_ANNOTATION
from sandbox.session import Session
from tests.sandbox.support.comparison import (
    Difference,
    Steps,
    Things,
    Written,
    differences,
    resources,
)
from tests.sandbox.support.two_accounts import (
    AS_B,
    CHAIN,
    IRSA,
    KEY,
    LISTED,
    NAMESPACE,
    Pair,
)
from tests.sandbox.support.with_plugin import explained, made_anew, sandbox_with, steps

pytestmark = [pytest.mark.sandbox, pytest.mark.published]

KUBERNETES = "kubernetes"

OBJECT = rf"{KUBERNETES}:.*"
STATES = [
    Written(
        rf"pulumi:providers:{KUBERNETES}::dev(-eks-k8s)?",
        r"id|(inputs|outputs)\.(clusterIdentifier|kubeconfig(\.plaintext)?)",
        "each sandbox has a cluster of its own, and each run gives the provider another id",
    ),
    Written(
        r".*:Secret::s3-app-key",
        r"(inputs|outputs)\.data\.plaintext",
        "IAM makes up another access key each time",
    ),
    Written(
        r".*:Deployment::s3-app-key",
        r"(inputs|outputs)\.spec\.template\.metadata\.annotations\.irsa/identity-hash",
        "it is the hash of that key",
    ),
    Written(
        OBJECT,
        r"outputs\.(__fieldManager|metadata\.(uid|creationTimestamp))",
        "they are made up for each object",
    ),
    Written(
        OBJECT,
        r"outputs\.(__inputs|__initialApiVersion)",
        "the plugin's notes for itself, which no program sees",
    ),
    Written(
        OBJECT,
        r"outputs\.(status|metadata\.(generation|managedFields|resourceVersion))",
        "the attached provider leaves out what the cluster changes by itself: docs/sandbox.md",
    ),
]
"""Where the states differ."""

TOPS = Written(OBJECT, r"update\.diffs", "the plugin names the paths, and not their first parts")
STEPS = [
    TOPS,
    Written(
        r".*:Secret::s3-app-key",
        r"update\.detailed\.data(\..*)?",
        "the attached provider has one path where data is not known yet: docs/sandbox.md",
    ),
]
"""Where previews differ."""

CHANGES = {
    "token": (IRSA, {"token": {"expiration": 7200}}),
    "regional endpoints": (IRSA, {"token": {"stsRegionalEndpoints": False}}),
    "replicas": (IRSA, {"replicas": 2}),
    "image": (IRSA, {"container": {"image": "public.ecr.aws/aws-cli/aws-cli:2.32.0"}}),
    "env": (IRSA, {"container": {"env": {"LANG": "C.UTF-8"}}}),
    "command": (IRSA, {"container": {"command": ["sleep", "60"]}}),
    "service account": (IRSA, {"serviceAccount": "renamed"}),
    "profiles": (CHAIN, {"crossAccount": {"profiles": {"durationSeconds": 1800}}}),
    "access key": (KEY, {"accessKey": {"keyVersion": 2}}),
}
"""What is previewed, each from the example on: a workload, and changes to it."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with sandbox_with(KUBERNETES, tmp_path_factory.mktemp("published")) as running:
        yield running


@pytest.fixture(scope="module")
def pairs(published: Session, session: Session) -> Iterator[tuple[Pair, ...]]:
    """With attached providers and with the plugin."""
    with made_anew(session, published) as both:
        yield both


def test_the_engine_starts_the_plugin_by_itself(published: Session):
    assert published.state.providers.keys() == {"aws", "eks"}
    assert published.state.plugins == [KUBERNETES]


def test_the_three_systems_come_up_and_stay_as_they_are(pairs: tuple[Pair, ...]):
    _, pair = pairs
    for stack in (pair.open_a(), pair.open_b()):
        assert stack.preview().keys() == {"same"}
        assert stack.refresh().keys() == {"same"}
        assert stack.preview().keys() == {"same"}

    assert pair.listing(*AS_B) == LISTED


def test_both_make_the_same_resources(pairs: tuple[Pair, ...]):
    attached, published = (
        resources(pair.open_a().export(), (KUBERNETES, f"pulumi:providers:{KUBERNETES}"))
        for pair in pairs
    )

    explained(differences(attached, published), STATES)


def test_both_see_the_same_changes(pairs: tuple[Pair, ...]):
    found: list[Difference] = []
    for workload, changes in CHANGES.values():
        attached, published = (steps(pair, workload, changes) for pair in pairs)
        assert attached
        assert attached.keys() == published.keys()
        found += differences(attached, published)

    explained(found, STEPS)


def test_both_see_what_others_have_changed(pairs: tuple[Pair, ...]):
    """A refresh finds it, and an `up` puts it right."""
    seen: list[Things] = []
    for pair in pairs:
        cluster = pair.session.cluster
        cluster.delete(ConfigMap, CHAIN, namespace=NAMESPACE)
        cluster.patch(
            ServiceAccount,
            IRSA,
            {"metadata": {"annotations": {ROLE_ARN_ANNOTATION: None}}},
            namespace=NAMESPACE,
            patch_type=PatchType.MERGE,
        )
        refreshed, repaired = Steps(), Steps()
        stack = pair.open_a()
        stack.refresh(on_event=refreshed)
        stack.up(on_event=repaired)
        assert stack.preview().keys() == {"same"}
        pair.changed()
        seen += [refreshed.taken, repaired.taken]

    refresh, repair, refresh_of_plugin, repair_of_plugin = seen
    assert refresh.keys() == refresh_of_plugin.keys() == repair.keys()
    found = differences(refresh, refresh_of_plugin) + differences(repair, repair_of_plugin)
    explained(found, [TOPS])
