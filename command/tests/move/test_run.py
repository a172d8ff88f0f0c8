"""A move in a world where others write as well, and where permissions are denied or taken away."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightkube.resources.core_v1 import ServiceAccount

from command.tests.move import moves
from command.tests.move.moves import BY_ASSOCIATION, BY_TOKEN, IRSA, NOW, POD_IDENTITY, move, pod
from irsa.move import run
from irsa.move.changes import LOCK, Stopped, Unknown
from irsa.move.refusals import ask
from irsa.move.run import Runner, check_refusals
from irsa.move.trust import RoleCall, verdict
from irsa.observe.facts import Answer, Unread, Workloads
from irsa.verify.facts import Question
from irsa_core.decide.truth import Verdict
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION
from tests.support.world import CLUSTER_ARN, PROVIDER_ARN, ROLE_ARN, SUBJECT

ASSUMED = "arn:aws:sts::111122223333:assumed-role/s3-app"
NEEDED = {"unannotate": {"patch"}, "distrust": {"iam:UpdateAssumeRolePolicy"}}
NEEDED["dissociate"] = {"patch", "create", "pods", "eks:DeletePodIdentityAssociation"}
ALLOW = Verdict.ALLOW
CALLS = (RoleCall(PROVIDER_ARN, SUBJECT, "sts.amazonaws.com"), RoleCall(CLUSTER_ARN, SUBJECT))
IRSA_STATE = {"annotated": True, "associated": False, "documents": [BY_TOKEN], "variable": IRSA}
PI_STATE = {"annotated": False, "associated": True, "documents": [BY_ASSOCIATION],
            "variable": POD_IDENTITY}  # fmt: skip
BOTH_STATE = {"annotated": True, "associated": True, "documents": [BY_TOKEN, BY_ASSOCIATION]}
MIXED = [{**BOTH_STATE, "variable": each} for each in (IRSA, POD_IDENTITY)]
STATES = st.sampled_from([IRSA_STATE, PI_STATE, *MIXED])
EVENTS = st.lists(st.sampled_from(["", "", "annotation", "trust", "denial"]), max_size=30)
START = {"pod-identity": IRSA_STATE, "irsa": PI_STATE}
NO_TOKEN = "serviceaccounts/token dev/s3-app: the cluster denies create"


class Killed(BaseException):
    """The end of a process that nothing can catch."""


@dataclass
class World:
    """One service account with a Pod; ``events`` is what others do at one look after another."""

    to: Any
    annotated: bool
    associated: bool
    documents: list[Any]
    variable: Any
    events: list[str] = field(default_factory=list[str])
    denied: set[str] = field(default_factory=set[str])
    unread: bool = False
    pods: int = 1
    dies: tuple[int, str] = (0, "")

    def __post_init__(self) -> None:
        self.annotations = {ROLE_ARN_ANNOTATION: ROLE_ARN} if self.annotated else {}
        self.first = self.role = moves.trusting(*self.documents)
        self.disturbed = bool(self.events)
        self.asked: set[str] = set()
        self.writes: list[str] = []
        self.clock = 0.0
        self.cluster: Any = SimpleNamespace(
            client=SimpleNamespace(get=self.get, patch=self.patch),
            service_account=lambda *_: self.look("annotation").account,
            may=self.may,
            next_pod=self.next_pod,
            token=lambda *_: "token",
            node_groups=lambda _: {},
            workloads=lambda _: Workloads(self.move.facts.pods, (moves.OWNER,)),
        )
        iam = SimpleNamespace(update_assume_role_policy=self.update)
        iam.get_role = lambda **_: {"Role": {"AssumeRolePolicyDocument": self.role.trust_policy}}
        eks = SimpleNamespace(
            exceptions=SimpleNamespace(InvalidParameterException=KeyError),
            create_pod_identity_association=lambda **_: self.associate(True),
            delete_pod_identity_association=lambda **_: self.associate(False),
        )
        self.aws: Any = SimpleNamespace(
            client={"iam": iam, "eks": eks}.__getitem__,
            caller=lambda: Answer(True, "arn:aws:iam::111122223333:user/mover"),
            simulate=self.simulate,
            assume_with_web_identity=self.assume,
            assume_for_pod=self.assume,
        )

    @property
    def move(self):
        state = {"annotated": False, "association": moves.ASSOCIATION if self.associated else None}
        pods, later = (pod(self.variable),) * self.pods, NOW + 9 * 86_400
        found = move(self.to, self.role, **state, pods=pods, now=later)
        return replace(found, account=replace(found.account, annotations=dict(self.annotations)))

    def look(self, *kinds):
        """Let the next event happen first, if it is of these kinds."""
        if self.events and self.events[0] in ("", *kinds):
            match self.events.pop(0):
                case "annotation":
                    self.annotations.pop(ROLE_ARN_ANNOTATION, None)
                case "trust":
                    self.role = self.first
                case "denial":
                    self.denied.add("patch")
        return self.move

    def may(self, _, verb, *__):
        if verb == "patch":
            self.look("denial")
        self.asked.add(verb)
        return verb not in self.denied

    def simulate(self, _, action, __):
        self.asked.add(action)
        return Unread("it", "denied", "it") if self.unread else action not in self.denied

    def next_pod(self, *_):
        self.asked.add("pods")
        if "pods" in self.denied:
            return Unread("a Pod", "exceeded quota: full", "create pods")
        return pod(self.next_variable).spec

    @property
    def next_variable(self):
        if self.associated:
            return POD_IDENTITY
        return IRSA if ROLE_ARN_ANNOTATION in self.annotations else {"name": "HOME"}

    def assume(self, *_):
        return Answer(self.move.trusts_wanted, f"{ASSUMED}/x")

    def get(self, *_, **__):
        found = SimpleNamespace(annotations=dict(self.annotations), resourceVersion="1")
        return SimpleNamespace(metadata=found)

    def patch(self, kind, _, body, **__):
        if kind is not ServiceAccount:
            with self.written("restart"):
                self.variable = self.next_variable
        for key, value in body.get("metadata", {}).get("annotations", {}).items():
            write = self.written("annotate" if value else "unannotate")
            with nullcontext() if key == LOCK else write:
                changed = {**self.annotations, key: value}
                self.annotations = {k: v for k, v in changed.items() if v}

    def associate(self, there):
        with self.written("associate" if there else "dissociate"):
            self.associated = there

    def update(self, RoleName, PolicyDocument):  # noqa: N803 - boto3's names
        after = replace(self.role, trust_policy=json.loads(PolicyDocument))
        takes = self.move.trusts_unwanted and not replace(self.move, role=after).trusts_unwanted
        with self.written("distrust" if takes else "trust"):
            self.role = after

    @contextmanager
    def written(self, key) -> Iterator[None]:
        """Note a change; nothing is taken that is not asked for, or without the other way in."""
        self.writes.append(key)
        self.die("before")
        if needed := NEEDED.get(key):
            move = self.move
            assert needed - (set() if move.old else {"pods"}) <= self.asked
            assert not self.denied & needed
            assert move.trusts_wanted
            assert move.association or not move.to_pod_identity
            assert move.account.role_arn or move.to_pod_identity
            assert key == "dissociate" or not move.old
        yield
        self.die("after")
        self.asked.clear()
        if not self.disturbed:
            move = self.move
            by_token, by_association = (verdict(move.role, call) is ALLOW for call in CALLS)
            assert (move.account.role_arn and by_token) or (move.association and by_association)

    def die(self, moment):
        """End as a killed process does, before or after the change that is to be the last."""
        if self.dies == (len(self.writes), moment):
            raise Killed

    def monotonic(self, seconds=0.1):
        """The time, which goes on by each look at it, and by each sleep."""
        self.clock += seconds
        return self.clock


class Acting(Runner):
    def observe(self):
        return self.sources.look("annotation", "trust")


def carried_out(world):
    """Do as the command does with --yes --wait."""
    runner = Acting(Question(namespace="dev", name="s3-app", wait=0), world.to, world,
                    lambda: nullcontext(world.cluster))  # fmt: skip
    clock = SimpleNamespace(sleep=world.monotonic, monotonic=world.monotonic, time=lambda: 0.0)
    with mock.patch.object(run, "time", clock):
        found = ask(runner.observe(), world)
        check_refusals(found)
        return runner.carry_out(found, lambda _: None, wait=True)


@settings(max_examples=20)
@given(STATES, st.sampled_from(["irsa", "pod-identity"]), EVENTS, st.booleans())
def test_nothing_is_taken_away_unasked_or_without_the_other_way_in(state, to, events, unread):
    world = World(to, **state, events=[*events], unread=unread)
    stopped = ""
    try:
        assert carried_out(world) is None
    except Stopped as error:
        stopped = str(error)
    if not stopped:
        assert world.disturbed or world.writes[-1:] in ([], ["distrust"])
    elif world.writes:
        assert ROLE_ARN in stopped
        assert "move dev/s3-app --yes --to" in stopped
    assert world.disturbed or not stopped


@pytest.mark.parametrize("to", START)
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("change", range(1, 6))
def test_a_move_that_is_killed_at_a_change_goes_on_to_the_same_end(to, change, moment):
    """Each change but the last is made with the other way in, which `written` asserts."""
    whole, world = World(to, **START[to]), World(to, **START[to], dies=(change, moment))
    carried_out(whole)
    with pytest.raises(Killed):
        carried_out(world)

    world.dies = (0, "")
    carried_out(world)

    assert {*world.writes} == {*whole.writes}
    ends = [(e.annotations, e.associated, e.role, e.variable) for e in (world, whole)]
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("to", "denied", "text"),
    [
        *((to, "patch", "the cluster denies patch; grant it by RBAC") for to in START),
        *((to, "create", NO_TOKEN) for to in START),
        *((to, "pods", "trial Pod of Deployment s3-app: exceeded quota: full") for to in START),
        *((to, "iam:UpdateAssumeRolePolicy", "may not call {}; grant it") for to in START),
        ("pod-identity", "iam:PassRole", "{}"),
        ("pod-identity", "eks:CreatePodIdentityAssociation", "{}"),
        ("pod-identity", "eks-auth:AssumeRoleForPodIdentity", "{}"),
        ("irsa", "eks:DeletePodIdentityAssociation", "{}"),
    ],
)
def test_what_is_denied_is_refused_before_the_first_change(to, denied, text):
    world = World(to, **START[to], denied={denied})
    with pytest.raises(Stopped, match=text.format(denied)):
        carried_out(world)
    assert (world.writes, LOCK in world.annotations) == ([], False), world.annotations


def test_the_association_stays_if_a_controller_takes_the_annotation_back():
    world = World("irsa", **PI_STATE, events=[*[""] * 7, "annotation"])

    with pytest.raises(Stopped) as stopped:
        carried_out(world)

    assert world.associated
    assert str(stopped.value).endswith(
        f"dev/s3-app is not annotated and has association a-1, and role {ROLE_ARN} trusts it "
        "by EKS Pod Identity and IRSA; go on with `python -m irsa move dev/s3-app --yes --to "
        "irsa`, or back with `python -m irsa move dev/s3-app --yes --to pod-identity`"
    )
    assert world.annotations[LOCK].startswith(f"{ROLE_ARN} ")


@pytest.mark.cases("looks", {f"undone after {looks} looks": looks for looks in range(4, 9)})
def test_a_trust_edit_that_another_writer_undoes_is_made_again(looks):
    """As moves of other service accounts of the role do: IAM lets the last writer win."""
    world = World("pod-identity", **IRSA_STATE, events=[*[""] * looks, "trust"])
    assert carried_out(world) is None
    assert world.writes.count("trust") == 2


def test_without_a_running_pod_nothing_is_proven_and_nothing_changed():
    with pytest.raises(Stopped, match="none of its Pods runs"):
        carried_out(world := World("pod-identity", **IRSA_STATE, pods=0))
    assert world.writes == []
    # Where the association is there already, the Pods of a Deployment ended on the way.
    with pytest.raises(Unknown, match="not proven"):
        carried_out(world := World("pod-identity", **BOTH_STATE, variable=IRSA, pods=0))
    assert world.writes == []
    assert carried_out(World("irsa", **PI_STATE, pods=0)) is None
