"""`python -m irsa move`: there and back while the Pods call AWS, and none of their calls fails."""

import json
import os
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import yaml
from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import Pod, ResourceQuota, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import ClusterRole, ClusterRoleBinding
from lightkube.types import PatchType

from irsa.commands import sources
from irsa.move.changes import LOCK
from irsa.move.plan import GRACE_SECONDS
from irsa.verify.gather import Sources
from irsa_core.identity import eks
from irsa_core.identity.injection import missing
from irsa_core.identity.policies import irsa_trust_policy
from irsa_core.identity.token import EXPIRY_LEEWAY
from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.kubernetes.control_plane import API_AUDIENCE
from irsa_sandbox.webhook.identities import held_back
from tests.sandbox.support.cluster import apply, eventually
from tests.sandbox.support.sdk_programs import listing
from tests.sandbox.support.workload import CLUSTER_ARN, NAME, AssociatedWorkload

LATE = 2.0  # seconds
LIFETIME = GRACE_SECONDS + eks.DEFAULT_TOKEN_EXPIRATION + EXPIRY_LEEWAY
LATER = 3 * 86_400  # seconds after which all tokens and sessions are over
CALLS = int(os.environ.get("MOVE_CALLS", "120"))
"""Calls that a move there and back is to last at least."""


class Traffic:
    """A process of a real SDK in each Pod, which starts and ends with its Pod."""

    def __init__(self, workload) -> None:
        self._workload = workload
        self._pods: dict[str, ExitStack] = {}
        self.stopping = threading.Event()
        self.lines: list[str] = []

    @property
    def failed(self) -> list[str]:
        return [line for line in self.lines if line != "ok"]

    def run(self) -> None:
        while not self.stopping.wait(0.05):
            self._follow()
        for each in self._pods.values():
            each.close()

    def _follow(self) -> None:
        session, namespace = self._workload.session, self._workload.namespace
        listed = [pod.to_dict() for pod in session.cluster.list(Pod, namespace=namespace)]
        running = {
            pod["metadata"]["name"]
            for pod in listed
            if pod["status"].get("phase") == "Running"
            and "deletionTimestamp" not in pod["metadata"]
            and pod["spec"]["serviceAccountName"] == NAME
        }
        for name in self._pods.keys() - running:
            self._pods.pop(name).close()
        for name in running - self._pods.keys():
            with suppress(ApiError, LookupError), ExitStack() as opened:  # it may be gone already
                process = opened.enter_context(session.pod_process(namespace, name))
                opened.enter_context(listing(process.env, self._workload.bucket, self.lines))
                self._pods[name] = opened.pop_all()


@contextmanager
def traffic(workload):
    """Calls of all Pods of a workload, for the time of the context."""
    own = Traffic(workload)
    thread = threading.Thread(target=own.run)
    thread.start()
    try:
        yield own
    finally:
        own.stopping.set()
        thread.join()


class MovingWorkload(AssociatedWorkload):
    """With IRSA at first."""

    @property
    def by_token(self):
        return irsa_trust_policy([self.world.provider_arn], [self.account])

    def moved(self, to, *options, **variables):
        return self.world.irsa("move", "/".join(self.account), "--to", to, *options, **variables)

    @property
    def state(self):
        """Annotated, associated, and the trust policy."""
        found = self.session.cluster.get(ServiceAccount, NAME, namespace=self.namespace)
        annotations = (found.metadata and found.metadata.annotations) or {}
        role = self.session.aws("iam").get_role(RoleName=self.namespace)["Role"]
        trust = role["AssumeRolePolicyDocument"]
        return eks.ROLE_ARN_ANNOTATION in annotations, bool(self.association), trust


@pytest.fixture(scope="module")
def workload(agent) -> MovingWorkload:
    found = MovingWorkload(agent, "moving")
    found.create_identity({eks.ROLE_ARN_ANNOTATION: found.role_arn})
    found.dissociate()
    found.set_trust(found.by_token)
    found.deploy()
    return found


@pytest.fixture
def late(monkeypatch):
    """Call it to let seconds pass for the command; three days, unless it is told."""

    def pass_(seconds: float = LATER) -> None:
        later = partial(Sources, now=lambda: time.time() + seconds)
        monkeypatch.setattr(sources, "Sources", later)

    return pass_


@contextmanager
def late_webhook(workload):
    """EKS's webhook hears of the association, or of its end, two seconds later."""
    before = bool(workload.association)

    def release() -> None:
        eventually(lambda: bool(workload.association) != before)
        time.sleep(LATE)
        holding.close()

    with ExitStack() as holding:
        holding.enter_context(held_back(workload.session.aws("eks"), workload.session.state.path))
        thread = threading.Thread(target=release)
        thread.start()
        yield
        thread.join()


def calling(calls, number):
    """Wait for so many calls."""
    while (seen := len(calls.lines)) < number:
        eventually(lambda: len(calls.lines) > seen)


