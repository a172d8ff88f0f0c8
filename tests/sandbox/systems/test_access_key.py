"""An access key reaches its pod and nothing else, and is rotated while the pod works."""

import base64
import json
from typing import NamedTuple
from urllib.parse import quote

import pytest
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import Event, Pod, Secret

import irsa_components as irsa
from irsa_sandbox.aws.accounts import REGION
from irsa_sandbox.pods.exec import find_pod
from irsa_sandbox.session import Session
from tests.sandbox.support.programs import in_cluster, in_namespace, key_of, pods, refusal, stack_of
from tests.support.processes import command_lines

NAMESPACE, KEY, USER, BUCKET = "keys", "app", "key-user", "key-data"
OBJECT = "reports/2026/november.csv"
LIST = ["aws", "s3", "ls", "--recursive", f"s3://{BUCKET}"]


class Stack(NamedTuple):
    """A user, a bucket that it reads, and a pod with its key."""

    session: Session
    lines: list[str]
    """Output of every `up`."""

    def open(self, key_version):
        return stack_of(self.session, "access-key", lambda: self._program(key_version))

    def _program(self, key_version: int) -> None:
        data = irsa.DataBucketArgs(bucket_name=BUCKET, force_destroy=True, read_policy_name=BUCKET)
        bucket = irsa.DataBucket(BUCKET, data)
        user_args = irsa.AccessKeyUserArgs(
            user_name=USER, policy_arns={"data": bucket.read_policy_arn}, key_version=key_version
        )
        user = irsa.AccessKeyUser(USER, user_args)
        account = irsa.ServiceAccount(namespace=NAMESPACE, name=KEY)
        opts = in_namespace(in_cluster(self.session), NAMESPACE, force_destroy=True)
        pods(KEY, account, opts, access_key=key_of(user))

    def up(self, key_version: int) -> None:
        self.open(key_version).up(on_output=self.lines.append)

    def key_ids(self) -> list[str]:
        found = self.session.aws("iam").list_access_keys(UserName=USER)["AccessKeyMetadata"]
        return [key["AccessKeyId"] for key in found]

    def key_in_cluster(self) -> tuple[str, str]:
        data = self.session.cluster.get(Secret, KEY, namespace=NAMESPACE).data or {}
        names = ("aws_access_key_id", "aws_secret_access_key")
        key_id, secret = (base64.b64decode(data[name]).decode() for name in names)
        return key_id, secret


@pytest.fixture(scope="module")
def stack(session, sandbox):
    opened = Stack(session, [])
    opened.up(1)
    session.aws("s3").put_object(Bucket=BUCKET, Key=OBJECT, Body=b"day,visits\n")
    return opened


def test_the_secret_key_is_in_plain_text_in_its_secret_alone(stack: Stack):
    _, secret = stack.key_in_cluster()
    state, cluster = stack.session.state, stack.session.cluster
    of_secret = cluster.get(Secret, KEY, namespace=NAMESPACE).to_dict()
    del of_secret["data"]
    objects = [of_secret]  # with managed fields and every annotation
    for kind in (Deployment, ReplicaSet, Pod, Event):
        objects += [resource.to_dict() for resource in cluster.list(kind, namespace=NAMESPACE)]
    texts = {
        "output": "\n".join(stack.lines).encode(),
        "objects": json.dumps(objects, default=str).encode(),
    }
    # etcd holds every Secret of the cluster, here as anywhere.
    files = [f for f in state.path.rglob("*") if f.is_file() and "etcd-data" not in f.parts]
    texts |= {str(file.relative_to(state.path)): file.read_bytes() for file in files}
    assert any(name.startswith("pulumi/.pulumi/stacks/access-key") for name in texts), texts
    assert any(name.startswith("pulumi/.pulumi/history/access-key") for name in texts), texts
    assert any(name.endswith(".log") for name in texts), texts
    assert b"managedFields" in texts["objects"]

    spelt = [secret, base64.b64encode(secret.encode()).decode(), quote(secret, safe="")]
    leaks = [name for name, text in texts.items() if any(key.encode() in text for key in spelt)]
    assert leaks == []


class Reader:
    """Reads the bucket as the current Pod does, at each line that an `up` prints."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._environments: dict[str, dict[str, str]] = {}
        self.failures: list[str] = []
        self.keys_used: list[str] = []
        self.arguments = ""
        """Command lines of every process on this machine."""

    def read(self, _: str = "") -> None:
        pod = self._pod()
        if pod not in self._environments:  # a container keeps its variables for life
            with self._session.pod_process(NAMESPACE, KEY) as process:
                aws = {name: process.env[name] for name in process.env if name.startswith("AWS_")}
            self._environments[pod] = aws
        done = self._session.run(LIST, self._environments[pod])
        if OBJECT in done.output:
            self.keys_used.append(self._environments[pod]["AWS_ACCESS_KEY_ID"])
        elif self._pod() == pod:  # or else the process would have ended with its Pod
            self.failures.append(done.output)
        self.arguments += command_lines()

    def _pod(self) -> str:
        return find_pod(self._session.cluster, NAMESPACE, KEY)["metadata"]["uid"]


def test_a_rotation_changes_the_key_while_the_pod_reads_its_bucket(stack: Stack):
    first, reader = stack.key_in_cluster(), Reader(stack.session)
    reader.read()
    stack.open(2).up(on_output=reader.read)
    second = stack.key_in_cluster()
    reader.read()

    assert stack.key_ids() == [second[0]]
    assert reader.failures == []
    assert list(dict.fromkeys(reader.keys_used)) == [first[0], second[0]]
    assert [key for _, key in (first, second) if key in reader.arguments] == []
    old_keys = {"AWS_ACCESS_KEY_ID": first[0], "AWS_SECRET_ACCESS_KEY": first[1]}
    refused = stack.session.run(LIST, {**old_keys, "AWS_REGION": REGION})
    assert (refused.code != 0, OBJECT in refused.output) == (True, False), refused.output
    assert stack.open(2).preview().keys() == {"same"}


def test_a_second_key_of_another_client_stops_a_rotation_at_the_limit(stack: Stack):
    iam = stack.session.aws("iam")
    foreign = iam.create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"]
    before = stack.key_in_cluster()

    assert "Cannot exceed quota for AccessKeysPerUser: 2" in refusal(lambda: stack.up(3))
    # The pod's key is untouched, and the rotation continues once there is room.
    assert stack.key_in_cluster() == before
    assert OBJECT in stack.session.in_pod(NAMESPACE, KEY, LIST).output
    iam.delete_access_key(UserName=USER, AccessKeyId=foreign)
    stack.up(3)
    assert stack.key_ids() == [stack.key_in_cluster()[0]]
    assert stack.key_ids() != [before[0]]
