"""The `aws` provider's EKS resources, against the emulator."""

from collections.abc import Iterator
from typing import Any

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A
from tests.sandbox.support.aws_harness import ISSUER, ROLE_ARN
from tests.sandbox.support.provider_harness import (
    NOTHING,
    Difference,
    Engine,
    InvalidInput,
    Resource,
    refused,
    shown,
)

pytestmark = pytest.mark.sandbox

CLUSTER, NODES = "aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup"
ENTRY = "aws:eks/accessEntry:AccessEntry"


def cluster(**inputs: Any) -> dict[str, Any]:
    return {
        "name": "dev",
        "roleArn": ROLE_ARN,
        "version": "1.34",
        "vpcConfig": {"subnetIds": ["subnet-00000001", "subnet-00000002"]},
        "accessConfig": {"authenticationMode": "API"},
        **inputs,
    }


def nodes(**inputs: Any) -> dict[str, Any]:
    return {
        "clusterName": "dev",
        "nodeGroupName": "default",
        "nodeRoleArn": ROLE_ARN,
        "subnetIds": ["subnet-00000001"],
        "scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 1},
        **inputs,
    }


@pytest.fixture
def dev(engine: Engine) -> Iterator[Resource]:
    made = engine.create(CLUSTER, cluster())
    yield made
    engine.delete(made)


def test_a_cluster_shows_the_control_plane_that_stands_behind_it(engine: Engine, dev: Resource):
    assert dev.id == "dev"
    facts = ("arn", "certificateAuthority", "endpoint", "identities", "status", "version")
    assert shown(dev.state, *facts) == {
        "arn": f"arn:aws:eks:us-east-1:{ACCOUNT_A}:cluster/dev",
        "certificateAuthority": {"data": "Q0E="},
        "endpoint": "https://127.0.0.1:6443",
        "identities": [{"oidcs": [{"issuer": f"https://{ISSUER}"}]}],
        "status": "ACTIVE",
        "version": "1.34",
    }
    assert engine.refresh(dev) == dev
    found = engine.read(CLUSTER, "dev")
    assert found is not None
    assert engine.diff(found, cluster()) == NOTHING


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"roleArn": "arn:aws:iam::111122223333:role/other"}, Difference([], ["roleArn"], True)),
        ({"version": "1.35"}, Difference(["version"], [])),
        ({"enabledClusterLogTypes": ["audit", "api"]}, Difference(["enabledClusterLogTypes"], [])),
        (
            {
                "vpcConfig": {
                    "subnetIds": ["subnet-00000001", "subnet-00000002"],
                    "endpointPrivateAccess": True,
                    "endpointPublicAccess": True,
                }
            },
            Difference(["vpcConfig.endpointPrivateAccess", "vpcConfig.endpointPublicAccess"], []),
        ),
        (
            {"accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"}},
            Difference(["accessConfig.authenticationMode"], []),
        ),
        ({"tags": {"a": "1"}}, Difference(["tags"], [])),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_cluster_changes_in_place_or_is_replaced_as_aws_does(
    engine: Engine, dev: Resource, change, expected
):
    assert engine.diff(dev, cluster(**change)) == expected
    if not expected.replacing:
        changed = engine.update(dev, cluster(**change))
        assert engine.refresh(changed) == changed
        assert engine.diff(changed, cluster(**change)) == NOTHING
        name = next(iter(change))
        assert shown(changed.state, name) != shown(dev.state, name)


def test_a_node_group_scales_in_place_and_keeps_its_cluster(engine: Engine, dev: Resource):
    group = engine.create(NODES, nodes(labels={"a": "1", "b": "2"}))
    assert engine.refresh(group) == group
    assert refused(engine.delete, dev) == (
        "DeleteCluster: ResourceInUseException: Cluster has nodegroups attached"
    )
    wanted = nodes(
        labels={"b": "3"},
        scalingConfig={"minSize": 2, "maxSize": 4, "desiredSize": 3},
        tags={"t": "1"},
        version="1.35",
    )
    changed = engine.update(group, wanted)
    assert shown(changed.state, "labels", "scalingConfig", "tags", "version") == {
        "labels": {"b": "3"},
        "scalingConfig": {"minSize": 2, "maxSize": 4, "desiredSize": 3},
        "tags": {"t": "1"},
        "version": "1.35",
    }
    assert engine.diff(changed, wanted | {"instanceTypes": ["m7i.large"]}).replacing == [
        "instanceTypes"
    ]
    engine.delete(changed)


def test_an_access_entry_changes_its_groups_in_place(engine: Engine, dev: Resource):
    wanted = {"clusterName": "dev", "principalArn": ROLE_ARN, "kubernetesGroups": ["b", "a"]}
    entry = engine.create(ENTRY, wanted)
    assert (entry.id, entry.state["kubernetesGroups"]) == (f"dev:{ROLE_ARN}", ["a", "b"])
    assert engine.refresh(entry) == entry
    changed = engine.update(entry, {**wanted, "kubernetesGroups": ["c"], "tags": {"t": "1"}})
    assert shown(changed.state, "kubernetesGroups", "tags") == {
        "kubernetesGroups": ["c"],
        "tags": {"t": "1"},
    }
    assert engine.diff(entry, {**wanted, "type": "EC2_LINUX"}).replacing == ["type"]
    engine.delete(changed)
    assert engine.refresh(changed) is None


def test_what_must_be_given_is_named(engine: Engine):
    with pytest.raises(InvalidInput, match="vpcConfig: is required"):
        engine.check(CLUSTER, {"roleArn": ROLE_ARN})


@pytest.mark.parametrize("token", [NODES, ENTRY])
def test_an_id_of_another_form_is_refused(engine: Engine, token):
    assert refused(engine.read, token, "one-part").startswith(
        "'one-part' is not an id of this type; expected "
    )
