"""Changes in the cluster, which the sandbox shows for Deployments, and the lock of a move."""

import json
import os
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import httpx2
import pytest
from botocore.exceptions import ClientError

from command.tests.move.moves import BY_TOKEN, trusting, with_irsa
from irsa.move import changes
from irsa.move.changes import LOCK, Stopped, hold
from irsa.observe.facts import Owner
from tests.support.fake_kubernetes import client_of, status
from tests.support.world import ROLE_ARN

UPDATE = "iam:UpdateAssumeRolePolicy"
HOST, SELF, OTHER = socket.gethostname(), str(os.getpid()), str(os.getppid())


@pytest.mark.parametrize("kind", ["deployment", "statefulset", "daemonset"])
def test_a_controller_is_restarted_by_the_annotation_of_its_template(kind):
    asked = []

    def api(request):
        asked.append((request.method, request.url.path, json.loads(request.content)))
        return status(403, "forbidden")

    with pytest.raises(Stopped) as refused:
        changes.restart(SimpleNamespace(client=client_of(api)), "dev", Owner(kind, "app"))

    [(method, path, body)] = asked
    assert (method, path) == ("PATCH", f"/apis/apps/v1/namespaces/dev/{kind}s/app")
    assert [*body["spec"]["template"]["metadata"]["annotations"]] == [changes.RESTARTED_AT]
    assert str(refused.value).endswith(f" dev/app: forbidden; grant patch on {kind}s")


FIXES = {
    **dict.fromkeys(("AccessDenied", "AccessDeniedException"), f"grant {UPDATE}"),
    "LimitExceeded": "remove a statement, or have AWS raise the quota",
    "Throttling": "run it again",
}


@pytest.mark.parametrize("code", FIXES)
def test_a_refusal_of_aws_has_the_fix_for_its_code(code):
    with pytest.raises(Stopped, match=f"; {FIXES[code]}$"), changes.permitted("role", UPDATE):
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "UpdateAssumeRolePolicy")


def test_a_trust_policy_is_edited_as_it_is_now_if_it_differs():
    written = []
    iam = SimpleNamespace(
        get_role=lambda **_: {"Role": {"AssumeRolePolicyDocument": {"Version": "now"}}},
        update_assume_role_policy=lambda **inputs: written.append(inputs["PolicyDocument"]),
    )
    aws, role = SimpleNamespace(client=lambda _: iam), trusting(BY_TOKEN)

    changes.set_trust(aws, role, lambda state: {**state.trust_policy, "Id": "x"})
    changes.set_trust(aws, role, lambda state: state.trust_policy)
    changes.set_trust(aws, role, lambda _: None)

    assert [json.loads(text) for text in written] == [{"Version": "now", "Id": "x"}]


def cluster(text, written, *, conflict=False):
    """A cluster whose service account has this lock."""

    def api(request):
        if request.method == "PATCH":
            written.append(json.loads(request.content)["metadata"])
            if conflict:
                return status(409, "the object has been modified")
        annotations = {LOCK: text} if text else {}
        metadata = {"name": "s3-app", "resourceVersion": "7", "annotations": annotations}
        return httpx2.Response(200, json={"metadata": metadata})

    return SimpleNamespace(client=client_of(api))


@pytest.mark.cases(("host", "process", "seconds"), {
    "lock of its own": (HOST, SELF, 60),
    "lock of an ended process": (HOST, "ended", 60),
    "expired lock": (HOST, OTHER, -1),
    "expired lock of another host": ("elsewhere", OTHER, -1),
})  # fmt: skip
def test_a_lock_of_no_living_process_is_taken_over(host, process, seconds):
    if process == "ended":
        with subprocess.Popen([sys.executable, "-c", ""]) as other:
            process = other.pid
    held, written = f"{ROLE_ARN} {host} {process} {time.time() + seconds:.0f}", []

    hold(cluster(held, written), with_irsa())

    [metadata] = written
    role, *owner, until = metadata["annotations"][LOCK].split()
    assert (role, owner) == (ROLE_ARN, [HOST, SELF])
    assert float(until) == pytest.approx(time.time() + changes.LEASE, abs=5)
    assert metadata["resourceVersion"] == "7"


@pytest.mark.cases("host", {"on this host": HOST, "on another host": "elsewhere"})
def test_a_lock_of_another_move_is_respected(host):
    process = OTHER if host == HOST else SELF
    held, written = f"{ROLE_ARN} {host} {process} {time.time() + 60:.0f}", []
    with pytest.raises(Stopped, match=f"dev/s3-app: process {process} of {host} moves it; run it"):
        hold(cluster(held, written), with_irsa())
    assert written == []


def test_of_two_that_read_the_same_the_second_stops():
    with pytest.raises(Stopped, match="has been modified; run it again"):
        hold(cluster("", [], conflict=True), with_irsa())


def test_a_move_that_stops_keeps_its_role_and_one_that_ends_does_not():
    for seconds, left in ((0, f"{ROLE_ARN} {HOST} {SELF} 0"), (None, None)):
        hold(cluster("", written := []), with_irsa(), seconds)
        assert [each["annotations"] for each in written] == [{LOCK: left}]
        account = SimpleNamespace(annotations={LOCK: left or "text of a user"})
        assert changes.begun(account) == (ROLE_ARN if left else "")
