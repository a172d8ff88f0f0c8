"""The links inside the cluster: service account, annotation, webhook, and what became of the Pods.

Pure. What the webhook does and leaves alone:
https://github.com/aws/amazon-eks-pod-identity-webhook/blob/v0.6.17/README.md
"""

from collections.abc import Mapping

from irsa.identity.arns import parse_role_arn
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.observe.aws_config import Profile
from irsa.observe.facts import Answer, Role, Unread
from irsa.verify.facts import Facts, NotMade
from irsa.verify.link import Check, Link, confirmed
from irsa.verify.links.injection import injection
from irsa.verify.links.pod_identity import agent, association
from irsa.verify.links.precedence import precedence
from irsa.verify.links.running import running_pod
from irsa.verify.links.webhook import webhook
from irsa.verify.remedies.pod import annotate, create_account, restart


def in_cluster_links(facts: Facts, inside: Answer | Unread | NotMade) -> list[Link]:
    """The links up to the Pods, in the order in which they are made; ``inside`` is STS's answer
    within the Pod."""
    naming = (association, agent) if facts.by_association else (annotation,)
    checks = (service_account, *naming, webhook, running_pod, injection)
    reached = isinstance(inside, Answer) and inside.allowed
    links = [*(check(facts) for check in checks), precedence(facts, reached=reached)]
    proved = facts.pod and facts.nodes == {facts.pod.spec.get("nodeName")}
    but = "the AWS CLI in the Pod has a session"
    return [confirmed(e, inside, but) if proved and e.key == "agent" else e for e in links]


def service_account(facts: Facts) -> Link:
    """Check whether there is a service account at all."""
    check = Check("service-account", f"service account {facts.namespace}/{facts.name}")
    account = facts.service_account
    if isinstance(account, Unread):
        return check.unknown(account)
    if account is None:
        return check.failed(
            "no such service account",
            "create it, or correct the name; a trust policy names it exactly",
            create_account(facts),
            *annotate(facts, "" if facts.by_association else facts.expected_role),
            *restart(facts),
        )
    return check.passed("it exists")


def annotation(facts: Facts) -> Link:
    """Check whether the service account's annotation names the role."""
    check = Check(
        "annotation", f"{ROLE_ARN_ANNOTATION}={facts.expected_role or 'the ARN of a role'}"
    )
    account = facts.service_account
    if account is None or isinstance(account, Unread):
        return check.unknown("the service account was not read")
    if facts.own_profile and facts.profile_only:
        return _no_annotation_needed(facts, facts.own_profile)
    value = account.role_arn
    if not value:
        return _no_annotation(facts, check, account.annotations)
    if not parse_role_arn(value):
        return _no_role_arn(facts, check, value)
    if facts.expected_role and value != facts.expected_role:
        return check.failed(
            f"it names {value}",
            "annotate the service account with the right role, and restart the Pods",
            *annotate(facts, facts.expected_role),
            *restart(facts),
        )
    return check.passed(value)


def _no_annotation_needed(facts: Facts, own: Profile) -> Link:
    check = Check("annotation", "no annotation: a profile names the role")
    if facts.role_arn:
        return check.passed()
    text = f"profile {own.name} names {own.role_arn!r}, which is not the ARN of a role"
    return check.failed(text, "correct the profile and restart the Pods")


def _no_role_arn(facts: Facts, check: Check, value: str) -> Link:
    """An ARN of something else, or one in quotes; the role that it means, if that is certain."""
    meant, candidate = facts.expected_role, facts.candidate
    if not meant and isinstance(candidate, Role):
        meant = candidate.arn
    if not meant and facts.meant_role and facts.meant_role in value:
        meant = facts.meant_role  # the very text, without what is around it
    remedy = "annotate the service account with the role's ARN, and restart the Pods"
    said = parse_role_arn(facts.meant_role)
    if not meant and said:
        remedy += (
            f"; it seems to be that of role {said.name} in account {said.account}, with the role's "
            "path if it has one"
        )
    commands = [*annotate(facts, meant), *restart(facts)] if meant else []
    text = f"{value!r} is not the ARN of a role; the webhook injects it all the same"
    return check.failed(text, remedy, *commands)


def _no_annotation(facts: Facts, check: Check, annotations: Mapping[str, str]) -> Link:
    misspelt = {
        key: value
        for key, value in annotations.items()
        if key != ROLE_ARN_ANNOTATION and parse_role_arn(value)
    }
    role_arn = facts.expected_role or next(iter(misspelt.values()), "")
    text = (
        f"the annotation is misspelt: {', '.join(misspelt)}" if misspelt else "no such annotation"
    )
    commands = annotate(facts, role_arn, *(f"{key}-" for key in misspelt))
    remedy = "annotate the service account and restart the Pods: the webhook acts on new ones only"
    if not commands:
        remedy += "; with --role-arn the commands are printed"
    return check.failed(text, remedy, *commands, *(restart(facts) if commands else ()))
