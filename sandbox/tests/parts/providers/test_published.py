"""The published plugins instead of the sandbox's own providers: where they differ.

One program with every component runs in two sandboxes, of which one leaves a provider to its
plugin. docs/sandbox.md says where plugins come from; a plugin that is missing is skipped.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from irsa_components.credentials import TokenArgs
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.providers.aws.canonical import canonical
from irsa_sandbox.session import Session
from tests.sandbox.support.with_plugin import (
    IMAGE,
    Resources,
    brought_up,
    differences,
    differences_of_previews,
    explained,
    listed,
    opened,
    sandbox_with,
    settled,
)
from tests.support.paths import ROOT

pytestmark = pytest.mark.published

NOTHING: tuple[Any, ...] = (None, "", [], {}, False)
"""Values with which the aws plugin says that something is not there."""

NOTES = ("__defaults", "__meta", "__pulumi_raw_state_delta")
"""Notes of the aws plugin for itself, which no program sees."""

STATES, PREVIEWS = listed("states"), listed("previews")

Both = tuple[Session, Session]


@pytest.fixture(scope="module", params=STATES)
def plugin(request: pytest.FixtureRequest) -> str:
    """The provider that the second sandbox leaves to its plugin."""
    return request.param


@pytest.fixture(scope="module")
def both(session: Session, plugin: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """The program with attached providers and with the plugin."""
    # An earlier module may have left it, with its names.
    SandboxStack(session.state, ROOT).destroy()
    with (
        sandbox_with(plugin, tmp_path_factory.mktemp("published")) as published,
        brought_up(session, published),
    ):
        yield session, published


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


def test_the_plugin_finds_no_changes_after_an_up(both: Both):
    stack = opened(both[1])
    for operation in (stack.preview, stack.refresh, stack.preview):
        assert operation().keys() == {"same"}


def test_both_create_the_same_resources(plugin: str, both: Both):
    def compared(plugin: str, things: Resources) -> Resources:
        """Inputs and outputs of the plugin's resources and of itself."""
        return {
            key: {
                name: plain(state[name]) if plugin == "aws" else state[name]
                for name in ("inputs", "outputs")
                if name in state
            }
            for key, state in things.items()
            if key[0].startswith((f"{plugin}:", f"pulumi:providers:{plugin}"))
        }

    ours, theirs = settled(both)

    assert ours.keys() == theirs.keys()
    diffs = differences(compared(plugin, ours), compared(plugin, theirs))
    explained(diffs, STATES[plugin])


def test_both_preview_the_same_changes(plugin: str, both: Both):
    changes: list[dict[str, Any]] = [  # together that do not hide each other: previews take seconds
        {
            "permissions": "read_write",
            "of_role": {
                "max_session_duration": 7200,
                "description": "another",
                "tags": {"team": "a"},
            },
            "key_version": 2,
        },
        {"role": "renamed", "bucket": "another-bucket", "user": "renamed"},
        {"service_account": "renamed", "role_b": "renamed"},
        {
            "token": TokenArgs(expiration=7200),
            "duration": 1800,
            "replicas": 2,
            "container": {
                "image": f"{IMAGE}:2.32.0",
                "env": [{"name": "LANG", "value": "C.UTF-8"}],
                "command": ["sleep", "60"],
            },
        },
    ]
    diffs = differences_of_previews(both, changes)

    explained([diff for diff in diffs if diff.type.startswith(f"{plugin}:")], PREVIEWS[plugin])
