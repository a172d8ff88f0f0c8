"""The links `webhook` and `injection`: the webhook, and what it gave to each container. Pure.

Rules, selectors and endpoints of its registration are not judged: a Pod that is tried by dryRun
shows whether they fit. What it does and leaves alone:
https://github.com/aws/amazon-eks-pod-identity-webhook/blob/v0.6.17/README.md
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from collections.abc import Sequence

from irsa.observe.facts import Pod, Unread, Webhook
from irsa.observe.pod_spec import CONFIG, containers, is_touched, token_mounts, variables
from irsa.verify.containers import (
    NO_POD,
    Findings,
    PodContainer,
    Problem,
    containers_of,
    is_injected,
    link_of,
    names,
    pods_that,
    sort_containers,
)
from irsa.verify.facts import ByAssociation, ByToken, Facts
from irsa.verify.link import Check, Link, Status
from irsa.verify.links.precedence import ASK_INSIDE, REGIONS, chosen, region_of
from irsa.verify.remedies.pod import (
    AT_ADMISSION,
    change_env,
    change_template,
    if_in_template,
    remove_volume,
    restart_of,
    template_sets,
)
from irsa_core.identity import eks
from irsa_core.identity.injection import skipped_containers
from irsa_core.identity.policy_json import Json, mapping

REMOVE_PRESET = "remove what is set by hand; the webhook sets both"


def injection(facts: Facts) -> Link:
    """Check whether the webhook gave every container what SDKs need."""
    value = facts.injected[0] or "the role's ARN"
    expected = f"{facts.variables[0]}={value}, a token for {facts.service}, AWS_REGION and "
    check = Check("injection", f"{expected}AWS_DEFAULT_REGION")
    if not facts.judged:
        return check.unknown(NO_POD)
    if facts.profile_only:
        return _own_token(facts)
    judged, doubtful, left_out = sort_containers(facts)
    findings: Findings = {container: problem(container) for container in judged}
    findings |= {container: _doubtful(container) for container in doubtful}
    well = f"{pods_that(facts.judged, 'has', 'have')} them"
    well += f", in container {names(facts.containers)}" if facts.containers else ""
    for why, skipped in (("another webhook added", False), ("the program excludes", True)):
        listed = names(left.item.name for left in left_out if left.is_excluded is skipped)
        well += f"; not looked at: {listed}, which {why}" if listed else ""
    link, tried = link_of(check, findings, well), facts.next_pod
    if isinstance(facts, ByToken) or not isinstance(tried, dict):
        return link
    if link.status is not Status.PASSED:
        return link
    if _is_prepared(tried):
        return check.passed(f"{link.found}; a Pod that is made now gets them, too")
    text = f"{link.found}, but a Pod that is made now {_identity_of(tried)}"
    return check.failed(text, SEE_ASSOCIATION if facts.lacks_association else LATER)


SEE = "see the link {!r}: a restart does not help before"
SEE_ASSOCIATION = SEE.format("association")
LATER = (
    "ask again in a minute, as the webhook learns of an association with a delay; if that does "
    "not help, ask AWS"
)


def _is_prepared(spec: Json) -> bool:
    return any(eks.CREDENTIALS_URI_VARIABLE in variables(each.spec) for each in containers(spec))


def _identity_of(spec: Json) -> str:
    given = (variables(each.spec).get(eks.ROLE_ARN_VARIABLE) for each in containers(spec))
    role_arn = next(filter(None, given), "")
    return f"gets {role_arn} by IRSA" if role_arn else "gets no AWS identity"


def problem(container: PodContainer) -> Problem | None:
    """Return the first problem of a container; None when it has everything."""
    checks = (_skipped, _wrong_variables, _wrong_token, _no_region)
    return next(filter(None, (check(container) for check in checks)), None)


def _doubtful(container: PodContainer) -> Problem:
    name, key = container.item.name, eks.SKIP_CONTAINERS_ANNOTATION
    return Problem(
        f"annotation {key}={container.pod.annotations[key]} on the Pod keeps the webhook away from "
        f"{name}, and whether it needs the role cannot be known here",
        f"name the containers that need it with --container; with --container {name}, verify "
        "prints what to change",
        certain=False,
    )


def _skipped(container: PodContainer) -> Problem | None:
    """The Pod asks the webhook to leave it, or this container, alone."""
    pod, name = container.pod, container.item.name
    if eks.SKIP_LABEL in pod.labels:
        kind, key, value, left = "label", eks.SKIP_LABEL, pod.labels[eks.SKIP_LABEL], ""
        text = "remove the label from the Pod template"
    elif container.is_skipped:
        kind, key = "annotation", eks.SKIP_CONTAINERS_ANNOTATION
        value, skipped = pod.annotations[key], skipped_containers(pod.annotations)
        left = ",".join(item for item in skipped if item != name)
        text = f"take {name} out of that annotation of the Pod template"
    else:
        return None
    path = f"/metadata/{kind}s/{key.replace('/', '~1')}"
    commands = change_template(container.facts, pod, path, value=left)
    metadata = mapping((pod.template or {}).get("metadata"))
    by_template = mapping(metadata.get(f"{kind}s")).get(key) == value
    remedy = if_in_template(pod, by_template, text, commands)
    return Problem(f"{kind} {key}={value} on the Pod keeps the webhook away", *remedy)


def _wrong_variables(container: PodContainer) -> Problem | None:
    facts, pod, have = container.facts, container.pod, container.given
    name, file = facts.variables
    preset = [variable for variable in (name, file) if variable in container.set_by_hand]
    value = have[name].value if name in have else ""
    if value is None:
        text = f"{name} is taken from elsewhere, and its value cannot be known here"
        return Problem(text, ASK_INSIDE, certain=False)
    if preset and (value not in facts.injected or len(preset) == 1):
        more = "adds neither" if len(preset) == 1 else "leaves them as they are"
        return _set_by_hand(container, preset, end=f", so the webhook {more}")
    if not value:
        return _not_mutated(container)
    if value in facts.injected:
        return None
    since = facts.named_at
    if since and pod.created > since:
        return Problem(f"{name}={value}, although the Pod is newer", AT_ADMISSION)
    text = f"{name}={value}: the Pod is older than the {facts.named_by}"
    if value == facts.annotated_role and isinstance(facts, ByToken):
        return Problem(f"{name}={value}, as the annotation says", "see the link 'annotation'")
    if facts.role is None:  # a new Pod would lose what this one has
        return Problem(f"{text}, whose role does not exist", "see the link 'role'", (), False)
    return _restarted(container, text)


def _restarted(container: PodContainer, found: str, remedy: str = "restart the Pods") -> Problem:
    return Problem(found, remedy, restart_of(container.facts, container.pod))


def _set_by_hand(
    container: PodContainer, preset: Sequence[str], *, start: str = "", end: str = ""
) -> Problem:
    return Problem(
        f"{start}the Pod template sets {' and '.join(preset)} by hand{end}",
        REMOVE_PRESET,
        change_env(container, *(f"{name}-" for name in preset)),
    )


def _not_mutated(container: PodContainer) -> Problem:
    facts, pod = container.facts, container.pod
    named, since = facts.named_by, facts.named_at
    if since and pod.created > since:
        text = f"the Pod was not mutated, although it is newer than the {named}"
    elif since and pod.created and pod.created < since:
        text = f"the Pod was not mutated: it is older than the {named}"
    else:
        text = f"the Pod was not mutated: it is older than the {named}, or the webhook did not run"
    by_eks = isinstance(facts, ByAssociation)
    if by_eks and eks.ROLE_ARN_VARIABLE in container.given:
        text = f"{eks.ROLE_ARN_VARIABLE} instead: the webhook did not know the association yet"
    elif eks.CREDENTIALS_URI_VARIABLE in container.given:
        text = f"{eks.CREDENTIALS_URI_VARIABLE} instead: when the Pod was created, the service "
        text += "account had an EKS Pod Identity association, which wins over the annotation"
        if not facts.cluster_arn:
            return Problem(text, "delete the association if it is still there; restart the Pods")
    if by_eks and facts.lacks_association:
        return Problem(text, SEE_ASSOCIATION)
    if not by_eks and not facts.annotated_role:
        return Problem(text, SEE.format("annotation"))
    if webhook(facts).status is Status.FAILED:
        return Problem(text, SEE.format("webhook"))
    tried = facts.next_pod
    if by_eks and isinstance(tried, dict) and not _is_prepared(tried):
        return Problem(f"{text}; and a Pod that is made now {_identity_of(tried)}", LATER)
    return _restarted(container, text)


def _wrong_token(container: PodContainer) -> Problem | None:
    facts, (_, name) = container.facts, container.facts.variables
    variable = container.given.get(name)
    if variable is None or variable.value is None:
        state = "has no value" if variable else "is not set"
        remedy = "leave both variables to the webhook, and restart the Pods"
        return _restarted(container, f"{name} {state}", remedy)
    listed = token_mounts(container.pod.spec, container.item.spec)
    mounts = {mount.path: mount for mount in listed}
    # On Windows the variable has a drive and backslashes, the mount has neither.
    mount = mounts.get(variable.value.removeprefix("C:").replace("\\", "/"))
    if mount is None:
        where = f"the token for AWS is at {', '.join(mounts)}" if mounts else "no token is mounted"
        text = f"{name}={variable.value}, but {where}"
        preset = [variable for variable in facts.variables if variable in container.set_by_hand]
        by_hand = _set_by_hand(container, preset, start=f"{text}; ")
        return by_hand if preset else _remounted(container, text)
    if mount.audience == facts.audience:
        return None
    text = f"the Pod's token is for audience {mount.audience!r}, the service account asks for "
    return _remounted(container, f"{text}{facts.audience!r}")


def _remounted(container: PodContainer, found: str) -> Problem:
    """The webhook mounts its volume where the template has none of that name."""
    volume = container.facts.volume
    removal = remove_volume(container.facts, container.pod, volume)
    fix = f"remove volume {volume} from the Pod template; the webhook mounts it"
    return Problem(found, fix, removal) if removal else _restarted(container, found)


def _no_region(container: PodContainer) -> Problem | None:
    """A region is missing or empty: boto3 reads AWS_DEFAULT_REGION alone, the others AWS_REGION.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html
    """
    have, profiles = container.given, container.files.profiles
    values = {name: have[name].value for name in REGIONS if name in have}
    name = next(iter(chosen(have).values()))
    by_profile = profiles[name].region if name in profiles else ""
    missing = [e for e in REGIONS if e not in values and not by_profile]
    empty = [name for name in REGIONS if values.get(name) == ""]
    if not missing and not empty:
        return None
    region = next((region_of(value) or value for value in values.values() if value), "")
    lacking = [f"{name} is empty" for name in empty] or [f"no {name}" for name in missing]
    preset = [name for name in REGIONS if name in container.set_by_hand]
    if region:
        changes = [f"{name}={region}" for name in (*empty, *missing)]
    elif preset:
        changes = [f"{name}-" for name in preset]
    else:
        changes = [f"{name}={container.facts.region}" for name in missing]
    why = (
        "the webhook adds neither when one is set by hand"
        if preset
        else "without it SDKs do not know which STS to ask"
    )
    # Without AWS_DEFAULT_REGION alone, only boto3 has none, and which SDK runs is not known.
    certain = not region or missing != ["AWS_DEFAULT_REGION"]
    text = REMOVE_PRESET if preset and not region else "set both"
    text = text if certain else "if a Python program runs there, set both"
    by_template = template_sets(container, [name for name in empty if not have[name].whole])
    remedy = if_in_template(container.pod, by_template, text, change_env(container, *changes))
    return Problem(f"{' and '.join(lacking)}: {why}", *remedy, certain)


def _own_token(facts: Facts) -> Link:
    """Layout ``profile-only``: the Pod mounts a token of its own where its profile looks."""
    profile = facts.own_profile
    path = profile.web_identity_token_file if profile else ""
    check = Check("injection", f"a token for {eks.STS_AUDIENCE} at {path}")
    findings: dict[PodContainer, Problem | None] = {}
    for container in containers_of(facts):
        if facts.containers or container.read(CONFIG) is not None:
            listed = token_mounts(container.pod.spec, container.item.spec)
            mounts = {mount.path: mount.audience for mount in listed}
            mounted = ", ".join(f"{audience} at {at}" for at, audience in mounts.items())
            fix = "mount a projected token there, for that audience"
            missing = Problem(mounted or "no token", fix)
            findings[container] = None if mounts.get(path) == eks.STS_AUDIENCE else missing
    if not findings:
        return check.unknown("no container reads the AWS config file")
    return link_of(check, findings)


def webhook(facts: Facts) -> Link:
    """Check whether the webhook is registered for these Pods, and whether it acts on them."""
    check = Check("webhook", "a MutatingWebhookConfiguration that calls it when Pods are created")
    if facts.profile_only:
        return check.passed("not needed: a profile reads the Pod's own token")
    entry, tried = facts.webhook, facts.next_pod
    if isinstance(entry, Webhook):
        policy = f"failurePolicy {entry.document.get('failurePolicy', 'Fail')}"
        if silent := _silent(entry, facts):
            return check.failed(f"{silent.found} ({policy})", silent.remedy)
        return check.passed(f"{entry.configuration} is registered; {policy}")
    text = entry.text if entry else "no configuration has its name"
    if worked := [pod for pod in facts.judged if was_mutated(pod)]:
        return check.passed(f"{text}; but {pods_that(worked, 'was', 'were')} mutated")
    if isinstance(tried, dict) and is_touched(tried):
        return check.passed(f"{text}; but a Pod that is made now is mutated")
    if entry is None:
        return check.failed(
            "there is none, so no Pod is mutated",
            "on EKS it belongs to the control plane: ask AWS; elsewhere install "
            "amazon-eks-pod-identity-webhook; then restart the Pods",
        )
    if isinstance(tried, dict):
        return check.failed(f"{text}; and a Pod that is made now is not mutated", REPAIR)
    return check.unknown(entry)


def was_mutated(pod: Pod) -> bool:
    """Return whether a Pod has a volume or an identity that its template does not give it."""
    template: Json = pod.template["spec"] if pod.template else {}
    if is_touched(pod.spec) and not is_touched(template):
        return True
    specs = pod.spec, template
    given, own = ({e.name for e in containers(spec) if is_injected(e)} for spec in specs)
    return not given <= own


def _silent(entry: Webhook, facts: Facts) -> Problem | None:
    """Pods that were not mutated, and a Pod that is made now is not mutated either.

    Without a try, Pods that are newer than annotation or association show it.
    """
    tried, left, since = facts.next_pod, facts.unmutated, facts.named_at
    newer = [pod for pod in left if since and pod.created > since]
    said, repair = tried.reason if isinstance(tried, Unread) else "", REPAIR
    if not left or (isinstance(tried, dict) and is_touched(tried)):
        return None
    if isinstance(tried, dict):
        proof = "a Pod that is made now is not mutated"
    elif f'calling webhook "{entry.document["name"]}"' in said:
        proof = f"no Pod can be made now ({said})"
    elif newer:
        proof = (
            f"{pods_that(newer, 'was', 'were')} created after the {facts.named_by}, and not mutated"
        )
        repair = f"restart the Pods once, as its cache can lag; if that does not help, {REPAIR}"
    else:
        return None
    text = f"{proof}: the webhook of {entry.configuration} does not answer, or misses the account"
    return Problem(text, repair)


REPAIR = (
    "repair the webhook, and ask again: compare rules and selectors of its "
    "MutatingWebhookConfiguration with its documentation; on EKS it belongs to the control plane, "
    "and the API server's log says 'failed calling webhook'"
)
