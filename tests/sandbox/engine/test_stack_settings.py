"""A stack's program and settings in the sandbox; errors of one line, shown once."""

import sys

import pytest
import yaml
from lightkube.resources.core_v1 import Namespace

from irsa_sandbox.__main__ import main
from irsa_sandbox.engine.stack import SandboxStack
from tests.sandbox.support import in_process

CLOUD_KEY = "secretsprovider: awskms://alias/ours?region=eu-west-1\nencryptedkey: AQICAHg=\n"
PROGRAM = """
import pulumi
import pulumi_aws as aws

config = pulumi.Config()
aws.iam.User("user", name=config.require("user"))
pulumi.export("password", config.require_secret("password"))
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "Pulumi.yaml").write_text("name: settings\nruntime: python\n")
    settings = {"config": {"settings:user": "ana", "settings:password": "hunter2"}}
    (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "__main__.py").write_text(PROGRAM)
    return tmp_path


def operation(name, session, project, *options):
    """Run an operation of `python -m irsa_sandbox stack`."""
    where = ["--folder", session.state.folder, "--project", str(project)]
    return in_process.run(main, ["stack", name, *where, *options], session.state, {})


def users(session):
    return {user["UserName"] for user in session.aws("iam").list_users()["Users"]}


def test_settings_of_a_real_stack_work_and_do_not_change(session, project):
    with (project / "Pulumi.dev.yaml").open("a") as file:
        file.write(CLOUD_KEY)
    before = {file: file.read_bytes() for file in project.iterdir() if file.is_file()}

    SandboxStack(session.state, project).up()
    opened_again = SandboxStack(session.state, project)

    assert opened_again.preview().keys() == {"same"}
    assert opened_again.outputs() == {"password": "hunter2"}
    assert {file: file.read_bytes() for file in before} == before
    assert "ana" in users(session)
    opened_again.destroy()
    assert "ana" not in users(session)


def test_stack_up_creates_nothing_when_its_preview_fails(session, project):
    (project / "__main__.py").write_text("""
import pulumi
import pulumi_aws as aws


def refuse(name):
    raise pulumi.RunError(f"{name} is refused")


user = aws.iam.User("user", name=pulumi.Config().require("user"))
user.name.apply(refuse)
""")
    runtime = "{name: python, options: {virtualenv: venv}}"
    (project / "Pulumi.yaml").write_text(f"name: settings\nruntime: {runtime}\n")
    before = users(session)

    done = operation(
        "up", session, project, "--stack", "refused", "--config", "settings:user=carla"
    )

    assert done.code == 1
    assert "carla is refused" in done.err
    assert f"{project / 'venv'} does not exist, so {sys.executable} runs the program" in done.err
    assert users(session) == before


def test_a_destroy_that_fails_deletes_nothing_and_another_names_what_stays(session, project):
    (project / "__main__.py").write_text("""
import irsa_components as irsa
import pulumi
import pulumi_aws as aws

protect = pulumi.Config().get_bool("protect")
aws.iam.User("kept", name="kept", opts=pulumi.ResourceOptions(protect=protect))
aws.iam.User("own", name="globex", opts=pulumi.ResourceOptions(retain_on_delete=True))
irsa.DataBucket("data", irsa.DataBucketArgs(bucket_name="globex"))
irsa.Namespace("team", irsa.NamespaceArgs(namespace="globex"))
""")
    up = ("up", session, project, "--config", "aws:region=us-east-1", "--config")
    assert operation(*up, "settings:protect=true").code == 0
    refused = operation("destroy", session, project)
    assert (refused.code, "protected" in refused.err) == (1, True), refused.err
    assert {"kept", "globex"} <= users(session)
    assert operation(*up, "settings:protect=false").code == 0

    done, again = (operation("destroy", session, project) for _ in range(2))

    assert (done.code, again.code) == (0, 0)
    assert users(session) & {"kept", "globex"} == {"globex"}
    assert sorted(line for line in done.err.splitlines() if " is kept; " in line) == [
        f"{what}: globex is kept; {again} uses it again"
        for what, again in (
            ("aws:iam/user:User own", 'ResourceOptions(import_="globex")'),
            ("aws:s3/bucket:Bucket data", 'DataBucketArgs(bucket_name="globex", existing=True)'),
            (
                "kubernetes:core/v1:Namespace team",
                'NamespaceArgs(namespace="globex", existing=True)',
            ),
        )
    ]
    session.aws("iam").delete_user(UserName="globex")
    session.aws("s3").delete_bucket(Bucket="globex")
    session.cluster.delete(Namespace, "globex")
