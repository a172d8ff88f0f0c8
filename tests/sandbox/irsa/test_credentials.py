"""`python -m irsa credentials`, used by a real AWS CLI through credential_process."""

import getpass
import json
import shlex
import sys

import pytest

from irsa_sandbox import lifecycle
from tests.sandbox.support.kubectl import NAME

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def workload(workload):
    """With an object in its bucket."""
    workload.session.aws("s3").put_object(Bucket=workload.bucket, Key="report.csv", Body=b"x")
    yield workload
    workload.session.empty_bucket(workload.bucket)


def config_file(tmp_path, workload):
    """The AWS config file of the docs: a profile whose keys come from the command."""
    arguments = [sys.executable, "-m", "irsa", "credentials", f"{workload.namespace}/{NAME}"]
    script = f"cd {shlex.quote(str(lifecycle.ROOT))} && exec {shlex.join(arguments)}"
    command = shlex.join(["sh", "-c", script])
    file = tmp_path / "config"
    file.write_text(f"[profile dev]\ncredential_process = {command}\n")
    return file


def aws(workload, file, *command):
    """The AWS CLI without any keys of its own."""
    state = workload.session.state
    environment = {
        "AWS_CONFIG_FILE": str(file),
        "AWS_PROFILE": "dev",
        "AWS_DEFAULT_REGION": "us-east-1",
        "KUBECONFIG": state.kubeconfig,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return workload.session.run(["aws", *command], environment)


def test_the_aws_cli_lists_the_bucket_as_the_service_account(workload, tmp_path):
    file = config_file(tmp_path, workload)

    listed = aws(workload, file, "s3", "ls", "--recursive", f"s3://{workload.bucket}")

    assert listed.code == 0, listed.output
    assert "report.csv" in listed.output


def test_the_session_is_the_roles_and_says_who_ran_the_command(workload, tmp_path):
    file = config_file(tmp_path, workload)

    caller = aws(workload, file, "sts", "get-caller-identity")

    assert json.loads(caller.output)["Arn"] == (
        f"arn:aws:sts::111122223333:assumed-role/{workload.role_name}/irsa-{getpass.getuser()}"
    )


def test_the_output_is_what_sdks_expect(workload):
    done = workload.world.irsa("credentials", f"{workload.namespace}/{NAME}")

    assert (done.code, done.err) == (0, "")
    assert done.json.keys() == {
        "Version",
        "AccessKeyId",
        "SecretAccessKey",
        "SessionToken",
        "Expiration",
    }
    assert done.json["Version"] == 1


def test_a_terminal_gets_no_credentials(workload):
    refused = workload.world.irsa("credentials", f"{workload.namespace}/{NAME}", terminal=True)

    assert (refused.code, refused.out) == (2, "")
    assert "or redirect its output" in refused.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{namespace}"], 2, "is not NAMESPACE/SERVICE-ACCOUNT"),
        (["{namespace}/gone"], 1, "there is no service account"),
        (["{namespace}/default"], 1, "has no annotation eks.amazonaws.com/role-arn"),
        (
            ["{namespace}/app", "--role-b", "arn:aws:iam::444455556666:role/none"],
            1,
            "AssumeRole of arn:aws:iam::444455556666:role/none: AccessDenied",
        ),
        (["{namespace}/app", "--context", "nowhere"], 2, "Context 'nowhere' not found"),
    ],
)
def test_what_cannot_be_had_is_one_line(workload, arguments, code, message):
    given = [each.format(namespace=workload.namespace) for each in arguments]

    done = workload.world.irsa("credentials", *given)

    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1)
    assert message in done.err
