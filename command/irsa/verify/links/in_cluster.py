"""The links inside the cluster: service account, annotation, webhook, and what became of the Pods.

Pure. What the webhook does and leaves alone:
https://github.com/aws/amazon-eks-pod-identity-webhook/blob/v0.6.17/README.md
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches

from irsa.observe.facts import PENDING, RUNNING, Pod, Unread
from irsa.observe.pod_spec import access_key, needed
from irsa.verify.containers import NO_POD, SHOWN, containers_of, names, pods_named, pods_that
from irsa.verify.facts import ByToken, Facts
from irsa.verify.link import Check, Link, Remedy, irsa, unique
from irsa.verify.remedies.pod import annotate, if_in_template, kubectl, restart, set_account
from irsa.verify.remedies.trust import SIMILAR, found_role, name_role
from irsa_core.identity.arns import parse_role_arn
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION


def service_account(facts: Facts) -> Link:
    """Check whether there is a service account at all."""
    check = Check("service-account", f"service account {facts.namespace}/{facts.name}")
    account = facts.service_account
    if isinstance(account, Unread):
        return check.unknown(account)
    if account is None:
        if nearest := _nearest(facts):
            return check.failed(*nearest)
        role_arn = facts.expected_role if isinstance(facts, ByToken) else ""
        words, kind = ("create", "serviceaccount", facts.name), "service account"
        return check.failed(
            "no such service account",
            "create it, or correct the name; a trust policy names it exactly",
            kubectl(facts, *words, kind=kind, name=facts.name),
            *(annotate(facts, role_arn) or restart(facts)),
        )
    return check.passed("it exists")


def _nearest(facts: Facts) -> tuple[str, Remedy] | None:
    """The missing namespace, or a service account of a similar name, and the next question; None
    for a name that Pods or controllers use."""
    used = any(user.service_account == facts.name for user in (*facts.judged, *facts.owners))
    if used or not isinstance(facts.existing, tuple):
        return None
    there = [account for account in facts.existing if account.namespace == facts.namespace]
    titles = {"/".join(ref[bool(there) :]): "/".join(ref) for ref in there or facts.existing}
    title = "/".join(facts.account[bool(there) :])
    near = [titles[e] for e in get_close_matches(title, titles, SHOWN) if "default" not in e]
    if there and not near:
        return None
    text = "no such service account" if there else f"there is no namespace {facts.namespace}"
    remedy = f"correct the name: there is {names(near)}" if near else "correct the namespace"
    return text, Remedy(remedy, tuple(irsa("verify", name) for name in near[:1]))


def annotation(facts: ByToken) -> Link:
    """Check whether the service account's annotation names the role."""
    check = Check(
        "annotation", f"{ROLE_ARN_ANNOTATION}={facts.expected_role or 'the ARN of a role'}"
    )
    account = facts.service_account
    if account is None or isinstance(account, Unread):
        return check.unknown("the service account was not read")
    value, profile = account.role_arn, facts.own_profile
    if not value and profile:
        check = Check("annotation", "no annotation: a profile names the role")
        text = f"profile {profile.name} names {profile.role_arn!r}, which is not the ARN of a role"
        failed = check.failed(text, "correct the profile and restart the Pods")
        return check.passed() if facts.role_arn else failed
    if not value:
        return _no_annotation(facts, check, account.annotations)
    if not parse_role_arn(value):
        text = f"{value!r} is not the ARN of a role; the webhook injects it all the same"
        return check.failed(f"{text}{found_role(facts)}", name_role(facts, facts.expected_role))
    if facts.expected_role and value != facts.expected_role:
        trusting = () if isinstance(facts.trusting, Unread) else facts.trusting
        if not facts.found_role and value in {role.arn for role in trusting}:
            text = f"it names {value}, which trusts the service account, and {facts.role_arn} not"
            again = irsa("verify", "/".join(facts.account), "--role-b", facts.role_arn)
            return check.failed(text, "if the Pods assume the other role from it, ask so", again)
        text = f"it names {value}{found_role(facts)}"
        return check.failed(text, name_role(facts, facts.expected_role))
    return check.passed(value)


