"""`python -m irsa credentials`, used by a real AWS CLI through credential_process."""

import getpass
import json
import shlex
import sys

import pytest

from irsa_sandbox import lifecycle
from tests.sandbox.support.workload import NAME

pytestmark = pytest.mark.sandbox


def test_the_aws_cli_is_the_role_in_a_session_that_says_who_ran_the_command(workload, tmp_path):
    """By the AWS config file of the docs: a profile whose keys come from the command."""
    arguments = [sys.executable, "-m", "irsa", "credentials", f"{workload.namespace}/{NAME}"]
    script = f"cd {shlex.quote(str(lifecycle.ROOT))} && exec {shlex.join(arguments)}"
    command, file = shlex.join(["sh", "-c", script]), tmp_path / "config"
    file.write_text(f"[profile dev]\ncredential_process = {command}\n")
    environment = {
        "AWS_CONFIG_FILE": str(file),
        "AWS_PROFILE": "dev",
        "AWS_DEFAULT_REGION": "us-east-1",
        "KUBECONFIG": workload.session.state.kubeconfig,
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    caller = workload.session.run(["aws", "sts", "get-caller-identity"], environment)

    assert caller.code == 0, caller.output
    arn = f"{workload.session_arn}irsa-{getpass.getuser()}"
    assert json.loads(caller.output)["Arn"] == arn


def test_a_terminal_gets_no_credentials(workload):
    refused = workload.world.irsa("credentials", f"{workload.namespace}/{NAME}", terminal=True)

    assert (refused.code, refused.out) == (2, "")
    assert "or redirect its output" in refused.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["verify"], 2, "is not NAMESPACE/SERVICE-ACCOUNT"),
        (["verify/gone"], 1, "there is no service account"),
        (["verify/default"], 1, "has no annotation eks.amazonaws.com/role-arn"),
        (
            ["verify/app", "--role-b", "arn:aws:iam::444455556666:role/none"],
            1,
            "AssumeRole of arn:aws:iam::444455556666:role/none: AccessDenied",
        ),
        (["verify/app", "--context", "nowhere"], 2, "Context 'nowhere' not found"),
    ],
)
def test_what_cannot_be_had_is_one_line(workload, arguments, code, message):
    done = workload.world.irsa("credentials", *arguments)

    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1)
    assert message in done.err
