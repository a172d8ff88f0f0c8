"""The published plugin of pulumi-aws instead of the sandbox's own: where they differ."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from irsa.identity.canonical import canonical
from sandbox.session import Session
from tests.sandbox.support.comparison import (
    Difference,
    Things,
    Written,
    differences,
    resources,
)
from tests.sandbox.support.two_accounts import AS_B, CHAIN, IRSA, KEY, LISTED, Pair
from tests.sandbox.support.with_plugin import explained, made_anew, sandbox_with, steps

pytestmark = [pytest.mark.sandbox, pytest.mark.published]

AWS = "aws"

NOTHING: tuple[Any, ...] = (None, "", [], {}, False)
"""How the plugin says that something is not there; the attached provider leaves it out."""

NOTES = ("__defaults", "__meta", "__pulumi_raw_state_delta")
"""What the plugin notes for itself, and no program sees."""

MADE_UP = (
    (r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)", "<time>"),
    (r"(AKIA|AIDA|ANPA|AROA)[A-Z0-9]{12,}", r"\1<id>"),
    (r"\b(oidc\.eks\.[a-z0-9-]+\.amazonaws\.com/id/)[A-F0-9]{32}", r"\1<id>"),
    (r"\b(dev-eksRole-role|dev-node|dev)-[0-9a-f]{7}\b", r"\1-<suffix>"),
    (r"(:(?:addon|nodegroup)/[^/\"]+/[^/\"]+/)[0-9a-f-]+", r"\1<uuid>"),
    (r"\b(eks-dev-<suffix>)-[0-9a-f]{8}\b", r"\1-<id>"),
    (r"\bsg-[0-9a-f]{8,}", "sg-<id>"),
    (r"\beks\.\d+", "eks.<n>"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<uuid>"),
    (r"https://127\.0\.0\.1:\d+", "https://127.0.0.1"),
)
"""What each sandbox and each run makes up."""

STATES = [
    Written(
        r"pulumi:providers:aws::.*",
        r"(inputs|outputs)\.skipMetadataApiCheck",
        "a default of the plugin, which looks for credentials; the sandbox's is given them",
    ),
    Written(r"aws:.*", r"outputs\.id", "programs read the id that stands beside the outputs"),
    Written(
        r"aws:iam/accessKey:AccessKey::.*",
        r"inputs\.status|outputs\.(secret\.plaintext|sesSmtpPasswordV4)",
        "a secret is another each time; the password for mail that the plugin derives is left out",
    ),
    Written(
        r"aws:s3/bucket:Bucket::.*",
        r"outputs\.(bucketNamespace|grants|requestPayer|serverSideEncryptionConfiguration|versioning)",
        "what S3 has for a bucket by itself; our programs ask for it by resources of their own",
    ),
    Written(
        r"aws:s3/bucketVersioning:BucketVersioning::.*",
        r"outputs\.versioningConfiguration\.mfaDelete",
        "the same",
    ),
    Written(
        r"aws:eks/cluster:Cluster::.*",
        r"inputs\.vpcConfig\.endpointPublicAccess|outputs\.kubernetesNetworkConfig",
        "a default within an object, and the addresses of services, are left out",
    ),
    Written(
        r"aws:eks/cluster:Cluster::.*",
        r"outputs\.certificateAuthority\.data",
        "each sandbox has an authority of its own",
    ),
    Written(
        r"aws:eks/nodeGroup:NodeGroup::.*",
        r"outputs\.resources\[0\]\.remoteAccessSecurityGroupId",
        "nobody logs in to nodes that do not exist",
    ),
]
"""Where the states differ."""

STEPS = [
    Written(
        r"aws:iam/role:Role::.*",
        r"update\.(diffs|detailed\.tagsAll\..*)",
        "the plugin names a tag a second time, among all tags",
    ),
]
"""Where previews differ."""

CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "permissions": (IRSA, {"bucket": {"permissions": "read-write"}}),
    "session": (IRSA, {"role": {"maxSessionDuration": 7200}}),
    "description": (IRSA, {"role": {"description": "another"}}),
    "tags": (IRSA, {"role": {"tags": {"team": "a"}}}),
    "role": (IRSA, {"role": {"name": "renamed"}}),
    "service account": (IRSA, {"serviceAccount": "renamed"}),
    "bucket": (IRSA, {"bucket": {"name": "another-bucket"}}),
    "role B": (CHAIN, {"crossAccount": {"roleName": "renamed"}}),
    "user": (KEY, {"accessKey": {"userName": "renamed"}}),
    "access key": (KEY, {"accessKey": {"keyVersion": 2}}),
}
"""What is previewed, each from the example on: a workload, and changes to it."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with sandbox_with(AWS, tmp_path_factory.mktemp("published")) as running:
        yield running


@pytest.fixture(scope="module")
def pairs(published: Session, session: Session) -> Iterator[tuple[Pair, ...]]:
    """With attached providers and with the plugin."""
    with made_anew(session, published) as both:
        yield both


@pytest.fixture(scope="module")
def states(pairs: tuple[Pair, ...]) -> list[Things]:
    """As an `up` leaves them: a refresh of the plugin adds what other resources have brought."""
    return [of_aws(pair) for pair in pairs]


def of_aws(pair: Pair) -> Things:
    """The resources of both stacks, without what is made up."""
    stacks = (pair.open_a(), pair.open_b())
    text = json.dumps([each for stack in stacks for each in stack.export()["resources"]])
    for pattern, name in MADE_UP:
        text = re.sub(pattern, name, text)
    return settled(resources({"resources": json.loads(text)}, (AWS, f"pulumi:providers:{AWS}")))


def settled(value: Any) -> Any:
    """JSON in one spelling, and only what there is."""
    if isinstance(value, Mapping):
        inner = {name: settled(each) for name, each in value.items() if name not in NOTES}
        return {name: each for name, each in inner.items() if each not in NOTHING}
    if isinstance(value, list):
        return [settled(each) for each in value]
    if isinstance(value, str) and value.startswith(("{", "[")):
        return canonical(value) if '"Statement"' in value else json.loads(value)
    return value


@pytest.mark.usefixtures("states")
def test_the_three_systems_come_up_and_stay_as_they_are(pairs: tuple[Pair, ...]):
    _, pair = pairs
    for stack in (pair.open_a(), pair.open_b()):
        assert stack.preview().keys() == {"same"}
        assert stack.refresh().keys() == {"same"}
        assert stack.preview().keys() == {"same"}

    assert pair.listing(*AS_B) == LISTED


def test_both_make_the_same_resources(states: list[Things]):
    explained(differences(*states), STATES)


def test_both_see_the_same_changes(pairs: tuple[Pair, ...]):
    found: list[Difference] = []
    for workload, changes in CHANGES.values():
        attached, published = (steps(pair, workload, changes) for pair in pairs)
        assert attached
        assert attached.keys() == published.keys()
        found += differences(attached, published)

    explained(found, STEPS)
