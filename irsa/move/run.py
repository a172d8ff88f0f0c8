"""Observe a move, and carry it out: each step is seen to be done before the next begins."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from irsa.identity.arns import cluster_arn, parse_session_arn
from irsa.identity.injection import IN_A_ROW, PAUSE, TIMEOUT
from irsa.identity.policy_json import Json
from irsa.identity.token import Token
from irsa.move import changes
from irsa.move.changes import Stopped
from irsa.move.facts import Mechanism, Move
from irsa.move.plan import Step, steps
from irsa.move.trust import SESSION_NAME, with_caller, without_caller
from irsa.observe.facts import RUNNING, Role, ServiceAccount, Unread
from irsa.observe.kubernetes import Cluster
from irsa.verify.facts import PodIdentity
from irsa.verify.gather import Question, Sources, gather
from irsa.verify.links.problems import pods_named
from irsa.verify.walk import Call, retried

POLL = 1.0
SEEN = 90.0
"""Seconds between two looks at a change, and until one that is not seen fails."""
ROLLOUT = 600.0
"""Seconds without any change after which a rollout has failed, as a Deployment's own deadline.
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#progress-deadline-seconds"""
LONGEST_SLEEP = 60.0


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
        cluster, question = self.sources.cluster, self.question
        title = f"{question.namespace}/{question.name}"
        account = _known(cluster.service_account(question.namespace, question.name))
        if not isinstance(account, ServiceAccount):
            raise Stopped(f"service account {title}: it does not exist; create it first")
        asked = replace(question, role_arn=account.role_arn, expects_association=True)
        facts = gather(asked, self.sources)
        identity = _known(facts.pod_identity)
        if not isinstance(identity, PodIdentity):
            raise Stopped(
                f"cluster: no EKS cluster of region {facts.region} has its issuer; give --context "
                "or --region"
            )
        _known(identity.association)
        _known(facts.pods)
        if not facts.role_arn:
            raise Stopped(
                f"service account {title}: it has neither an annotation nor an association; there "
                "is no role to move"
            )
        role = _known(facts.role)
        if not isinstance(role, Role):
            raise Stopped(f"role {facts.role_arn}: it does not exist; create it first")
        issuer_url = _known(cluster.issuer_url())
        return Move(to=self.to, facts=facts, account=account, role=role, issuer_url=str(issuer_url))

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
            self._act(move, step.key)
            if step.checks:
                passed.add(step.key)
                move = self.observe()
            else:
                move = self._seen(step)
            say(step._replace(done=True))

    def _act(self, move: Move, key: str) -> None:
        cluster, aws = self.sources.cluster, self.sources.aws
        match key:
            case "trust":
                self._set_trust(move.role, with_caller(move.role, move.wanted))
            case "associate":
                changes.associate(aws, move)
            case "dissociate" if move.association is not None:
                changes.dissociate(aws, move.association)
            case "annotate":
                changes.annotate(cluster, move, move.role.arn)
            case "unannotate":
                changes.annotate(cluster, move, None)
            case "distrust":
                self._set_trust(move.role, without_caller(move.role, move.unwanted))
            case "gate":
                self._gate(move)
            case "restart":
                self._restart(move)
            case _:
                self._session(move)

    def _set_trust(self, role: Role, document: Json | None) -> None:
        if document is not None:
            changes.set_trust(self.sources.aws, role, document)

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
        for owner in {e.owner.target: e.owner for e in move.old if e.owner}.values():
            template = owner.template or {}
            metadata: Json = template.get("metadata") or {}
            deadline, in_a_row = time.monotonic() + TIMEOUT, 0
            while in_a_row < IN_A_ROW:
                with self.connect() as fresh:
                    spec = fresh.next_pod(move.facts.namespace, template)
                problem = (
                    spec.text
                    if isinstance(spec, Unread)
                    else move.lacks(metadata.get("annotations"), spec)
                )
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
        for owner in {e.owner.target: e.owner for e in move.old if e.owner}.values():
            changes.restart(self.sources.cluster, namespace, owner)
        names, deadline = set[str](), 0.0
        while left.old:
            if {pod.name for pod in left.pods} != names:
                names, deadline = {pod.name for pod in left.pods}, time.monotonic() + ROLLOUT
            if time.monotonic() > deadline:
                trouble = next((e.trouble for e in left.owners if e.trouble), "it does not go on")
                raise Stopped(
                    f"{pods_named(left.old)}: {trouble}; repair the rollout, and run it again"
                )
            time.sleep(POLL)
            found = self.sources.cluster.workloads(namespace)
            if not isinstance(found, Unread):
                facts = replace(left.facts, pods=found.pods, owners=found.owners)
                left = replace(left, facts=facts)

    def _session(self, move: Move) -> None:
        """Get a session for the token of the newest Pod that runs, if one does."""
        pod, aws = move.facts.pod, self.sources.aws
        if pod is None or pod.phase != RUNNING:
            return
        call: Call
        if move.to_pod_identity:
            token = _known(move.facts.token)
            name = cluster_arn(move.facts.cluster_arn).name
            call = partial(aws.assume_for_pod, name, _token(token))
        else:
            account, audience = move.facts.account, move.account.audience
            token = _known(self.sources.cluster.token(*account, audience, pod))
            call = partial(aws.assume_with_web_identity, move.role.arn, _token(token), SESSION_NAME)
        answer, _ = retried(call, wait=self.question.wait)
        if isinstance(answer, Unread):
            raise Unknown(f"{answer.text}; {answer.remedy}")
        session = parse_session_arn(answer.arn)
        if session is None or session.role_name != move.role.name:
            found = answer.arn or answer.text
            raise Stopped(f"role {move.role.arn}: no session of it, {found}; see `irsa verify`")


def _known(fact: object) -> object:
    if isinstance(fact, Unread):
        raise Unknown(f"{fact.text}; {fact.remedy}")
    return fact


def _token(found: object) -> Token:
    if not isinstance(found, Token):
        raise Unknown("token: there is none of a running Pod; run it again")
    return found
