"""The link `webhook`: whether the pod identity webhook is there to mutate Pods. Pure.

Rules, selectors and endpoints of its registration are not judged: a Pod that is tried by dryRun
shows whether they fit.
https://github.com/aws/amazon-eks-pod-identity-webhook/tree/v0.6.17/deploy
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from irsa.identity.policy_json import Json
from irsa.observe.facts import Pod, Unread, Webhook
from irsa.observe.pod_spec import containers, is_touched
from irsa.verify.facts import Facts
from irsa.verify.link import Check, Link
from irsa.verify.links.containers import is_injected, pods_that


def webhook(facts: Facts) -> Link:
    """Check whether the webhook is registered for these Pods, and whether it acts on them."""
    check = Check("webhook", "a MutatingWebhookConfiguration that calls it when Pods are created")
    if facts.profile_only:
        return check.passed("not needed: a profile reads the Pod's own token")
    entry = facts.webhook
    if isinstance(entry, Unread) or entry is None:
        return _not_seen(check, entry, facts)
    return _silent(entry, check, facts) or check.passed(
        f"{entry.configuration} is registered; failurePolicy {_policy(entry)}"
    )


def _works(facts: Facts) -> str:
    """Return the webhook's effect as a sentence; empty when nothing shows that it works."""
    worked = [pod for pod in facts.judged if was_mutated(pod)]
    if worked:
        return f"{pods_that(worked, 'was', 'were')} mutated"
    if isinstance(facts.next_pod, dict) and is_touched(facts.next_pod):
        return "a Pod that is made now is mutated"
    return ""


def was_mutated(pod: Pod) -> bool:
    """Return whether a Pod has a volume or an identity that its template does not give it."""
    template: Json = pod.template["spec"] if pod.template else {}
    if is_touched(pod.spec) and not is_touched(template):
        return True
    return bool(_with_identity(pod.spec) - _with_identity(template))


def _with_identity(spec: Json) -> set[str]:
    return {each.name for each in containers(spec) if is_injected(each)}


def _not_seen(check: Check, unread: Unread | None, facts: Facts) -> Link:
    works, text = _works(facts), unread.text if unread else "no configuration has its name"
    if works:
        return check.passed(f"{text}; but {works}")
    if unread is not None and not isinstance(facts.next_pod, dict):
        return check.unknown(unread)
    if unread is not None:
        return check.failed(f"{text}; and a Pod that is made now is not mutated", REPAIR)
    return check.failed(
        "there is none, so no Pod is mutated",
        "on EKS it belongs to the control plane: ask AWS; elsewhere install "
        "amazon-eks-pod-identity-webhook; then restart the Pods",
    )


def _policy(entry: Webhook) -> str:
    return entry.document.get("failurePolicy", "Fail")


def _silent(entry: Webhook, check: Check, facts: Facts) -> Link | None:
    """Pods that were not mutated, and a Pod that is made now is not mutated either.

    Without a try, Pods that are newer than annotation or association show it.
    """
    tried, left, since = facts.next_pod, facts.unmutated, facts.named_at
    newer = [pod for pod in left if since and pod.created > since]
    said, repair = tried.reason if isinstance(tried, Unread) else "", REPAIR
    if not left or (isinstance(tried, dict) and is_touched(tried)):
        return None
    if isinstance(tried, dict):
        found = "a Pod that is made now is not mutated"
    elif f'calling webhook "{entry.document["name"]}"' in said:
        found = f"no Pod can be made now ({said})"
    elif newer:
        found = (
            f"{pods_that(newer, 'was', 'were')} created after the {facts.named_by}, and not mutated"
        )
        repair = f"restart the Pods once, as its cache can lag; if that does not help, {REPAIR}"
    else:
        return None
    text = f"{found}: the webhook of {entry.configuration} does not answer, or misses the account"
    return check.failed(f"{text} (failurePolicy {_policy(entry)})", repair)


REPAIR = (
    "repair the webhook, and ask again: compare rules and selectors of its "
    "MutatingWebhookConfiguration with its documentation; on EKS it belongs to the control plane, "
    "and the API server's log says 'failed calling webhook'"
)
