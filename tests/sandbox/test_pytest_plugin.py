"""The pytest plugin in projects of others, each in an empty folder and a pytest of its own."""

import re
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from irsa_sandbox import lifecycle
from irsa_sandbox.aws.accounts import ACCOUNT_B
from irsa_sandbox.folder import is_held
from tests.sandbox.support.cluster import eventually
from tests.support.code_blocks import blocks
from tests.support.processes import command_lines


@pytest.fixture
def borrowed(session):
    """The option that saves a test the start of a sandbox."""
    return ["--irsa-sandbox", str(session.state.path)]


def processes(text: str) -> list[str]:
    return [line for line in command_lines().splitlines() if text in line]


def test_the_documents_examples_pass_in_a_folder_with_nothing_else(project, tmp_path):
    """In two processes of xdist, which have a sandbox each."""
    same = "def test_it(accounts):\n    accounts.a.client('s3').create_bucket(Bucket='same')\n"
    project.write(test_a=same, test_b=same)
    examples = [b for b in blocks() if b.document == "docs/sandbox.md"]
    for number, block in enumerate(examples):
        named = re.match(r"# (?P<path>\S+\.(?:py|yaml))$", block.content, re.MULTILINE)
        if named or block.language == "python":
            file = project.folder / (named["path"] if named else f"test_{number}.py")
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.content)
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    options = ["-n", "2", "--dist", "loadfile"]
    done = project.pytest(*options, env={"TMPDIR": str(temporary)})

    assert "9 passed" in done.stdout, done.stdout
    assert "\nirsa-sandbox: IAM on stand-ins is not judged: aws:sqs/queue:Queue\n" in done.stdout
    assert [file for file in temporary.iterdir() if file.name.startswith("irsa-")] == []
    assert processes(str(temporary)) == []


def test_a_test_leaves_nothing_to_the_next_and_all_that_was_there(session, project, borrowed):
    project.write(
        test_resets="""
        import time

        import pytest
        from lightkube.resources.apps_v1 import Deployment, ReplicaSet
        from lightkube.resources.core_v1 import (
            Endpoints, Namespace, Node, Pod, Service, ServiceAccount
        )
        from lightkube.resources.discovery_v1 import EndpointSlice
        from irsa_sandbox.session import left_overs

        OWN = "of-the-module"


        def facts(sandbox, accounts):
            found = []
            for account in accounts:
                found += left_overs(sandbox, account.id)
                secrets = account.client("secretsmanager").list_secrets()["SecretList"]
                found += [secret["ARN"] for secret in secrets]
            owned = (Deployment, ReplicaSet, Service, Endpoints, EndpointSlice)
            for kind in (Namespace, Node, Pod, ServiceAccount, *owned):
                where = {} if kind in (Namespace, Node) else {"namespace": "*"}
                listed = sandbox.kubernetes.list(kind, **where)
                found += [f"{each.metadata.namespace}/{each.metadata.name}" for each in listed]
            return sorted(found)


        BEFORE = []


        @pytest.fixture(scope="module", autouse=True)
        def of_the_module(irsa_sandbox, accounts):
            accounts.b.client("s3").create_bucket(Bucket=OWN)
            kubernetes, labels = irsa_sandbox.kubernetes, {"app": OWN}
            kubernetes.create(Namespace.from_dict({"metadata": {"name": OWN}}))
            pods = {"containers": [{"name": "app", "image": "app"}]}
            template = {"metadata": {"labels": labels}, "spec": pods}
            spec = {"selector": {"matchLabels": labels}, "template": template}
            metadata = {"name": OWN, "namespace": OWN}
            service = {"selector": labels, "ports": [{"port": 80}]}
            kubernetes.create(Service.from_dict({"metadata": metadata, "spec": service}))
            kubernetes.create(Deployment.from_dict({"metadata": metadata, "spec": spec}))
            kubernetes.wait(Deployment, OWN, namespace=OWN, for_conditions=["Available"])
            yield
            accounts.b.client("s3").head_bucket(Bucket=OWN)


        def test_begins(irsa_sandbox, accounts):
            BEFORE.extend(facts(irsa_sandbox, accounts))
            assert f"arn:aws:iam::{accounts.b.id}:user/sandbox-administrator" in BEFORE
            assert irsa_sandbox.provider_arn in BEFORE


        @pytest.mark.parametrize("wait", [0, 0.5])
        def test_makes_and_removes(irsa_sandbox, accounts, pod, wait):
            for account in accounts:
                account.client("s3").create_bucket(Bucket=f"bucket-{account.id}")
                account.client("iam").create_user(UserName="neighbour")
                account.client("secretsmanager").create_secret(Name="s", SecretString="s")
            accounts.a.client("iam").delete_open_id_connect_provider(
                OpenIDConnectProviderArn=irsa_sandbox.provider_arn
            )
            pod("made/app", role_arn=f"arn:aws:iam::{accounts.a.id}:role/app")
            irsa_sandbox.kubernetes.delete(Deployment, OWN, namespace=OWN)
            irsa_sandbox.kubernetes.delete(Namespace, OWN)
            irsa_sandbox.kubernetes.delete(Node, "sandbox")
            time.sleep(wait)


        @pytest.mark.parametrize("wait", [0, 1])
        def test_finds_all_as_it_was(irsa_sandbox, accounts, wait):
            time.sleep(wait)
            assert facts(irsa_sandbox, accounts) == BEFORE


        def test_the_cluster_works_as_before(pod, accounts):
            pod("of-the-module/app", role_arn=f"arn:aws:iam::{accounts.a.id}:role/app")
        """
    )

    before = accounts_of(session)

    done = project.pytest(*borrowed)

    assert "6 passed" in done.stdout, done.stdout
    assert lifecycle.up(session.state.path, print) == session.state, "it runs on as it was"
    assert accounts_of(session) == before


