"""System 1 in the real engine: the key reaches its pod and nothing else, and is rotated."""

import base64
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import Event, Pod, Secret

from sandbox.engine.stack import ROOT, SandboxStack
from sandbox.pods.exec import find_pod
from sandbox.session import Session
from sandbox.state import SandboxError
from tests.sandbox.support.two_accounts import BUCKET_A, KEY, NAMESPACE, changed_workload

pytestmark = pytest.mark.sandbox

USER = "s3-manager"
OBJECT = "reports/2026/november.csv"
LIST = ["aws", "s3", "ls", "--recursive", f"s3://{BUCKET_A}"]
WARNING = (
    "user 's3-manager' has a static access key: it never expires and works for whoever holds it, "
    "while IRSA's credentials end by themselves and belong to one service account. Keep it to "
    "local debugging."
)


class Stack(NamedTuple):
    """Account A's stack after its first `up`, and what previews and updates printed."""

    session: Session
    lines: list[str]

    def open(self, key_version: int) -> SandboxStack:
        config = changed_workload(ROOT, KEY, {"accessKey": {"keyVersion": key_version}})
        return SandboxStack(self.session.state, config=config)

    def up(self, key_version: int) -> dict[str, int]:
        return self.open(key_version).up(on_output=self.lines.append)

    def key_ids(self) -> list[str]:
        found = self.session.aws("iam").list_access_keys(UserName=USER)["AccessKeyMetadata"]
        return [key["AccessKeyId"] for key in found]

    def key_in_cluster(self) -> tuple[str, str]:
        data = self.session.cluster.get(Secret, KEY, namespace=NAMESPACE).data or {}
        names = ("aws_access_key_id", "aws_secret_access_key")
        key_id, secret = (base64.b64decode(data[name]).decode() for name in names)
        return key_id, secret


@pytest.fixture(scope="module")
def stack(session: Session) -> Iterator[Stack]:
    opened = Stack(session, [])
    opened.open(1).preview(on_output=opened.lines.append)
    opened.up(1)
    session.aws("s3").put_object(Bucket=BUCKET_A, Key=OBJECT, Body=b"day,visits\n")
    yield opened
    session.empty_bucket(BUCKET_A)


def spellings(secret: str) -> list[bytes]:
    """The secret as it is, as a Secret's data, and as a form sends it."""
    return [
        spelt.encode()
        for spelt in (secret, base64.b64encode(secret.encode()).decode(), quote(secret, safe=""))
    ]


def test_the_pod_has_the_key_and_no_role_and_lists_its_bucket(stack: Stack):
    key_id, secret = stack.key_in_cluster()
    assert [key_id] == stack.key_ids()

    env = stack.session.in_pod(NAMESPACE, KEY, ["env"]).output
    assert f"AWS_ACCESS_KEY_ID={key_id}\n" in env
    assert f"AWS_SECRET_ACCESS_KEY={secret}\n" in env
    assert "AWS_ROLE_ARN" not in env
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" not in env
    assert OBJECT in stack.session.in_pod(NAMESPACE, KEY, LIST).output


def test_the_preview_warns(stack: Stack):
    lines: list[str] = []
    stack.open(1).preview(on_output=lines.append)

    assert WARNING in "\n".join(lines)


def test_the_secret_is_in_plain_text_in_no_file_and_no_output(stack: Stack):
    _, secret = stack.key_in_cluster()
    state = stack.session.state
    printed = subprocess.run(
        [state.pulumi, "stack", "output", "--json", "--stack", "dev"],
        cwd=state.path / "projects" / "irsa",
        env={"PATH": "/usr/bin:/bin", "HOME": state.folder, **state.engine_environment()},
        capture_output=True,
        check=True,
    ).stdout
    outputs = json.loads(printed)
    assert outputs["workloads"][KEY]["user_name"] == USER
    texts = {"stack output": printed, "what was printed": "\n".join(stack.lines).encode()}
    # etcd holds every Secret of the cluster, here as anywhere.
    files = [f for f in state.path.rglob("*") if f.is_file() and "etcd-data" not in f.parts]
    texts |= {str(file.relative_to(state.path)): file.read_bytes() for file in files}
    assert any(name.startswith("pulumi/.pulumi/stacks") for name in texts)
    assert any(name.startswith("pulumi/.pulumi/history") for name in texts)
    assert any(name.endswith(".log") for name in texts)

    found = [name for name, text in texts.items() if any(s in text for s in spellings(secret))]
    assert found == []


