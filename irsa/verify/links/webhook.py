"""The link `webhook`: whether the pod identity webhook is there to mutate Pods. Pure.

On EKS it runs on the control plane, and is called by URL; elsewhere it is a Service of the cluster.
https://github.com/aws/amazon-eks-pod-identity-webhook/tree/v0.6.17/deploy
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from collections.abc import Mapping, Sequence

from irsa.identity.eks import ROLE_ARN_VARIABLE, SKIP_LABEL, TOKEN_VOLUME
from irsa.identity.policy_json import Json
from irsa.observe.facts import Pod, ServiceAccount, Unread, Webhook
from irsa.observe.pod_spec import containers, variables
from irsa.verify.facts import Facts
from irsa.verify.link import Check, Link
from irsa.verify.links.problems import pods_named, pods_that
from irsa.verify.remedies.pod import restart_of
from irsa.verify.remedy import unique

POD_IDENTITY_VOLUME = "eks-pod-identity-token"
"""Volume that the webhook adds for a service account with a Pod Identity association."""


def webhook(facts: Facts) -> Link:
    """Check whether the webhook is registered for these Pods, and whether it acts on them."""
    check = Check("webhook", "a MutatingWebhookConfiguration that calls it when Pods are created")
    if facts.profile_only:
        return check.passed("not needed: a profile reads the Pod's own token")
    entry = facts.webhook
    worked = [pod for pod in facts.judged if was_mutated(pod)]
    if isinstance(entry, Unread) or entry is None:
        return _not_seen(check, entry, worked)
    for problem in (_not_for_pods, _not_for_namespace, _not_for_labels, _no_endpoints, _silent):
        link = problem(entry, check, facts)
        if link is not None:
            return link
    how = "calls it by URL, as EKS does" if entry.endpoints is None else "its Service is ready"
    text = f"{entry.configuration} {how}; failurePolicy {_policy(entry)}"
    if isinstance(entry.endpoints, Unread):
        text = f"{entry.configuration} is registered; {entry.endpoints.text}"
        if not worked:
            return check.unknown(entry.endpoints)
    return check.passed(text)


def was_mutated(pod: Pod) -> bool:
    """Return whether a Pod has the volume or a role that its template does not give it."""
    template: Json = pod.template["spec"] if pod.template else {}
    if touched(pod.spec) and not touched(template):
        return True
    return bool(_with_role(pod.spec) - _with_role(template))


def _with_role(spec: Json) -> set[str]:
    listed = containers(spec)
    return {each.name for each in listed if ROLE_ARN_VARIABLE in variables(each.spec)}


def _not_seen(check: Check, unread: Unread | None, worked: Sequence[Pod]) -> Link:
    if worked:
        text = unread.text if unread else "no configuration has its name"
        return check.passed(f"{text}; but {pods_that(worked, 'was', 'were')} mutated")
    if unread is not None:
        return check.unknown(unread)
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
    if selects(selector, labels):
        return None
    return check.failed(
        f"the namespaceSelector of {entry.configuration} leaves namespace {facts.namespace} out",
        "label the namespace as that selector asks, and restart the Pods",
    )


def _not_for_labels(entry: Webhook, check: Check, facts: Facts) -> Link | None:
    selector: Json = entry.document.get("objectSelector") or {}
    # The label that is meant for this is another link's finding.
    out = [
        pod
        for pod in facts.judged
        if SKIP_LABEL not in pod.labels and not selects(selector, pod.labels)
    ]
    if not out:
        return None
    return check.failed(
        f"the objectSelector of {entry.configuration} leaves {pods_named(out)} out",
        "label the Pod template as that selector asks",
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
    """Pods that were created after the annotation, and that were not mutated."""
    account = facts.service_account
    if not isinstance(account, ServiceAccount) or not account.annotated_at or not account.role_arn:
        return None
    left = [
        pod
        for pod in facts.judged
        if pod.service_account == facts.name
        and pod.created > account.annotated_at
        and SKIP_LABEL not in pod.labels
        and not touched(pod.spec)
    ]
    if not left:
        return None
    return check.failed(
        f"{pods_that(left, 'was', 'were')} created after the annotation, and not mutated: the "
        f"webhook of {entry.configuration} does not answer (failurePolicy {_policy(entry)})",
        "restart the Pods once, as it reads service accounts from a cache that can lag behind; if "
        "that does not help, repair the webhook (on EKS it belongs to the control plane: the "
        "API server's log says 'failed calling webhook')",
        *unique(command for pod in left for command in restart_of(facts, pod)),
    )


def touched(spec: Json) -> bool:
    """Return whether the webhook has been at a Pod at all: it adds the volume even if it skips."""
    volumes: list[Json] = spec.get("volumes") or []
    return any(volume["name"] in (TOKEN_VOLUME, POD_IDENTITY_VOLUME) for volume in volumes)


def selects(selector: Json, labels: Mapping[str, str]) -> bool:
    """Return whether a label selector takes something with these labels.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
    """
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    rules: list[Json] = selector.get("matchExpressions") or []
    return all(labels.get(k) == v for k, v in wanted.items()) and all(
        _meets(rule, labels) for rule in rules
    )


def _meets(rule: Json, labels: Mapping[str, str]) -> bool:
    value = labels.get(rule["key"])
    values: Sequence[str] = rule.get("values") or ()
    match rule["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None
