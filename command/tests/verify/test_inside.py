"""`verify --exec` when `kubectl exec` does not work: what it lacks, and the right way out."""

import json

import pytest

from command.tests.verify.chains import links
from irsa.observe.facts import Answer, Pod, Unread
from irsa.observe.kubernetes import Cluster
from irsa.verify.link import Status

POD = Pod("s3-app-1", "s3-app", {}, {}, {})
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "current-context": "c",
}


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Ask inside a Pod, kubectl saying this and ending so; or without any kubectl."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(KUBECONFIG))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("PATH", str(tmp_path))

    def ask(says: str | None, code: int = 1) -> Answer | Unread:
        if says is not None:
            program = tmp_path / "kubectl"
            program.write_text(f"#!/bin/sh\necho '{says}' >&{2 if code else 1}\nexit {code}\n")
            program.chmod(0o755)
        with Cluster() as cluster:
            return cluster.caller_inside("dev", POD)

    return ask


FORBIDDEN = (
    'Error from server (Forbidden): pods "s3-app-1" is forbidden: User "x" cannot create resource '
    '"pods/exec" in API group "" in the namespace "dev"'
)
REFUSED = (
    "Error from server: error dialing backend: dial tcp 127.0.0.1:10250: connect: connection "
    "refused"
)
TIMEOUT = (
    "error: Internal error occurred: error sending request: Post "
    '"https://10.0.0.7:10250/exec/dev/s3-app-1": dial tcp 10.0.0.7:10250: i/o timeout'
)
KUBELET = "a kubelet that the API server reaches"
OPEN = "let the API server reach the node's port that the error names"
SEE = (
    "see why this fails: kubectl exec s3-app-1 --namespace dev -- aws sts get-caller-identity "
    "--query Arn --output text"
)


@pytest.mark.parametrize(
    ("says", "needs", "remedy"),
    [
        (FORBIDDEN, "create on pods/exec", "grant create on pods/exec"),
        (REFUSED, KUBELET, OPEN),
        (TIMEOUT, KUBELET, OPEN),
        ('error: exec: "aws": executable file not found in $PATH', "the AWS CLI in the image",
         "leave --exec out, or take an image that has the AWS CLI"),
        ("Unable to connect to the server: EOF", "kubectl exec", SEE),
        (None, "kubectl", "install kubectl, and see that it answers"),
    ],
    ids=["forbidden", "no-kubelet", "no-way-to-it", "no-aws-cli", "something-else", "no-kubectl"],
)  # fmt: skip
def test_only_what_is_forbidden_is_fixed_by_granting_it(asked, says, needs, remedy):
    found = asked(says)

    assert isinstance(found, Unread)
    assert (found.permission, found.remedy) == (needs, remedy)
    assert (says or "No such file or directory: 'kubectl'") in found.reason


def test_what_the_aws_cli_says_is_an_answer(asked):
    arn = "arn:aws:sts::111122223333:assumed-role/s3-app/x"
    refused = "An error occurred (AccessDenied) when calling the GetCallerIdentity operation: no"

    assert asked(arn, code=0) == Answer(True, arn)
    assert asked(refused) == Answer(False, code="aws sts get-caller-identity", message=refused)


@pytest.mark.parametrize(
    "says",
    [
        'Connect timeout on endpoint URL: "https://sts.us-esat-1.amazonaws.com/"',
        'Failed to connect to proxy URL: "http://proxy.internal:3128"',
        "Invalid endpoint: sts",
    ],
)
def test_an_endpoint_that_does_not_answer_fails_the_link(asked, says):
    answer = asked(says)

    link = links(inside=answer)["inside"]
    assert (link.status, link.remedy.commands) == (Status.FAILED, ())
    assert link.remedy.text.startswith("correct the endpoint, the region or the proxy that ")
