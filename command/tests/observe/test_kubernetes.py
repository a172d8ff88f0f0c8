"""The cluster that a kubeconfig names, and calls inside its Pods by `kubectl exec`."""

import json

import pytest

from command.tests.verify.chains import links
from irsa.observe.facts import Answer, Pod, Unread
from irsa.observe.kubernetes import KubernetesCluster
from irsa.verify.link import Status
from tests.support.processes import program
from tests.support.trial_pods import kubeconfig

NOTHING = ("", "", "", "")
FORBIDDEN = (
    'Error from server (Forbidden): pods "s3-app-1" is forbidden: User "x" cannot create resource '
    '"pods/exec" in API group "" in the namespace "dev"'
)
DIAL = "dial tcp 10.0.0.7:10250"
REFUSED = f"Error from server: error dialing backend: {DIAL}: connect: connection refused"
TIMEOUT = (
    f'error: Internal error occurred: error sending request: Post "https": {DIAL}: i/o timeout'
)
KUBELET = "a kubelet that the API server reaches"
OPEN = "let the API server reach the node's port that the error names"
NO_CLI = 'error: exec: "aws": executable file not found in $PATH'
LEAVE_OUT = "leave --exec out, or take an image that has the AWS CLI"
SEE = (
    "see why this fails: kubectl exec s3-app-1 --namespace dev -- aws sts get-caller-identity "
    "--query Arn --output text"
)


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Ask the cluster of a kubeconfig; on PATH is only a kubectl that says this and ends so."""

    def ask(question, entry="dev", says: str | None = None, code: int = 1):
        config = tmp_path / "kubeconfig"
        config.write_text(kubeconfig(token="t").replace('"dev"', json.dumps(entry)))
        monkeypatch.setenv("KUBECONFIG", str(config))
        monkeypatch.setenv("PATH", str(tmp_path))
        if says is not None:
            program(tmp_path / "kubectl", f"echo '{says}' >&{2 if code else 1}\nexit {code}")
        with KubernetesCluster() as cluster:
            return question(cluster)

    return ask


@pytest.mark.cases(("entry", "eks"), {
    "AWS CLI": ("arn:aws:eks:eu-west-1:111122223333:cluster/b",
        ("aws", "eu-west-1", "111122223333", "b")),
    "eksctl": ("my.prod.eu-central-1.eksctl.io", ("", "eu-central-1", "", "my.prod")),
    "kind": ("kind-prod", NOTHING),
    "eksctl without a region": ("prod.eksctl.io", NOTHING),
    "ARN of a role": ("arn:aws:iam::111122223333:role/prod", NOTHING),
})  # fmt: skip
def test_a_cluster_is_named_as_the_aws_cli_or_eksctl_wrote_it(asked, entry, eks):
    assert asked(lambda cluster: cluster.eks, entry) == eks


def inside(cluster):
    return cluster.caller_inside("dev", Pod("s3-app-1", "s3-app", {}, {}, {}))


@pytest.mark.cases(("says", "needs", "remedy"), {
    "exec forbidden": (FORBIDDEN, "create on pods/exec", "grant create on pods/exec"),
    "kubelet refuses": (REFUSED, KUBELET, OPEN),
    "kubelet times out": (TIMEOUT, KUBELET, OPEN),
    "no AWS CLI": (NO_CLI, "the AWS CLI in the image", LEAVE_OUT),
    "no API server": ("Unable to connect to the server: EOF", "kubectl exec", SEE),
    "no kubectl": (None, "kubectl", "install kubectl, and see that it answers"),
})  # fmt: skip
def test_only_what_is_forbidden_is_fixed_by_granting_it(asked, says, needs, remedy):
    found = asked(inside, says=says)
    assert isinstance(found, Unread)
    assert (found.permission, found.remedy) == (needs, remedy)
    assert (says or "No such file or directory: 'kubectl'") in found.reason


def test_what_the_aws_cli_says_is_an_answer(asked):
    arn = "arn:aws:sts::111122223333:assumed-role/s3-app/x"
    refused = "An error occurred (AccessDenied) when calling the GetCallerIdentity operation: no"
    assert asked(inside, says=arn, code=0) == Answer(True, arn)
    denied = Answer(False, code="aws sts get-caller-identity", message=refused)
    assert asked(inside, says=refused) == denied


NO_ENDPOINT = 'Connect timeout on endpoint URL: "https://sts.us-esat-1.amazonaws.com/"'
NO_PROXY = 'Failed to connect to proxy URL: "http://proxy.internal:3128"'


@pytest.mark.parametrize("says", [NO_ENDPOINT, NO_PROXY, "Invalid endpoint: sts"])
def test_an_endpoint_that_does_not_answer_fails_the_link(asked, says):
    link = links(inside=asked(inside, says=says))["inside"]
    assert (link.status, link.remedy.commands) == (Status.FAILED, ())
    assert link.remedy.text.startswith("correct the endpoint, the region or the proxy that ")
