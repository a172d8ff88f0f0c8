"""Policy documents of remedies, read from the printed commands."""

import json
import shlex
import subprocess
import sys
from dataclasses import replace

from command.tests.verify.scenarios import ALL, DENIED, GOOD, NOT_MADE, ROLE, links, written
from irsa.commands import verify
from irsa.observe.facts import PermissionsPolicy
from irsa.verify.link import Status
from irsa.verify.remedy import aws, kubectl
from tests.support.world import ISSUER, SUBJECT


def test_options_are_spelt_as_the_programs_take_them():
    command = aws(
        "iam", "create-policy-version", changes=None,
        policy_arn="arn:x", set_as_default=True, path="",
    )  # fmt: skip
    assert command.shell == "aws iam create-policy-version --policy-arn arn:x --set-as-default"
    command = kubectl("delete", "pod", "a", changes=None, namespace="dev", force=False)
    assert command.shell == "kubectl delete pod a --namespace dev"


def deny(action, **more):
    # IAM's grammar for Sid is looser in bucket policies.
    return {"Sid": "Guard\nof: (the) data", "Effect": "Deny", "Action": action, **more}


ALLOW = {"Effect": "Allow", "Action": "*", "Resource": "*"}
LISTING = deny("s3:ListBucket", Resource="*")


def test_a_deny_in_an_inline_policy_is_removed_whatever_its_sid():
    guard = PermissionsPolicy("guard", {"Statement": [ALLOW, LISTING]})

    [command] = links(role=replace(ROLE, policies=(*ALL, guard)))["permissions"].remedy.shell

    assert "guard" in command
    assert written(command)["Statement"] == [ALLOW]


def test_a_deny_in_the_trust_policy_makes_an_exception_whatever_its_sid():
    stop = deny("sts:AssumeRoleWithWebIdentity", Principal="*")
    [own] = ROLE.trust_policy["Statement"]
    trust = {**ROLE.trust_policy, "Statement": [stop, own]}

    [command] = links(role=replace(ROLE, trust_policy=trust), assumed=DENIED)["trust"].remedy.shell

    but = {"Condition": {"StringNotEquals": {f"{ISSUER}:sub": SUBJECT}}}
    assert written(command)["Statement"] == [{**stop, **but}, own]


def test_a_policy_that_the_evaluator_does_not_know_is_not_refused():
    strange = PermissionsPolicy("new", {"Statement": [{**ALLOW, "Until": "2030"}]})

    link = links(role=replace(ROLE, policies=(strange,)), data=NOT_MADE)["permissions"]

    assert link.status is Status.UNKNOWN
    assert link.found.startswith("cannot be judged: Statement[1]: unknown element 'Until'")


def test_a_policy_in_a_command_can_be_read_and_pasted():
    found = links(role=replace(ROLE, trust_policy={"Statement": []}), assumed=DENIED)
    [command] = found["trust"].remedy.shell

    shown = verify.text(GOOD, list(found.values())).splitlines()

    start = next(i for i, line in enumerate(shown) if "$ aws iam update-assume-role" in line)
    pasted = [line.strip() for line in shown[start:] if line.startswith(" " * 16)]
    assert max(map(len, shown[start : start + len(pasted)])) < 150
    program = "import json, sys; print(json.dumps(sys.argv))"
    printer = f"aws() {{ {shlex.quote(sys.executable)} -c '{program}' \"$@\"; }}"
    script = "\n".join([printer, pasted[0].removeprefix("$ "), *pasted[1:]])
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    words = json.loads(done.stdout)
    assert json.loads(words[-1]) == written(command)
