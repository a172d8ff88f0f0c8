"""`python -m irsa move`: there and back while the Pods call AWS, and none of their calls fails."""

import itertools
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple

import pytest
from lightkube.resources.core_v1 import Pod, ServiceAccount

from irsa.commands import move as command
from irsa.identity.eks import (
    CREDENTIALS_URI_VARIABLE,
    DEFAULT_TOKEN_EXPIRATION,
    FARGATE_LABEL,
    ROLE_ARN_ANNOTATION,
)
from irsa.identity.injection import missing
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa.identity.token import EXPIRY_LEEWAY
from irsa.move.changes import LOCK
from irsa.move.facts import GRACE_SECONDS
from irsa.verify.gather import Sources
from irsa_sandbox.engine.stack import ROOT
from irsa_sandbox.json_types import Json
from irsa_sandbox.webhook.identities import held_back
from tests.sandbox.support.associated import AssociatedWorkload, eks_cluster
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.denied import create_cron_job, fill_quota, limited
from tests.sandbox.support.in_process import Result, clean_environment
from tests.sandbox.support.kubectl import NAME
from tests.sandbox.support.moving import CALLS, Traffic, traffic

pytestmark = pytest.mark.sandbox

LATE = 2.0  # seconds
LIFETIME = GRACE_SECONDS + DEFAULT_TOKEN_EXPIRATION + EXPIRY_LEEWAY
LATER = 3 * 86_400
"""Seconds after which all tokens and sessions are over."""
LATE_COMMAND = (
    "import functools, sys, time; import irsa.commands.move as move; "
    "from irsa.__main__ import main; "
    f"move.Sources = functools.partial(move.Sources, now=lambda: time.time() + {LATER}); "
    "sys.exit(main(sys.argv[1:]))"
)
_numbers = itertools.count(1)


class State(NamedTuple):
    """Facts that decide the mechanism of a service account."""

    annotated: bool
    associated: bool
    trust_policy: Json


class MovingWorkload(AssociatedWorkload):
    """With IRSA at first."""

    @property
    def by_token(self) -> Json:
        return irsa_trust_policy([self.world.provider_arn], [self.account])

    def create_role(self) -> None:
        super().create_role()
        self.dissociate()
        self.set_trust(self.by_token)

    def command(self, to: str) -> list[str]:
        return ["move", f"{self.namespace}/{NAME}", "--to", to]

    def moved(self, to: str, *options: str, **environment: str) -> Result:
        return self.world.irsa(*self.command(to), *options, **environment)

    @property
    def state(self) -> State:
        found = self.session.cluster.get(ServiceAccount, NAME, namespace=self.namespace)
        annotations = (found.metadata and found.metadata.annotations) or {}
        role = self.session.aws("iam").get_role(RoleName=self.role_name)["Role"]
        trust = role["AssumeRolePolicyDocument"]
        return State(ROLE_ARN_ANNOTATION in annotations, bool(self.association), trust)


@pytest.fixture(scope="module")
def world(irsa_world):
    with eks_cluster(irsa_world):
        yield irsa_world


@pytest.fixture
def workload(world) -> Iterator[MovingWorkload]:
    found = MovingWorkload(world, f"moving-{next(_numbers)}")
    try:
        found.create()
        yield found
    finally:
        found.remove()


@pytest.fixture
def late(monkeypatch):
    """Call it to let seconds pass for the command; three days, unless it is told."""

    def pass_(seconds: float = LATER) -> None:
        later = partial(Sources, now=lambda: time.time() + seconds)
        monkeypatch.setattr(command, "Sources", later)

    return pass_


@contextmanager
def late_webhook(workload: MovingWorkload) -> Iterator[None]:
    """EKS's webhook hears of the association, or of its end, two seconds later."""
    before = bool(workload.association)

    def release() -> None:
        eventually(lambda: bool(workload.association) != before)
        time.sleep(LATE)
        holding.close()

    with ExitStack() as holding:
        holding.enter_context(held_back(workload.eks, workload.session.state.path))
        thread = threading.Thread(target=release)
        thread.start()
        yield
        thread.join()


def calling(calls: Traffic, number: int) -> None:
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
    assert calls.failed == []
    assert len(waiting.trust_policy["Statement"]) == both
    assert moved == State(False, True, super(MovingWorkload, workload).trust_policy)
    assert workload.state == before


def test_the_order_of_eksctl_fails_calls(workload):
    """The control: IRSA is taken away before the association exists, and no Pod is restarted."""
    with traffic(workload) as calls:
        calling(calls, 5)
        workload.service_account({})
        workload.set_trust(super(MovingWorkload, workload).trust_policy)
        workload.associate()
        calling(calls, len(calls.lines) + 5)

    assert calls.lines[0] == "ok"
    assert "AccessDenied" in calls.failed[-1]


def test_a_move_that_is_killed_after_each_step_goes_on_to_the_same_end(workload):
    before = workload.state
    with traffic(workload) as calls:
        calling(calls, 5)
        kills = killed(workload, "pod-identity")
        moved = workload.state
        kills += killed(workload, "irsa")
        calling(calls, len(calls.lines) + 5)

    assert calls.failed == []
    assert moved == State(False, True, super(MovingWorkload, workload).trust_policy)
    assert workload.state == before
    after = ("gate", "restart", "wait", "session-again")
    assert kills == [
        *("trust", "associate", "session", *after, "unannotate", "distrust"),
        *("trust", "annotate", "session", "dissociate", *after, "distrust"),
    ]


