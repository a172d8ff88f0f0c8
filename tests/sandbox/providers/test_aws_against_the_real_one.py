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

STATES: list[Written] = []
"""Where the states differ."""

STEPS: list[Written] = []
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


def of_aws(pair: Pair) -> Things:
    """The states of both stacks, without what each sandbox and each run makes up."""
    stacks = (pair.open_a(), pair.open_b())
    deployments = [stack.export() for stack in stacks]
    text = json.dumps([each["resources"] for each in deployments])
    for pattern, name in ():
        text = re.sub(pattern, name, text)
    listed = [resource for each in json.loads(text) for resource in each]
    return settled(resources({"resources": listed}, (AWS, f"pulumi:providers:{AWS}")))


def settled(things: Any) -> Any:
    """Policy documents in one spelling."""
    if isinstance(things, Mapping):
        return {key: settled(value) for key, value in things.items()}
    if isinstance(things, list):
        return [settled(each) for each in things]
    return canonical(things) if isinstance(things, str) and '"Statement"' in things else things


def test_the_three_systems_come_up_and_stay_as_they_are(pairs: tuple[Pair, ...]):
    _, pair = pairs
    for stack in (pair.open_a(), pair.open_b()):
        assert stack.preview().keys() == {"same"}
        assert stack.refresh().keys() == {"same"}
        assert stack.preview().keys() == {"same"}

    assert pair.listing(*AS_B) == LISTED


def test_both_make_the_same_resources(pairs: tuple[Pair, ...]):
    explained(differences(*(of_aws(pair) for pair in pairs)), STATES)


def test_both_see_the_same_changes(pairs: tuple[Pair, ...]):
    found: list[Difference] = []
    for workload, changes in CHANGES.values():
        attached, published = (steps(pair, workload, changes) for pair in pairs)
        assert attached
        assert attached.keys() == published.keys()
        found += differences(attached, published)

    explained(found, STEPS)
