"""Observe a move, and carry it out: each step is seen to be done before the next begins."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from irsa.identity.arns import cluster_arn, parse_session_arn
from irsa.identity.eks import POD_IDENTITY_SERVICE
from irsa.identity.injection import IN_A_ROW, PAUSE, TIMEOUT
from irsa.identity.policy_json import Json
from irsa.move import changes
from irsa.move.changes import Stopped
from irsa.move.facts import Mechanism, Move
from irsa.move.plan import Step, steps
from irsa.move.refusals import refusals
from irsa.move.trust import SESSION_NAME, with_caller, without_caller
from irsa.observe.facts import RUNNING, Unread
from irsa.observe.kubernetes import Cluster
from irsa.observe.pod_spec import references
from irsa.verify.gather import Question, Sources, gather
from irsa.verify.links.problems import pods_named
from irsa.verify.walk import retried

POLL = 1.0
SEEN = 90.0
"""Seconds between two looks at a change, and until one that is not seen fails."""
ROLLOUT = 600.0
"""Seconds without any change after which a rollout has failed, as a Deployment's own deadline.
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#progress-deadline-seconds"""
LONGEST_SLEEP = 60.0
T = TypeVar("T")


class Unknown(Stopped):
    """A fact could not be read; the text has the missing permission."""