@contextmanager
def waiting(project, *arguments):
    """Its pytest, which is gone afterwards, and the sandbox's folder, once its test waits."""
    project.write(
        test_it="""
        import time
        from pathlib import Path


        def test_it(irsa_sandbox, accounts):
            accounts.a.client("s3").create_bucket(Bucket="left")
            Path("folder").write_text(str(irsa_sandbox.folder))
            time.sleep(600)
        """
    )
    file = project.folder / "folder"
    options = {"cwd": project.folder, "env": project.environment(), "stdout": subprocess.DEVNULL}
    with subprocess.Popen(project.command(*arguments), **options) as running:
        try:
            eventually(lambda: file.exists() and file.read_text())
            yield running, Path(file.read_text())
            running.wait(300)
        finally:
            running.kill()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL], ids=lambda sign: sign.name)
def test_a_sandbox_ends_with_the_pytest_that_started_it(project, sign):
    with waiting(project) as (running, folder):
        assert processes(str(folder))
        running.send_signal(sign)

    eventually(lambda: not is_held(folder) and not processes(str(folder)))
    assert folder.exists() == (sign == signal.SIGKILL)


def test_a_borrowed_sandbox_is_put_back_when_the_borrower_is_killed(session, project, borrowed):
    before = accounts_of(session)  # of other tests
    with waiting(project, *borrowed) as (running, _):
        assert accounts_of(session) != before
        running.kill()

    eventually(lambda: accounts_of(session) == before)


def accounts_of(session):
    """Users, buckets and clusters."""
    return [
        *(user["UserName"] for user in session.aws("iam", ACCOUNT_B).list_users()["Users"]),
        *(bucket["Name"] for bucket in session.aws("s3").list_buckets()["Buckets"]),
        *session.aws("eks").list_clusters()["clusters"],
    ]


def test_a_failed_test_shows_no_secret(project, borrowed):
    project.write(
        test_it="""
        def test_it(irsa_sandbox, accounts, pod):
            job = pod("dev/app", role_arn="arn:aws:iam::111122223333:role/app")
            secrets = [account.credentials.secret_access_key for account in accounts]
            with open("secrets", "w") as file:
                print(*secrets, irsa_sandbox.state.root_secret, file=file)
            del secrets
            assert job.environment is None
        """
    )

    done = project.pytest(*borrowed, "--showlocals", "-vv")

    assert "1 failed" in done.stdout
    secrets = (project.folder / "secrets").read_text().split()
    assert len(secrets) == 3
    assert [secret for secret in secrets if secret in done.stdout] == []


def test_the_users_own_aws_configuration_is_not_looked_at(project, borrowed):
    project.write(
        test_it="""
        import shutil
        import subprocess


        def test_it(accounts, pod, irsa_sandbox):
            trust = irsa_sandbox.trust_policy("dev/app")
            made = {"RoleName": "r", "AssumeRolePolicyDocument": trust}
            role = accounts.a.client("iam").create_role(**made)
            session = pod("dev/app", role_arn=role["Role"]["Arn"]).boto3()
            arn = session.client("sts").get_caller_identity()["Arn"]
            assert arn.startswith(f"arn:aws:sts::{accounts.a.id}:assumed-role/r/")

            for account in accounts:
                env = irsa_sandbox.environment(account)
                assert not [name for name, value in env.items() if "theirs" in value]
                assert env["KUBECONFIG"] == str(irsa_sandbox.kubeconfig)
                assert shutil.which("pulumi", path=env["PATH"]).startswith(str(irsa_sandbox.folder))
                command = ["aws", "sts", "get-caller-identity"]
                done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
                assert f"arn:aws:iam::{account.id}:user/sandbox-administrator" in done.stdout
            assert irsa_sandbox.environment() == irsa_sandbox.environment(accounts.a)
        """
    )
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    theirs = dict.fromkeys(("AWS_PROFILE", *keys, "AWS_ROLE_ARN", "KUBECONFIG"), "/theirs")
    theirs |= dict.fromkeys(("AWS_ENDPOINT_URL", "HTTPS_PROXY"), "http://127.0.0.1:9/theirs")

    done = project.pytest(*borrowed, env=theirs)

    assert "1 passed" in done.stdout, done.stdout