def _no_annotation(facts: ByToken, check: Check, annotations: Mapping[str, str]) -> Link:
    misspelt = {
        key: value
        for key, value in annotations.items()
        if key != ROLE_ARN_ANNOTATION and parse_role_arn(value)
    }
    role_arn = facts.expected_role or next(iter(misspelt.values()), "")
    wrong = f"the annotation is misspelt: {', '.join(misspelt)}"
    text = wrong if misspelt else "no such annotation"
    if facts.cluster_arn and facts.association is None:
        text += ", and no EKS Pod Identity association"
    text += f"; {facts.association.text}" if isinstance(facts.association, Unread) else ""
    text += found_role(facts)
    keys = [access_key(container.given) for container in containers_of(facts)]
    if not role_arn and any(keys):
        return check.unknown(f"{text}; the Pods use an access key, and nothing names a role")
    return check.failed(text, name_role(facts, role_arn, *(f"{key}-" for key in misspelt)))


PATIENCE = 300.0
"""Seconds after which a Pod that is still starting is taken for one that will not."""
CRASHES = "CrashLoopBackOff"
"""Its cause is in the program, or in the role, which other links check."""
STARTING = ("", "ContainerCreating", "PodInitializing")


def running_pod(facts: Facts) -> Link:
    """Check whether a Pod runs as the service account, and no newer one is stuck."""
    expected = f"a Pod with serviceAccountName {facts.name} in namespace {facts.namespace}"
    check, pods = Check("pod", expected), facts.judged
    if isinstance(facts.pods, Unread):
        return check.unknown(facts.pods)
    for problem in (_wrong_account, _cannot_be_made, _stuck, _kept):
        if failure := problem(facts, pods):
            return check.failed(*failure)
    running = [pod for pod in pods if pod.phase == RUNNING]
    pending = [pod for pod in pods if pod.phase == PENDING]
    if not running:
        text, remedy = _nothing_runs(facts, pending)
        link, other = check.unknown(text, remedy=remedy), None if pods else _other_account(facts)
        return replace(link, remedy=other) if other else link
    outdated = [pod for pod in running if pod.outdated]
    if outdated:
        text = f"{pods_that(outdated, 'is', 'are')} of an older template: a rollout is under way"
        return check.unknown(text, remedy="ask again when it has finished")
    crashing = names(pod.name for pod in running if pod.reason == CRASHES)
    starting = names(pod.name for pod in pending)
    text = f"{pods_named(running)}{f'; in {CRASHES}: {crashing}' if crashing else ''}"
    return check.passed(f"{text}{f'; starting: {starting}' if starting else ''}")


Failure = tuple[str, Remedy]


def _wrong_account(facts: Facts, pods: Sequence[Pod]) -> Failure | None:
    """Pods of the Deployment in question that run as another service account."""
    wrong = [pod for pod in pods if pod.service_account != facts.name]
    if not wrong:
        return None
    accounts = names(pod.service_account for pod in wrong)
    owners = {pod.owner.title for pod in wrong if pod.owner}
    of = f"of {names(owners)} " if owners else ""
    commands = unique(command for pod in wrong for command in set_account(facts, pod))
    has = [e for e in wrong if not e.owner or e.owner.service_account == e.service_account]
    remedy = if_in_template(wrong[0], has, "set the service account in the Pod template", commands)
    return f"{pods_that(wrong, f'{of}runs', f'{of}run')} as {accounts}", remedy


def _cannot_be_made(facts: Facts, pods: Sequence[Pod]) -> Failure | None:
    """Its controller says that the API server refuses the Pods."""
    owners = [owner for owner in facts.owners if owner.name == facts.deployment]
    if not facts.deployment:
        owners = [owner for owner in facts.owners if owner.service_account == facts.name]
    for owner in (*owners, *(pod.owner for pod in pods if pod.owner)):
        if owner.trouble:
            fix = "correct what that message names; the controller then tries again by itself"
            return f"{owner.title} cannot make Pods: {owner.trouble}", Remedy(fix)
    return None


