"""The link `webhook`: whether the pod identity webhook is there to mutate Pods. Pure.

On EKS it runs on the control plane, and is called by URL; elsewhere it is a Service of the cluster.
https://github.com/aws/amazon-eks-pod-identity-webhook/tree/v0.6.17/deploy
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from collections.abc import Mapping, Sequence

from irsa.identity.eks import SKIP_LABEL
from irsa.identity.policy_json import Json
from irsa.observe.facts import Pod, Unread, Webhook
from irsa.observe.pod_spec import containers, is_touched
from irsa.verify.facts import Facts
from irsa.verify.link import Check, Link
from irsa.verify.links.containers import is_injected, pods_named, pods_that
from irsa.verify.remedies.pod import label_namespace, restart

NAME_LABEL = "kubernetes.io/metadata.name"
"""Label of a namespace that the API server sets to its name."""


def webhook(facts: Facts) -> Link:
    """Check whether the webhook is registered for these Pods, and whether it acts on them."""
    check = Check("webhook", "a MutatingWebhookConfiguration that calls it when Pods are created")
    if facts.profile_only:
        return check.passed("not needed: a profile reads the Pod's own token")
    entry = facts.webhook
    if isinstance(entry, Unread) or entry is None:
        return _not_seen(check, entry, facts)
    for problem in (_not_for_pods, _not_for_namespace, _not_for_labels, _no_endpoints, _silent):
        link = problem(entry, check, facts)
        if link is not None:
            return link
    how = "calls it by URL, as EKS does" if entry.endpoints is None else "its Service is ready"
    text = f"{entry.configuration} {how}; failurePolicy {_policy(entry)}"
    if isinstance(entry.endpoints, Unread):
        text = f"{entry.configuration} is registered; {entry.endpoints.text}"
        if not _works(facts):
            return check.unknown(entry.endpoints)
    return check.passed(text)


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


def _not_for_pods(entry: Webhook, check: Check, *_: Facts) -> Link | None:
    rules: list[Json] = entry.document.get("rules") or []
    if any(
        _has(rule, "apiGroups", "")
        and _has(rule, "operations", "CREATE")
        and (_has(rule, "resources", "pods") or _has(rule, "resources", "*/*"))
        for rule in rules
    ):
        return None
    return check.failed(
        f"{entry.configuration} has no rule for CREATE of pods",
        "register it as its documentation says",
    )


def _has(rule: Json, field: str, value: str) -> bool:
    listed: list[str] = rule.get(field) or []
    return value in listed or "*" in listed


def _not_for_namespace(entry: Webhook, check: Check, facts: Facts) -> Link | None:
    selector: Json = entry.document.get("namespaceSelector") or {}
    labels = entry.namespace_labels
    if not selector or labels is None:
        return None
    if isinstance(labels, Unread):
        mutated = any(was_mutated(pod) for pod in facts.judged)
        return None if mutated else check.unknown(labels)
    changes = unmet(selector, labels)
    if not changes:
        return None
    text = f"the namespaceSelector of {entry.configuration} leaves namespace {facts.namespace} out"
    if any(change.startswith(NAME_LABEL) for change in changes):
        return check.failed(f"{text} by its name", "change the selector, or take another namespace")
    return check.failed(
        text,
        f"{_spelt(changes)} on the namespace, and restart the Pods",
        label_namespace(facts, changes),
        *restart(facts),
    )


def _not_for_labels(entry: Webhook, check: Check, facts: Facts) -> Link | None:
    selector: Json = entry.document.get("objectSelector") or {}
    # The label that is meant for this is another link's finding.
    out = [
        pod for pod in facts.judged if SKIP_LABEL not in pod.labels and unmet(selector, pod.labels)
    ]
    if not out:
        return None
    return check.failed(
        f"the objectSelector of {entry.configuration} leaves {pods_named(out)} out",
        f"{_spelt(unmet(selector, out[0].labels))} on the Pod template",
    )


def _no_endpoints(entry: Webhook, check: Check, *_: Facts) -> Link | None:
    if entry.endpoints != 0:
        return None
    service: Json = entry.document["clientConfig"]["service"]
    effect = (
        "so Pods silently start without the role"
        if _policy(entry) == "Ignore"
        else "so no Pod can be created"
    )
    where = f"{service['namespace']}/{service['name']}"
    return check.failed(
        f"Service {where} has no ready endpoint, failurePolicy {_policy(entry)}: {effect}",
        f"see why the webhook's Pods in namespace {service['namespace']} are not ready; restart "
        "the workload's Pods afterwards",
    )


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
    "repair the webhook (on EKS it belongs to the control plane: the API server's log says "
    "'failed calling webhook'), and ask again"
)


def unmet(selector: Json, labels: Mapping[str, str]) -> list[str]:
    """Return the labels that a selector lacks, as `kubectl label` takes them: ``key=value`` to set
    one and ``key-`` to remove one.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
    """
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    rules: list[Json] = selector.get("matchExpressions") or []
    return [
        *(f"{key}={value}" for key, value in wanted.items() if labels.get(key) != value),
        *(change for rule in rules if (change := _unmet(rule, labels))),
    ]


def _unmet(rule: Json, labels: Mapping[str, str]) -> str:
    key = rule["key"]
    value = labels.get(key)
    values: Sequence[str] = rule.get("values") or [""]
    match rule["operator"]:
        case "In":
            return "" if value in values else f"{key}={values[0]}"
        case "NotIn":
            return f"{key}-" if value in values else ""
        case "Exists":
            return f"{key}=true" if value is None else ""
        case _:
            return "" if value is None else f"{key}-"


def _spelt(changes: Sequence[str]) -> str:
    texts = (f"remove label {e[:-1]}" if e.endswith("-") else f"set label {e}" for e in changes)
    return " and ".join(texts)
