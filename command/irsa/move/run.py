"""Observe a move, and carry it out: each step is seen to be done before the next begins."""

import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from irsa.move import changes
from irsa.move.changes import Stopped, Unknown, begun, hold, known
from irsa.move.plan import TAKES, Mechanism, Move, Step, next_step, standing, steps
from irsa.move.refusals import ask, refusals
from irsa.move.trust import SESSION_NAME, with_caller, without_caller
from irsa.observe.facts import RUNNING, Unread
from irsa.observe.kubernetes import KubernetesCluster
from irsa.observe.pod_spec import references
from irsa.verify.containers import pods_named
from irsa.verify.facts import ByAssociation, Question
from irsa.verify.gather import Sources, gather
from irsa.verify.walk import retried
from irsa_core.identity.arns import cluster_arn, parse_session_arn
from irsa_core.identity.eks import POD_IDENTITY_SERVICE
from irsa_core.identity.policy_json import Json
from irsa_core.polling import until_in_a_row

POLL = 1.0
SEEN = 90.0
"""Seconds between two looks at a change, and until one that is not seen fails."""
ROLLOUT = 600.0
"""Seconds without any change after which a rollout has failed, as a Deployment's own deadline.
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#progress-deadline-seconds"""
LONGEST_SLEEP = 60.0
TRUST = ("trust", "distrust")
"""The steps that a move of another service account may undo."""
ONCE, TRIES = ("associate", "annotate", "dissociate", "unannotate"), 10
"""The steps that no other writer may undo, and the tries of all others."""
SETTLES, AGAIN = 2.0, 5.0
"""Seconds until an edit of a trust policy is looked at again, and made again if it is not there."""
PROOF = "session-again"