def test_the_secret_stands_in_the_data_of_the_secret_and_in_no_other_object(stack: Stack):
    _, secret = stack.key_in_cluster()
    cluster = stack.session.cluster
    of_secret = cluster.get(Secret, KEY, namespace=NAMESPACE).to_dict()
    del of_secret["data"]
    objects: list[Any] = [of_secret]  # with managed fields and every annotation
    for kind in (Deployment, ReplicaSet, Pod, Event):
        objects += [found.to_dict() for found in cluster.list(kind, namespace=NAMESPACE)]

    text = json.dumps(objects, default=str).encode()
    assert b"managedFields" in text
    assert [spelt for spelt in spellings(secret) if spelt in text] == []


class Reader(threading.Thread):
    """Reads the bucket as the current pod does, until it is stopped."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._environments: dict[str, dict[str, str]] = {}
        self._ended = threading.Event()
        self.failures: list[str] = []
        self.keys_used: list[str] = []
        self.most_keys = 0
        """Keys that the user had at once."""
        self.arguments = ""
        """Command lines of every process on this machine."""

    def run(self) -> None:
        while not self._ended.is_set():
            self.read()

    def read(self) -> None:
        pod = self._pod()
        environment = self._environment(pod)
        done = self._session.run(LIST, environment)
        if OBJECT in done.output:
            self.keys_used.append(environment["AWS_ACCESS_KEY_ID"])
        elif self._pod() == pod:  # or else the process would have ended with its pod
            self.failures.append(done.output)
        keys = self._session.aws("iam").list_access_keys(UserName=USER)["AccessKeyMetadata"]
        self.most_keys = max(self.most_keys, len(keys))
        listed = subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True, check=True)
        self.arguments += listed.stdout

    def wait_for(self, key_id: str) -> None:
        """Return when the app has read with this key."""
        while key_id not in self.keys_used and not self.failures and self.is_alive():
            time.sleep(0.1)

    def stop(self) -> None:
        self._ended.set()
        self.join()

    def _pod(self) -> str:
        return find_pod(self._session.cluster, NAMESPACE, KEY)["metadata"]["uid"]

    def _environment(self, uid: str) -> dict[str, str]:
        """The pod's variables as they were when it started: a container keeps them for life."""
        if uid not in self._environments:
            lines = self._session.in_pod(NAMESPACE, KEY, ["env"]).output.splitlines()
            pairs = dict(line.split("=", 1) for line in lines if "=" in line)
            aws = {name: value for name, value in pairs.items() if name.startswith("AWS_")}
            self._environments[uid] = aws
        return self._environments[uid]


def test_a_rotation_changes_the_key_while_the_app_reads_its_bucket(stack: Stack):
    stack.up(1)
    first = stack.key_in_cluster()
    reader = Reader(stack.session)
    reader.read()
    reader.start()
    try:
        stack.up(2)
        second = stack.key_in_cluster()
        assert stack.key_ids() == [second[0]]
        reader.wait_for(second[0])
        stack.up(3)
    finally:
        reader.stop()
    third = stack.key_in_cluster()
    reader.read()

    assert stack.key_ids() == [third[0]]
    assert reader.failures == []
    assert reader.most_keys <= 2
    assert list(dict.fromkeys(reader.keys_used)) == [first[0], second[0], third[0]]
    assert [key for _, key in (first, second, third) if key in reader.arguments] == []
    for old in (first, second):
        old_keys = {"AWS_ACCESS_KEY_ID": old[0], "AWS_SECRET_ACCESS_KEY": old[1]}
        refused = stack.session.run(LIST, {**old_keys, "AWS_REGION": "us-east-1"})
        assert (refused.code != 0, OBJECT in refused.output) == (True, False)
    assert stack.open(3).preview().keys() == {"same"}


def test_a_second_key_that_somebody_made_stops_a_rotation_with_the_limit(stack: Stack):
    stack.up(3)
    iam = stack.session.aws("iam")
    foreign = iam.create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"]
    before = stack.key_in_cluster()

    with pytest.raises(SandboxError) as raised:
        stack.up(4)
    assert "Cannot exceed quota for AccessKeysPerUser: 2" in str(raised.value)
    assert "\n" not in str(raised.value)
    # The pod's key is untouched, and the rotation goes on once there is room.
    assert stack.key_in_cluster() == before
    assert OBJECT in stack.session.in_pod(NAMESPACE, KEY, LIST).output
    iam.delete_access_key(UserName=USER, AccessKeyId=foreign)
    stack.up(4)
    assert stack.key_ids() == [stack.key_in_cluster()[0]]
    assert stack.key_ids() != [before[0]]
