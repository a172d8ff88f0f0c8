"""The links inside the cluster as a whole: the annotation, and commands that can be run."""

import re
from dataclasses import replace

import pytest

from command.tests.verify.links.pod_scenarios import (
    B_FROM_A,
    OLD_ROLE,
    OWN,
    annotated,
    config,
    container,
    judged,
    links,
    pod,
    skipping,
    spec,
    with_config,
    with_owner,
)
from command.tests.verify.test_chain import ROLE_ARN
from irsa.observe.facts import Role, ServiceAccount
from irsa.verify.chain import Chain


@pytest.mark.parametrize("value", [f'"{ROLE_ARN}"', f" {ROLE_ARN}\n", f"'{ROLE_ARN}'"])
def test_quotes_and_white_space_are_taken_off_the_annotation(value):
    link = links(pod(spec(container())), **annotated(value))["annotation"]
    assert link.remedy.shell[0].endswith(f"eks.amazonaws.com/role-arn={ROLE_ARN}")


SESSION = "arn:aws:sts::111122223333:assumed-role/s3-app/i-0123"


def test_a_sessions_role_is_annotated_when_iam_says_which_it_is():
    moved = Role("arn:aws:iam::111122223333:role/team/s3-app", "AROA", {})

    known = links(pod(spec(container())), candidate=moved, **annotated(SESSION))["annotation"]
    guess = links(pod(spec(container())), **annotated(SESSION))["annotation"]

    assert known.remedy.shell[0].endswith("=arn:aws:iam::111122223333:role/team/s3-app")
    assert guess.remedy.shell == ()
    assert "role s3-app in account 111122223333, with the role's path" in guess.remedy.text


def test_what_means_no_role_at_all_has_no_command():
    for value in ("arn:aws:iam::111122223333:instance-profile/x", "s3-app"):
        assert links(pod(spec(container())), **annotated(value))["annotation"].remedy.shell == ()


STRANGE = [
    pod(spec(container(bare=True))),
    pod(spec(container(bare=True)), owner=""),
    pod(spec(container(bare=True)), kind="job"),
    pod(spec(container("app", ("AWS_PROFILE", "")))),
    pod(spec(container("app", ("AWS_REGION", "")))),
    pod(spec(container("app", ("AWS_ROLE_ARN", "")))),
    pod(spec(container("app", ("AWS_ACCESS_KEY_ID", "x")))),
    skipping("app", container("app", bare=True)),
    pod(spec(container()), labels={"eks.amazonaws.com/skip-pod-identity-webhook": "true"}),
    replace(pod(spec(container())), service_account="default"),
    with_owner(pod(spec(container()), phase="Pending", reason="ErrImagePull"), None),
    pod(with_config()),
    pod(with_config(("AWS_PROFILE", "B"))),
]


FACTS = [
    {},
    {"expected_role": ROLE_ARN},
    {"service_account": None},
    {"service_account": None, "expected_role": ROLE_ARN},
    {"service_account": ServiceAccount("dev", "s3-app", {})},
    annotated(SESSION),
    annotated("s3-app"),
    annotated(f'"{ROLE_ARN}"'),
    annotated(OLD_ROLE),
    {"webhook": None},
    {"profile": "B"},
    {"deployment": "app", **config(f"[B]\n{B_FROM_A}")},
    {"profile": "B", **config(f"[profile B]\n{B_FROM_A}credential_source = x\n{OWN}")},
    {"profile": "B", "role": None, **config("[profile B]\n")},
]


PLACEHOLDER = re.compile(r"<[^>]*>|\{[a-z_]*\}|None|\.\.\.|…")


@pytest.mark.parametrize("number", range(len(FACTS)))
def test_no_command_holds_a_placeholder_or_lacks_a_name(number):
    for each in STRANGE:
        facts = judged(each, **FACTS[number])
        for link in Chain(facts).links():
            for command in link.remedy.shell:
                assert not PLACEHOLDER.search(command), command
                assert "deployment/ " not in command, command
                assert not command.endswith("="), command
