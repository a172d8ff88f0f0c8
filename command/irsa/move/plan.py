"""Steps of a move, each done or to do, as the facts show. Pure.

No step is remembered: a move that was interrupted goes on at the first step that is not done. Until
the last step, the opposite move leads back.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from irsa import PROGRAM
from irsa.identity.arns import cluster_arn
from irsa.move.facts import NAMES, Move
from irsa.move.trust import without_caller
from irsa.observe.stack_chains import Resource, Stack
from irsa.observe.trial_pods import IN_A_ROW

TAKES = ("dissociate", "unannotate", "distrust")
"""The steps that take access away."""


class Step(NamedTuple):
    """A step of a move."""

    key: str
    text: str
    """The state that the step leads to."""
    done: bool
    checks: bool = False
    """True if it changes nothing, and is done again in each run that needs it."""


def steps(move: Move) -> list[Step]:
    """Return the steps of a move in their order."""
    return [*_before(move), *_after(move)]


def next_step(move: Move, passed: Collection[str]) -> Step | None:
    """Return the first step that is left, but for checks that have passed."""
    return next((e for e in steps(move) if not e.done and e.key not in passed), None)


def notes(move: Move) -> list[str]:
    """Return what no fact shows before the first change."""
    fails = "conditions on session tags fail with IRSA"
    if move.to_pod_identity:
        fails = "conditions on the token fail, and roles that they assume must allow sts:TagSession"
    unread = f"not read: policies of buckets, KMS keys and roles that the Pods use; {fails}"
    return [unread, *(f"not asked: {each}" for each in move.unasked)]


def standing(move: Move) -> str:
    """Return what is there in the middle of a move, and the commands that go on and back."""
    named = "" if move.account.role_arn else "not "
    found = f"association {move.association.id}" if move.association else "no association"
    command, [back] = f"`{PROGRAM} move {move.title} --yes --to", {*NAMES} - {move.to}
    trusts = {move.to: move.trusts_wanted, back: move.trusts_unwanted}
    trusted = " and ".join(text for to, text in NAMES.items() if trusts[to]) or "neither way"
    ways = f"go on with {command} {move.to}`, or back with {command} {back}`"
    state = f"{move.title} is {named}annotated and has {found}"
    return f"{state}, and role {move.role.arn} trusts it by {trusted}; {ways}"


def _before(move: Move) -> Iterator[Step]:
    role, account = move.role.name, move.title
    trusts = move.trusts_wanted
    if move.to_pod_identity:
        associated = move.association is not None
        yield Step("trust", f"role {role} trusts EKS for {account}", trusts)
        yield Step("associate", f"an association gives the role to {account}", associated)
        yield _session(move, "session", done=not move.old)
    else:
        named = move.account.role_arn == move.role.arn
        gone = move.association is None
        yield Step("trust", f"role {role} trusts the tokens of {account}", trusts)
        yield Step("annotate", f"{account} is annotated with the role", named)
        yield _session(move, "session", done=gone and not move.old)
        yield Step("dissociate", "the association is deleted", gone)


def _after(move: Move) -> Iterator[Step]:
    given, old = f"the credentials of {NAMES[move.to]}", move.old
    yield Step("gate", f"{IN_A_ROW} trial Pods in a row get {given}", not old, checks=True)
    yield Step("restart", f"every Pod is restarted and has {given}", not old)
    trusted = move.trusts_unwanted
    removed = not trusted or without_caller(move.role, move.unwanted) is None
    named = move.to_pod_identity and bool(move.account.role_arn)
    ended = removed and not named and not old
    over = not old and move.over <= move.facts.now
    until = "" if old or not move.owners else f" at {clock(move.over)}"
    yield _session(move, "session-again", done=ended)
    yield Step("wait", f"tokens and sessions of the old Pods are over{until}", ended or over)
    if move.to_pod_identity:
        yield Step("unannotate", "the annotation of the role is removed", not named)
    by = f"{move.title} by {move.unwanted.source}"
    text = f"role {move.role.name} does not trust {by}"
    if removed and trusted:
        text = f"others have access by the statement that trusts {by}: it stays, narrow it by hand"
    yield Step("distrust", text, removed)


def _session(move: Move, key: str, *, done: bool) -> Step:
    by = "EKS" if move.to_pod_identity else "STS"
    return Step(key, f"{by} gives a running Pod's token a session of the role", done, checks=True)


def clock(moment: float) -> str:
    """Return a moment as text."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_TO_POD_IDENTITY = """\
1. add, and run `pulumi up`, which updates the Pods once they get the credentials:
   ServiceAccountRoleArgs(…, cluster_arns=["{cluster}"])
   association = PodIdentityAssociation("{name}", PodIdentityAssociationArgs(
       cluster_arn="{cluster}", role_arn=role.role_arn,
       service_account=ServiceAccount(namespace="{namespace}", name="{name}")))
   WorkloadArgs(…, pod_identity=PodIdentityArgs(
       association_id=association.association_id, kubeconfig=…))
2. restart the Pods that it did not replace:
{restarts}
3. when the step `wait` is done, remove, and run `pulumi up`:
   ServiceAccountRoleArgs(provider_arns=["{provider}"])
   WorkloadArgs(role_arn=…)"""
_TO_IRSA = """\
1. add, and run `pulumi up`:
   ServiceAccountRoleArgs(…, provider_arns=["{provider}"])
   WorkloadArgs(…, role_arn=role.role_arn)
2. remove, and run `pulumi up`:
   PodIdentityAssociation(…)
   WorkloadArgs(pod_identity=…)
3. restart the Pods, when a minute has passed:
{restarts}
4. when the step `wait` is done, remove, and run `pulumi up`:
   ServiceAccountRoleArgs(cluster_arns=["{cluster}"])"""


def owned(move: Move, stack: Stack | None) -> list[Resource]:
    """Return the resources of a move that a stack owns."""
    changed = [
        Resource("role", move.role.arn),
        Resource("association", f"{cluster_arn(move.facts.cluster_arn).name}:{move.title}"),
        Resource("annotation", move.title),
        *(Resource(each.kind, f"{move.facts.namespace}/{each.name}") for each in move.owners),
    ]
    return [each for each in changed if stack and each in stack.owned]


def program(move: Move, found: list[Resource]) -> list[str]:
    """Return the changes of the program, by one `pulumi up` after the other."""
    namespace, name = move.facts.account
    restart = f"   kubectl rollout restart --namespace {namespace}"
    text = (_TO_POD_IDENTITY if move.to_pod_identity else _TO_IRSA).format(
        cluster=move.facts.cluster_arn,
        provider=move.provider_arn,
        namespace=namespace,
        name=name,
        restarts="\n".join(f"{restart} {each.target}" for each in move.owners if each.rolls),
    )
    owner = f"{', '.join(map(str, found))}: the stack has it; change its program"
    return [owner, *text.splitlines()]
