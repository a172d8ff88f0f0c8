"""The published plugin of pulumi-kubernetes instead of the sandbox's own: where they differ."""

import pytest
from lightkube.resources.core_v1 import ConfigMap, ServiceAccount
from lightkube.types import PatchType

from irsa.identity.eks import ROLE_ARN_ANNOTATION
from sandbox.session import Session
from tests.sandbox.support.comparison import (
    Steps,
    Things,
    Written,
    differences,
    resources,
)
from tests.sandbox.support.two_accounts import (
    CHAIN,
    IRSA,
    KEY,
    NAMESPACE,
    Pair,
)
from tests.sandbox.support.with_plugin import (
    differences_of_previews,
    explained,
    stay_as_they_are,
)

pytestmark = [pytest.mark.sandbox, pytest.mark.published]

PLUGIN = "kubernetes"

OBJECT = rf"{PLUGIN}:.*"
STATES = [
    Written(
        rf"pulumi:providers:{PLUGIN}::dev(-eks-k8s)?",
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


def test_the_engine_starts_the_plugin_by_itself(published: Session):
    assert published.state.providers.keys() == {"aws", "eks"}
    assert published.state.plugins == [PLUGIN]


def test_the_three_systems_come_up_and_stay_as_they_are(pairs: tuple[Pair, ...]):
    stay_as_they_are(pairs[1])


def test_both_make_the_same_resources(pairs: tuple[Pair, ...]):
    attached, published = (
        resources(pair.open_a().export(), (PLUGIN, f"pulumi:providers:{PLUGIN}")) for pair in pairs
    )

    explained(differences(attached, published), STATES)


def test_both_see_the_same_changes(pairs: tuple[Pair, ...]):
    explained(differences_of_previews(pairs, CHANGES), STEPS)


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