def test_a_move_there_and_back_fails_no_call(workload, late, monkeypatch):
    before, both = workload.state, len(workload.by_token["Statement"]) + 1
    with traffic(workload) as calls:
        calling(calls, CALLS // 4)
        with late_webhook(workload):
            there = workload.moved("pod-identity", "--yes")
        calling(calls, CALLS // 2)
        waiting = workload.state
        with monkeypatch.context():
            late()
            ended = workload.moved("pod-identity", "--yes")
            calling(calls, CALLS * 3 // 4)
            moved = workload.state
            with late_webhook(workload):
                back = workload.moved("irsa", "--yes")
        calling(calls, CALLS)

    print(there.out, ended.out, back.out, f"{len(calls.lines)} calls, {len(calls.failed)} failed")
    assert (there.code, ended.code, back.code) == (4, 0, 0), there.out + ended.err + back.err
    where = f", cluster {CLUSTER_ARN}, account {ACCOUNT_A}"
    assert there.out.partition("\n")[0].endswith(where)
    assert calls.failed == []
    assert len(waiting[2]["Statement"]) == both
    assert moved == (False, True, workload.trust_policy)
    assert workload.state == before


def test_the_order_of_eksctl_fails_calls(workload):
    """The control: IRSA is taken away before the association exists, and no Pod is restarted."""
    with traffic(workload) as calls:
        calling(calls, 5)
        workload.service_account({})
        workload.set_trust(workload.trust_policy)
        workload.associate()
        calling(calls, len(calls.lines) + 5)

    assert calls.lines[0] == "ok"
    assert "AccessDenied" in calls.failed[-1]


def test_each_controller_is_restarted_and_the_end_is_waited_for(workload, late):
    workload.deploy("second")
    late(LIFETIME - LATE)
    done = workload.moved("pod-identity", "--yes", "--wait")
    assert (done.code, workload.state[0]) == (0, False), done.err
    pods = [*workload.session.cluster.list(Pod, namespace=workload.namespace)]
    assert [missing(each.to_dict(), eks.CREDENTIALS_URI_VARIABLE) for each in pods] == ["", ""]


def test_a_move_that_cluster_and_account_refuse_changes_nothing(workload, tmp_path):
    """By a user who may read all and change next to nothing, in a full namespace."""
    cluster, namespace, name = workload.session.cluster, workload.namespace, "limited"
    rules = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["patch"]},
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]},
        {"nonResourceURLs": ["*"], "verbs": ["get"]},
    ]
    apply(cluster, ClusterRole, "", name, rules=rules)
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    apply(cluster, ClusterRoleBinding, "", name, roleRef=role, subjects=[subject])
    config = yaml.safe_load(Path(workload.session.state.kubeconfig).read_text())
    config["users"][0]["user"] = {"token": workload.session.token(namespace, name, API_AUDIENCE)}
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    reads = ["iam:Get*", "iam:List*", "iam:SimulatePrincipalPolicy", "eks:Describe*", "eks:List*"]
    apply(cluster, ResourceQuota, namespace, "full", spec={"hard": {"pods": "1"}})
    # No controller of the sandbox counts them.
    full = {"status": {"hard": {"pods": "1"}, "used": {"pods": "1"}}}
    merge = {"namespace": namespace, "patch_type": PatchType.MERGE}
    cluster.patch(ResourceQuota.Status, "full", full, **merge)
    before, keys = workload.state, workload.user_with(*reads)

    refused = workload.moved("pod-identity", "--yes", KUBECONFIG=str(file), **keys)

    assert (refused.code, workload.state) == (1, before), refused.err
    for text in (
        f"deployments.apps {namespace}/app: the cluster denies patch",
        "trial Pod of Deployment app: ",
        f"{workload.role_arn}: the caller may not call iam:UpdateAssumeRolePolicy",
        "the caller may not call eks-auth:AssumeRoleForPodIdentity",
    ):
        assert text in refused.err
    assert refused.err.count("\n") == 1
    # Without --yes nothing is changed either.
    assert "exceeded quota: full" in workload.moved("pod-identity").err
    cluster.delete(ResourceQuota, "full", namespace=namespace)
    planned = workload.moved("pod-identity")
    assert (planned.code, planned.out.count("·"), workload.state) == (4, 9, before)


def test_the_lock_names_the_role_where_nothing_else_is_left(workload):
    before = workload.state
    workload.service_account({LOCK: f"{workload.role_arn} elsewhere 1 0"})
    done = workload.moved("irsa", "--yes")
    assert (done.code, workload.state) == (0, before), done.err


def test_what_a_stack_owns_is_left_to_its_program(workload, tmp_path):
    urn = "urn:pulumi:dev::irsa::aws:iam/role:Role::reader"
    outputs = {"arn": workload.role_arn}
    resource = {"urn": urn, "type": "aws:iam/role:Role", "custom": True, "outputs": outputs}
    file, before = tmp_path / "export.json", workload.state
    file.write_text(json.dumps({"version": 3, "deployment": {"resources": [resource]}}))

    left = workload.moved("pod-identity", "--yes", "--stack", str(file))

    assert (left.code, workload.state) == (4, before)
    assert f"role {workload.role_arn}: the stack has it; change its program" in left.out