@dataclass(frozen=True)
class Runner:
    """One service account, and where it is read and changed."""

    question: Question
    to: Mechanism
    sources: Sources
    connect: Callable[[], Cluster]
    """Opens a new connection to the cluster."""

    def observe(self) -> Move:
        """Read the facts; raises `Stopped` where there is nothing to move."""
        cluster, name = self.sources.cluster, self.question.name
        account = _known(
            cluster.service_account(self.question.namespace, name),
            f"service account {self.question.namespace}/{name}: it does not exist; create it first",
        )
        asked = replace(self.question, role_arn=account.role_arn, expects_association=True)
        facts = gather(asked, self.sources)
        identity = _known(
            facts.pod_identity,
            f"region {facts.region}: no EKS cluster has this issuer; give --context or --region",
        )
        for fact in (identity.association, facts.pods):
            if isinstance(fact, Unread):
                raise Unknown(f"{fact.text}; {fact.remedy}")
        named = f"role {facts.role_arn}" if facts.role_arn else "annotation and association"
        role = _known(facts.role, f"{named}: does not exist; create it, there is nothing to move")
        issuer_url = _known(cluster.issuer_url(), "")
        move = Move(to=self.to, facts=facts, account=account, role=role, issuer_url=issuer_url)
        taken = [each for owner in move.owners for each in references(owner.pod_spec)]
        objects = cluster.objects(self.question.namespace, taken)
        for fact in objects.values():
            _known(fact or {}, "")
        return replace(move, facts=replace(facts, objects=objects))

    def carry_out(self, say: Callable[[Step], None], *, wait: bool) -> Step | None:
        """Do the steps that are left; return the one that waits, unless it is waited for."""
        move, passed = self.observe(), set[str]()
        while True:
            left = [each for each in steps(move) if not each.done and each.key not in passed]
            if not left:
                return None
            step = left[0]
            if step.key == "wait":
                if not wait:
                    return step
                time.sleep(max(0.0, min(move.over - move.facts.now, LONGEST_SLEEP)))
                move = self.observe()
                continue
            check_refusals(move)
            self._act(move, step.key)
            passed |= {step.key} if step.checks else set()
            move = self.observe() if step.checks else self._seen(step)
            say(step._replace(done=True))

    def _act(self, move: Move, key: str) -> None:
        cluster, aws = self.sources.cluster, self.sources.aws
        match key:
            case "trust":
                changes.set_trust(aws, move.role, with_caller(move.role, move.wanted))
            case "associate":
                changes.associate(aws, move)
            case "dissociate":
                changes.dissociate(aws, move)
            case "annotate":
                changes.annotate(cluster, move, move.role.arn)
            case "unannotate":
                changes.annotate(cluster, move, None)
            case "distrust":
                changes.set_trust(aws, move.role, without_caller(move.role, move.unwanted))
            case "gate":
                self._gate(move)
            case "restart":
                self._restart(move)
            case _:
                self._session(move)

    def _seen(self, step: Step) -> Move:
        """Wait until a change is seen: IAM and EKS show it some seconds later."""
        deadline = time.monotonic() + SEEN
        while True:
            move = self.observe()
            if any(each.key == step.key and each.done for each in steps(move)):
                return move
            if time.monotonic() > deadline:
                raise Stopped(f"step {step.key}: not seen within {SEEN:.0f} s; run it again")
            time.sleep(POLL)

    def _gate(self, move: Move) -> None:
        """Wait until trial Pods of each template get the credentials."""
        for owner in move.outdated:
            template = owner.template or {}
            metadata: Json = template.get("metadata") or {}
            deadline, in_a_row = time.monotonic() + TIMEOUT, 0
            while in_a_row < IN_A_ROW:
                with self.connect() as fresh:
                    spec = fresh.next_pod(move.facts.namespace, template)
                unread = isinstance(spec, Unread)
                problem = spec.text if unread else move.lacks(metadata.get("annotations"), spec)
                in_a_row = 0 if problem else in_a_row + 1
                if problem and time.monotonic() > deadline:
                    raise Stopped(
                        f"trial Pods of {owner.title}: after {TIMEOUT:.0f} s, {problem}; nothing "
                        "was restarted, run it again"
                    )
                if problem:
                    time.sleep(PAUSE)

    def _restart(self, move: Move) -> None:
        """Restart the controllers of old Pods, and wait until these are gone."""
        namespace, left = move.facts.namespace, move
        for owner in move.outdated:
            changes.restart(self.sources.cluster, namespace, owner)
        names, deadline = set[str](), 0.0
        while left.old:
            if {pod.name for pod in left.pods} != names:
                names, deadline = {pod.name for pod in left.pods}, time.monotonic() + ROLLOUT
            if time.monotonic() > deadline:
                trouble = next((e.trouble for e in left.owners if e.trouble), "no progress")
                raise Stopped(f"{pods_named(left.old)}: {trouble}; fix the rollout, run it again")
            time.sleep(POLL)
            found = self.sources.cluster.workloads(namespace)
            if not isinstance(found, Unread):
                facts = replace(left.facts, pods=found.pods, owners=found.owners)
                left = replace(left, facts=facts)

    def _session(self, move: Move) -> None:
        """Get a session for the token of the newest Pod that runs, if one does."""
        facts, aws, call = move.facts, self.sources.aws, move.wanted
        if facts.pod is None or facts.pod.phase != RUNNING:
            return
        audience = call.audience or POD_IDENTITY_SERVICE
        token = _known(self.sources.cluster.token(*facts.account, audience, facts.pod), "")
        answer, _ = retried(
            partial(aws.assume_with_web_identity, move.role.arn, token, SESSION_NAME)
            if call.audience
            else partial(aws.assume_for_pod, cluster_arn(facts.cluster_arn).name, token),
            wait=self.question.wait,
        )
        answer = _known(answer, "")
        session = parse_session_arn(answer.arn)
        if session is None or session.role_name != move.role.name:
            found = answer.arn or answer.text
            raise Stopped(f"role {move.role.arn}: no session of it, {found}; see `irsa verify`")


def check_refusals(move: Move) -> None:
    """Raise `Stopped` with the reasons not to change anything: a wait can last a day."""
    refused = dict.fromkeys(refusals(move))
    if refused:
        raise Stopped("; and ".join(refused))


def _known(fact: T | Unread | None, missing: str) -> T:
    """Return a fact; raises `Unknown` if it could not be read, `Stopped` if it is missing."""
    if isinstance(fact, Unread):
        raise Unknown(f"{fact.text}; {fact.remedy}")
    if fact is None:
        raise Stopped(missing)
    return fact
