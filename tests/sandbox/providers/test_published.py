"""The published plugin of pulumi-kubernetes instead of the sandbox's own: where they differ."""

import pytest
from lightkube.resources.core_v1 import ConfigMap, ServiceAccount
from lightkube.types import PatchType

from components.credentials import TokenArgs
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from sandbox.session import Session
from tests.sandbox.support.comparison import (
    Resources,
    Steps,
    Written,
    differences,
    resources,
)
from tests.sandbox.support.with_plugin import (
    CHAIN,
    IRSA,
    NAMESPACE,
    differences_of_previews,
    explained,
    no_changes,
    opened,
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
    "token": TokenArgs(expiration=7200, sts_regional_endpoints=False),
    "replicas": 2,
    "image": "public.ecr.aws/aws-cli/aws-cli:2.32.0",
    "env": {"LANG": "C.UTF-8"},
    "command": ["sleep", "60"],
    "service_account": "renamed",
    "duration": 1800,
    "key_version": 2,
}
"""Changes to preview, one at a time."""


def test_the_engine_starts_the_plugin_by_itself(published: Session):
    assert published.state.providers.keys() == {"aws", "eks"}
    assert published.state.plugins == [PLUGIN]


def test_neither_finds_changes_after_an_up(both: tuple[Session, ...]):
    for session in both:
        no_changes(opened(session))


def test_both_create_the_same_resources(both: tuple[Session, ...]):
    attached, published = (
        resources(opened(session).export(), (PLUGIN, f"pulumi:providers:{PLUGIN}"))
        for session in both
    )

    explained(differences(attached, published), STATES)


def test_both_preview_the_same_changes(both: tuple[Session, ...]):
    explained(differences_of_previews(both, CHANGES), STEPS)


def test_both_find_changes_outside_of_pulumi(both: tuple[Session, ...]):
    """A refresh finds them, and an `up` reverts them."""
    seen: list[Resources] = []
    for session in both:
        cluster = session.cluster
        cluster.delete(ConfigMap, CHAIN, namespace=NAMESPACE)
        cluster.patch(
            ServiceAccount,
            IRSA,
            {"metadata": {"annotations": {ROLE_ARN_ANNOTATION: None}}},
            namespace=NAMESPACE,
            patch_type=PatchType.MERGE,
        )
        refreshed, repaired = Steps(), Steps()
        stack = opened(session)
        stack.refresh(on_event=refreshed)
        stack.up(on_event=repaired)
        assert stack.preview().keys() == {"same"}
        seen += [refreshed.taken, repaired.taken]

    refresh, repair, refresh_of_plugin, repair_of_plugin = seen
    assert refresh.keys() == refresh_of_plugin.keys() == repair.keys()
    found = differences(refresh, refresh_of_plugin) + differences(repair, repair_of_plugin)
    explained(found, [TOPS])