def killed(workload: MovingWorkload, to: str) -> list[str]:
    """Kill the command after each step that it has newly done; return these steps."""
    environment = {**clean_environment(), **workload.session.state.environment()}
    start = [sys.executable, "-c", LATE_COMMAND, *workload.command(to), "--yes"]
    done: list[str] = []
    while True:
        with subprocess.Popen(
            start, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            for line in process.stdout or ():
                mark, key, *_ = [*line.split(), "", ""]
                if mark == "✓" and key not in done:
                    done.append(key)
                    process.send_signal(signal.SIGKILL)
                    break
        if process.returncode == 0:
            return done
        assert process.returncode == -signal.SIGKILL


def test_each_controller_is_restarted_and_the_end_is_waited_for(workload, late):
    workload.deploy("second")
    late(LIFETIME - LATE)

    done = workload.moved("pod-identity", "--yes", "--wait")

    assert (done.code, workload.state.annotated) == (0, False), done.err
    pods = [*workload.session.cluster.list(Pod, namespace=workload.namespace)]
    assert [missing(each.to_dict(), CREDENTIALS_URI_VARIABLE) for each in pods] == ["", ""]


def test_without_yes_nothing_is_changed(workload):
    before = workload.state

    planned = workload.moved("pod-identity")

    assert (planned.code, planned.out.count("·"), workload.state) == (4, 9, before)


def test_a_refused_move_changes_nothing(workload, tmp_path):
    workload.deploy(metadata={"labels": {FARGATE_LABEL: "default"}})
    fill_quota(workload.session.cluster, workload.namespace)
    create_cron_job(workload.session, workload.namespace)
    before = workload.state

    with limited(workload.session, workload.namespace, tmp_path) as environment:
        refused = workload.moved("pod-identity", "--yes", **environment)

    assert (refused.code, workload.state) == (1, before)
    assert refused.err.startswith("irsa move: CronJob nightly: container app: profile b of its AWS")
    for text in (
        f"deployments.apps {workload.namespace}/app: the cluster denies patch",
        "trial Pod of Deployment app: ",
        f"{workload.role_arn}: the caller may not call iam:UpdateAssumeRolePolicy",
        f"{workload.role_arn}: the caller may not call iam:PassRole",
        "the caller may not call eks:CreatePodIdentityAssociation",
        "the caller may not call eks-auth:AssumeRoleForPodIdentity",
        "; and agent: Pod app-",
    ):
        assert text in refused.err
    assert refused.err.count("\n") == 1
    assert "exceeded quota: full" in workload.moved("pod-identity").err


def test_the_lock_names_the_role_where_nothing_else_is_left(workload):
    before = workload.state
    workload.service_account({LOCK: f"{workload.role_arn} elsewhere 1 0"})

    done = workload.moved("irsa", "--yes")

    assert (done.code, workload.state) == (0, before), done.err


def test_three_accounts_that_share_a_role_move_at_once(workload):
    names = [NAME, "second", "third"]
    accounts = [ServiceAccountRef(workload.namespace, name) for name in names]
    workload.set_trust(irsa_trust_policy([workload.world.provider_arn], accounts))
    for name in names[1:]:
        workload.session.service_account(workload.namespace, name)
        body = {"metadata": {"annotations": {ROLE_ARN_ANNOTATION: workload.role_arn}}}
        workload.session.cluster.patch(ServiceAccount, name, body, namespace=workload.namespace)
        workload.deploy(name, serviceAccountName=name)

    started = [start(workload, name, sys.executable, "-m", "irsa") for name in names]
    codes = [(process.communicate(), process.returncode)[1] for process in started]

    assert codes == [4, 4, 4]
    by_token, by_association = workload.state.trust_policy["Statement"]
    for statement, values in (
        (by_token, [each.subject for each in accounts]),
        (by_association, names),
    ):
        [found] = [e for e in statement["Condition"]["StringEquals"].values() if len(e) == 3]
        assert sorted(found) == sorted(values)


def start(workload: MovingWorkload, name: str, *program: str) -> subprocess.Popen[str]:
    """Start a move to EKS Pod Identity in a process of its own."""
    environment = {**clean_environment(), **workload.session.state.environment()}
    command = [*program, "move", f"{workload.namespace}/{name}", "--to", "pod-identity", "--yes"]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def test_what_a_stack_owns_is_left_to_its_program(workload, tmp_path):
    urn = "urn:pulumi:dev::irsa::aws:iam/role:Role::reader"
    outputs = {"arn": workload.role_arn}
    resource = {"urn": urn, "type": "aws:iam/role:Role", "custom": True, "outputs": outputs}
    file, before = tmp_path / "export.json", workload.state
    file.write_text(json.dumps({"version": 3, "deployment": {"resources": [resource]}}))

    left = workload.moved("pod-identity", "--yes", "--stack", str(file))

    assert (left.code, workload.state) == (4, before)
    assert f"role {workload.role_arn}: the stack has it; change its program" in left.out