def _stuck(facts: Facts, pods: Sequence[Pod]) -> Failure | None:
    """A Pod that does not start, and whether an older one still serves in its place."""
    pending = [pod for pod in pods if pod.phase == PENDING]
    stuck = [(pod, why) for pod in pending if (why := _blocking_reason(facts, pod))]
    if not stuck:
        return None
    pod, (why, remedy) = stuck[0]
    text = f"Pod {pod.name} is Pending: {why}"
    if len(stuck) > 1:
        text += f" (so {'is' if len(stuck) == 2 else 'are'} {names(e.name for e, _ in stuck[1:])})"
    running = [other for other in pods if other.phase == RUNNING]
    older = [other for other in running if other.outdated and other.owner == pod.owner]
    if older:
        still = pods_that(older, "still runs", "still run")
        text += f"; the rollout is stuck, and {still} the older template"
    elif running:
        text += f"; {pods_that(running, 'runs', 'run')}"
    return text, Remedy(remedy)


def _blocking_reason(facts: Facts, pod: Pod) -> tuple[str, str] | None:
    """Return why a Pending Pod cannot start, and the remedy; None while it may start."""
    missing = [
        f"{ref.kind} {ref.name}"
        for ref in needed(pod.spec)
        if (ref.kind, ref.name) in facts.objects and facts.objects[ref.kind, ref.name] is None
    ]
    if missing:
        return (f"there is no {names(missing)}", "create it, or take it out of the Pod template")
    said = f"{pod.reason}: {pod.message}" if pod.message else pod.reason
    if pod.reason not in STARTING and pod.reason != CRASHES:
        return said, "correct what that message names; the Pod then starts by itself"
    age = facts.now - datetime.fromisoformat(pod.created).timestamp() if pod.created else 0.0
    if pod.reason != CRASHES and age > PATIENCE:
        command = f"kubectl describe pod {pod.name} --namespace {facts.namespace}"
        return f"{said or 'starting'} for {age:.0f} s now", f"see its Events: {command}"
    return None


def _kept(facts: Facts, pods: Sequence[Pod]) -> Failure | None:
    """Pods of an older template that no rollout replaces."""
    older = [(pod, pod.owner) for pod in pods if pod.outdated and pod.owner]
    for pod, owner in older:
        if owner.paused:
            text = f"the rollouts of {owner.title} are paused, and {pods_named([pod])} is of an "
            resume = kubectl(facts, "rollout", "resume", owner.target)
            return f"{text}older template", Remedy("resume them", (resume,))
    kept = [(pod, owner.title) for pod, owner in older if owner.on_delete]
    if not kept:
        return None
    owners, are = names(e for _, e in kept), pods_that((pod for pod, _ in kept), "is", "are")
    text = f"{owners} replaces Pods only once they are deleted (OnDelete), and {are} of an older "
    deletions = tuple(kubectl(facts, "delete", "pod", pod.name) for pod, _ in kept)
    return f"{text}template", Remedy("delete them", deletions)


def _other_account(facts: Facts) -> Remedy | None:
    """A Deployment of a similar name, which runs as another service account."""
    others = {e.name: e for e in facts.owners if e.service_account != facts.name}
    near = get_close_matches(facts.name, others, 1, SIMILAR)
    own = any(each.service_account == facts.name for each in facts.owners)
    if not near or facts.deployment or own:
        return None
    text = f"if {others[near[0]].title}, which runs as {others[near[0]].service_account}, should"
    again = irsa("verify", "/".join(facts.account), "--deployment", near[0])
    return Remedy(f"{text} run as {facts.name}, ask about it", (again,))


def _nothing_runs(facts: Facts, pending: Sequence[Pod]) -> tuple[str, str]:
    if pending:
        pod = pending[0]
        if pod.reason == CRASHES:
            see = f"kubectl logs --all-containers --namespace {facts.namespace} {pod.name}"
            text = f"Pod {pod.name} is Pending: an init container keeps failing"
            return text, f"see its log: {see}"
        return f"{pods_that(pending, 'is', 'are')} starting", "ask again when it runs"
    if facts.deployment and facts.deployment not in {owner.name for owner in facts.owners}:
        return f"there is no Deployment {facts.deployment}", "correct the name, or create it"
    pods = () if isinstance(facts.pods, Unread) else facts.pods
    listed = [pod for pod in pods if pod.service_account == facts.name]
    over = [pod for pod in listed if not pod.ending and not pod.lives]
    if over:
        return f"{NO_POD}: {pods_that(over, 'has', 'have')} ended", "ask while one runs"
    if listed:
        return f"{NO_POD}: {pods_that(listed, 'is', 'are')} being deleted", "ask again in a moment"
    return NO_POD, "start one, or see the Events of what makes the Pods"