@dataclass(frozen=True)
class Runner:
    """One service account, and where it is read and changed."""

    question: Question
    to: Mechanism
    sources: Sources
    connect: Callable[[], KubernetesCluster]
    """Opens a new connection to the cluster."""

    def observe(self) -> Move:
        """Read the facts; raises `Stopped` where there is nothing to move."""
        cluster, namespace, name = self.sources.cluster, self.question.namespace, self.question.name
        account = known(
            cluster.service_account(namespace, name),
            f"service account {namespace}/{name}: it does not exist; create it first",
        )
        asked = replace(self.question, expected_role=account.role_arn, expects_association=True)
        facts = gather(asked, self.sources)
        if not facts.role_arn and begun(account):  # and neither annotation nor association is left
            facts = gather(replace(asked, expected_role=begun(account)), self.sources)
        assert isinstance(facts, ByAssociation)  # noqa: S101 - the question expects it
        known(
            facts.cluster,
            f"region {facts.region}: no EKS cluster has this issuer; give --context or --region",
        )
        known(facts.association or ())
        known(facts.pods)
        named = f"role {facts.role_arn}" if facts.role_arn else "annotation and association"
        role = known(facts.role, f"{named}: does not exist; create it, there is nothing to move")
        issuer_url = known(cluster.issuer_url())
        facts = replace(facts, owners=facts.owners + known(cluster.controllers(namespace)))
        move = Move(to=self.to, facts=facts, account=account, role=role, issuer_url=issuer_url)
        taken = [reference for owner in move.owners for reference in references(owner.pod_spec)]
        objects = cluster.objects(namespace, taken)
        for fact in objects.values():
            known(fact or {})
        return replace(move, facts=replace(facts, objects=objects))

    def carry_out(self, move: Move, say: Callable[[Step], None], *, wait: bool) -> Step | None:
        """Do the steps that are left; return the one that waits, unless it is waited for.

        An error says what is there then. The service account is locked for the time.
        """
        hold(self.sources.cluster, move)
        seconds: float | None = 0
        try:
            left = self._carry_out(replace(self.observe(), denied=move.denied), say, wait=wait)
            seconds = None if left is None else 0
            return left
        except Stopped as error:
            with suppress(Stopped):
                move = self.observe()
            raise type(error)(f"{error}; {standing(move)}") from error
        finally:
            with suppress(Stopped):
                hold(self.sources.cluster, move, seconds)

    def _carry_out(self, move: Move, say: Callable[[Step], None], *, wait: bool) -> Step | None:
        passed, tries = set[str](), Counter[str]()
        while step := next_step(move, passed):
            hold(self.sources.cluster, move)
            if step.key == "wait":
                if not wait:
                    return step
                time.sleep(max(0.0, min(move.over - move.facts.now, LONGEST_SLEEP)))
                move = self.observe()
                continue
            if step.key in TAKES:
                move = replace(self.observe(), denied=ask(move, self.sources).denied)
            check_refusals(move)
            if next_step(move, passed) != step:
                continue
            tries[step.key] += 1
            if tries[step.key] > (1 if step.key in ONCE else TRIES):
                raise Stopped(f"step {step.key}: another writer has undone it; stop that first")
            self._act(move, step.key)
            passed |= {step.key} if step.checks else set()
            move = self.observe() if step.checks else self._seen(step)
            if step.checks or _is_done(move, step):
                say(step._replace(done=True))
        if PROOF not in passed:
            self._session(move, PROOF)
        return None

    def _act(self, move: Move, key: str) -> None:
        cluster, aws = self.sources.cluster, self.sources.aws
        match key:
            case "trust":
                changes.set_trust(aws, move.role, lambda role: with_caller(role, move.wanted))
            case "associate":
                changes.associate(aws, move)
            case "dissociate":
                changes.dissociate(cluster, aws, move)
            case "annotate":
                changes.annotate(cluster, move, move.role.arn)
            case "unannotate":
                changes.annotate(cluster, move, None)
            case "distrust":
                changes.set_trust(aws, move.role, lambda role: without_caller(role, move.unwanted))
            case "gate":
                self._gate(move)
            case "restart":
                self._restart(move)
            case _:
                self._session(move, key)

    def _seen(self, step: Step) -> Move:
        """Wait until a change is seen: IAM and EKS show it some seconds later.

        One of the trust policy is looked at again, and left undone for another try after a while:
        of two writers at once IAM keeps the last.
        """
        start, again = time.monotonic(), AGAIN * (1 + os.getpid() % 7 / 7)  # not all at once
        while True:
            move, waited = self.observe(), time.monotonic() - start
            if step.key in TRUST and _is_done(move, step):
                time.sleep(SETTLES)
                return self.observe()
            if _is_done(move, step) or (step.key in TRUST and waited > again):
                return move
            if waited > SEEN:
                raise Stopped(f"step {step.key}: not seen within {SEEN:.0f} s; run it again")
            time.sleep(POLL)

    def _gate(self, move: Move) -> None:
        """Wait until trial Pods of each template get the credentials."""
        for owner in move.outdated:
            if problem := until_in_a_row(partial(self._lacks, move, owner.template or {})):
                raise Stopped(f"trial Pods of {owner.title}: {problem}; no Pod was restarted")

    def _lacks(self, move: Move, template: Json) -> str:
        with self.connect() as fresh:
            spec = fresh.next_pod(move.facts.namespace, template)
        metadata: Json = template.get("metadata") or {}
        if isinstance(spec, Unread):
            return spec.text
        return move.lacks(metadata.get("annotations"), spec)

    def _restart(self, move: Move) -> None:
        """Restart the controllers of old Pods, and wait until these are gone."""
        namespace, left = move.facts.namespace, move
        for owner in move.outdated:
            changes.restart(self.sources.cluster, namespace, owner)
        names, deadline = set[str](), 0.0
        while left.old:
            if {pod.name for pod in left.pods} != names:
                hold(self.sources.cluster, left)
                names, deadline = {pod.name for pod in left.pods}, time.monotonic() + ROLLOUT
            if time.monotonic() > deadline:
                trouble = next((e.trouble for e in left.owners if e.trouble), "no progress")
                raise Stopped(f"{pods_named(left.old)}: {trouble}; fix the rollout, run it again")
            time.sleep(POLL)
            workloads = self.sources.cluster.workloads(namespace)
            if not isinstance(workloads, Unread):
                facts = replace(left.facts, pods=workloads.pods, owners=workloads.owners)
                left = replace(left, facts=facts)

    def _session(self, move: Move, key: str) -> None:
        """Get a session for a token of the newest Pod that runs; STS takes one without a Pod."""
        facts, aws, call = move.facts, self.sources.aws, move.wanted
        pod = facts.pod if facts.pod is not None and facts.pod.phase == RUNNING else None
        if pod is None and not call.audience:
            if key == PROOF:
                raise Unknown(
                    f"role {move.role.arn}: not proven, as EKS gives a session to a running Pod "
                    f"and none of {move.title} runs; start one, run it again"
                )
            return
        audience = call.audience or POD_IDENTITY_SERVICE
        token = known(self.sources.cluster.token(*facts.account, audience, pod))
        if call.audience:
            assume = partial(aws.assume_with_web_identity, move.role.arn, token, SESSION_NAME)
        else:
            assume = partial(aws.assume_for_pod, cluster_arn(facts.cluster_arn).name, token)
        answer = known(retried(assume, wait=self.question.wait))
        session = parse_session_arn(answer.arn)
        if session is None or session.role_name != move.role.name:
            text = answer.arn or answer.text
            raise Stopped(f"role {move.role.arn}: no session of it, {text}; see `irsa verify`")


def check_refusals(move: Move) -> None:
    """Raise `Stopped` with the reasons not to change anything: a wait can last a day."""
    refused = dict.fromkeys(refusals(move))
    if refused:
        raise Stopped("; and ".join(refused))


def _is_done(move: Move, step: Step) -> bool:
    return any(each.key == step.key and each.done for each in steps(move))
