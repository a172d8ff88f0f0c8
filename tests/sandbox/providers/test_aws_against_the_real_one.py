"""The published plugin of pulumi-aws instead of the sandbox's own: where they differ."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from irsa.identity.canonical import canonical
from sandbox.session import Session
from tests.sandbox.support.comparison import (
    Resources,
    Written,
    differences,
    settled,
    state_of,
)
from tests.sandbox.support.with_plugin import (
    differences_of_previews,
    explained,
    no_changes,
    opened,
)

pytestmark = [pytest.mark.sandbox, pytest.mark.published]

PLUGIN = "aws"

NOTHING: tuple[Any, ...] = (None, "", [], {}, False)
"""How the plugin says that something is not there; the attached provider leaves it out."""

NOTES = ("__defaults", "__meta", "__pulumi_raw_state_delta")
"""What the plugin notes for itself, and no program sees."""

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

CHANGES = {
    "permissions": "read-write",
    "max_session": 7200,
    "description": "another",
    "tags": {"team": "a"},
    "role": "renamed",
    "service_account": "renamed",
    "bucket": "another-bucket",
    "role_b": "renamed",
    "user": "renamed",
    "key_version": 2,
}
"""Changes to preview, one at a time."""


@pytest.fixture(scope="module")
def states(both: tuple[Session, ...]) -> tuple[Resources, Resources]:
    """The states after an `up`: a refresh of the plugin adds the outputs of other resources."""
    ours, theirs = settled(*(state_of(opened(session).export()) for session in both))
    return of_aws(ours), of_aws(theirs)


def of_aws(things: Resources) -> Resources:
    """Inputs and outputs of what the provider makes, and of itself."""
    return {
        key: plain({name: each[name] for name in ("inputs", "outputs")})
        for key, each in things.items()
        if key[0].startswith((f"{PLUGIN}:", f"pulumi:providers:{PLUGIN}"))
    }


def plain(value: Any) -> Any:
    """JSON in one spelling, and only what there is."""
    if isinstance(value, Mapping):
        inner = {name: plain(each) for name, each in value.items() if name not in NOTES}
        return {name: each for name, each in inner.items() if each not in NOTHING}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, str) and value.startswith(("{", "[")):
        return canonical(value) if '"Statement"' in value else json.loads(value)
    return value


@pytest.mark.usefixtures("states")
def test_the_plugin_finds_no_changes_after_an_up(both: tuple[Session, ...]):
    no_changes(opened(both[1]))


def test_both_create_the_same_resources(states: tuple[Resources, Resources]):
    ours, theirs = states
    assert ours.keys() == theirs.keys()
    explained(differences(*states), STATES)


def test_both_preview_the_same_changes(both: tuple[Session, ...]):
    explained(differences_of_previews(both, CHANGES), STEPS)
