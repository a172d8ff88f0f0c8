"""Commands that can be run, whatever the Pods and the facts are."""

import re
from dataclasses import replace

import pytest

from command.tests.verify.scenarios import (
    B_FROM_A,
    BARE,
    GOOD,
    SESSION_ARN,
    A,
    annotated,
    config,
    container,
    pod,
    spec,
    with_config,
    with_variables,
)
from irsa.identity.eks import SKIP_LABEL
from irsa.verify.chain import Chain
from tests.support.world import ROLE_ARN

NOT_MUTATED = spec(container(bare=True))
SKIPPING = {"annotations": {"eks.amazonaws.com/skip-containers": "app"}}
STRANGE = [
    pod(NOT_MUTATED),
    pod(NOT_MUTATED, owner=""),
    pod(NOT_MUTATED, kind="job"),
    pod(NOT_MUTATED, **SKIPPING),
    with_variables(("AWS_PROFILE", "")),
    with_variables(("AWS_REGION", "")),
    with_variables(("AWS_ROLE_ARN", "")),
    with_variables(("AWS_ACCESS_KEY_ID", "x")),
    with_variables(labels={SKIP_LABEL: "true"}),
    replace(with_variables(), service_account="default"),
    with_variables(owner="", phase="Pending", reason="ErrImagePull"),
    pod(with_config()),
    pod(with_config(("AWS_PROFILE", "B"))),
]
FACTS = [
    {},
    {"expected_role": ROLE_ARN},
    {"service_account": None},
    {"service_account": None, "expected_role": ROLE_ARN},
    {"service_account": BARE},
    annotated(SESSION_ARN),
    annotated("s3-app"),
    annotated(f'"{ROLE_ARN}"'),
    annotated(ROLE_ARN.replace("s3-app", "before")),
    {"webhook": None},
    {"profile": "B"},
    {"deployment": "app", **config(f"[B]\n{B_FROM_A}")},
    {"profile": "B", **config(f"[profile B]\n{B_FROM_A}credential_source = x\n{A}")},
    {"profile": "B", "role": None, **config("[profile B]\n")},
]
PLACEHOLDER = re.compile(r"<[^>]*>|\{[a-z_]*\}|None|\.\.\.|…|deployment/ |=$")


@pytest.mark.parametrize("number", range(len(FACTS)))
def test_no_command_holds_a_placeholder_or_lacks_a_name(number):
    for each in STRANGE:
        found = Chain(replace(GOOD, pods=(each,), **FACTS[number])).links()
        commands = [command for link in found for command in link.remedy.shell]
        assert [command for command in commands if PLACEHOLDER.search(command)] == []
