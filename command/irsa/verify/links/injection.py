"""The link `injection`: the webhook's variables and token in each container. Pure.

What it does and leaves alone:
https://github.com/aws/amazon-eks-pod-identity-webhook/blob/v0.6.17/README.md
"""

from typing import NamedTuple

from irsa.identity.eks import (
    CONTAINER_CREDENTIALS_VARIABLES,
    CREDENTIALS_URI,
    CREDENTIALS_URI_VARIABLE,
    POD_IDENTITY_VOLUME,
    ROLE_ARN_VARIABLE,
    SKIP_CONTAINERS_ANNOTATION,
    SKIP_LABEL,
    STS_AUDIENCE,
    TOKEN_VOLUME,
    WEB_IDENTITY_VARIABLES,
)
from irsa.identity.injection import skipped_containers
from irsa.identity.policy_json import Json
from irsa.observe.facts import Pod
from irsa.observe.pod_spec import (
    Container,
    Variable,
    containers,
    environment,
    same_container,
    token_mounts,
    variables,
)
from irsa.verify.facts import Facts, PodIdentity
from irsa.verify.link import Check, Link, Status
from irsa.verify.links.containers import (
    NO_POD,
    CheckedContainer,
    Problem,
    is_excluded,
    is_skipped,
    link_of,
    names,
    pods_that,
    sort_containers,
)
from irsa.verify.links.settings import ASK_INSIDE, REGIONS, aws_files, chosen, region_of
from irsa.verify.links.webhook import webhook
from irsa.verify.remedies.pod import (
    AT_ADMISSION,
    change_env,
    if_in_template,
    remove_from_template,
    remove_volume,
    replace_in_template,
    restart_of,
    template_metadata,
    template_sets,
)

REMOVE_PRESET = "remove what is set by hand; the webhook sets both"
CREDENTIALS_URIS = (CREDENTIALS_URI, "http://[fd00:ec2::23]/v1/credentials")
"""The agent's addresses; the second one in IPv6 clusters."""


class Injected(NamedTuple):
    """The webhook's variables and volume in one of its two modes."""

    variables: tuple[str, str]
    """Role or agent, and the token's file."""
    volume: str


def injected(facts: Facts) -> Injected:
    """The variables and the volume that the Pods should have."""
    if facts.by_association:
        return Injected(CONTAINER_CREDENTIALS_VARIABLES, POD_IDENTITY_VOLUME)
    return Injected(WEB_IDENTITY_VARIABLES, TOKEN_VOLUME)


def injection(facts: Facts) -> Link:
    """Check whether the webhook gave every container what SDKs need."""
    first, audience = injected(facts).variables[0], "EKS" if facts.by_association else "STS"
    value = CREDENTIALS_URI if facts.by_association else wanted_role(facts) or "the role's ARN"
    wanted = f"{first}={value}, a token for {audience}, AWS_REGION and AWS_DEFAULT_REGION"
    check = Check("injection", wanted)
    if not facts.judged:
        return check.unknown(NO_POD)
    if facts.profile_only:
        return _own_token(facts)
    sorted_out = [(pod, sort_containers(facts, pod)) for pod in facts.judged]
    cases = [
        CheckedContainer(pod, container, problem(facts, pod, container))
        for pod, parts in sorted_out
        for container in parts.judged
    ]
    cases += [
        CheckedContainer(pod, container, _doubtful(pod, container))
        for pod, parts in sorted_out
        for container in parts.doubtful
    ]
    left_out = [(pod, each) for pod, parts in sorted_out for each in parts.left_out]
    well = f"{pods_that(facts.judged, 'has', 'have')} them"
    well += f", in container {names(facts.containers)}" if facts.containers else ""
    for why, skipped in (("another webhook added", False), ("the program excludes", True)):
        listed = names(each.name for pod, each in left_out if is_excluded(pod, each) is skipped)
        well += f"; not looked at: {listed}, which {why}" if listed else ""
    link = link_of(check, cases, well)
    return _next_pod(facts, check, link) if link.status is Status.PASSED else link


def _next_pod(facts: Facts, check: Check, link: Link) -> Link:
    """The link of good Pods with an association, and of the Pod that would be made now."""
    tried = facts.next_pod
    if not facts.by_association or not isinstance(tried, dict):
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
    return any(CREDENTIALS_URI_VARIABLE in variables(each.spec) for each in containers(spec))


def _identity_of(spec: Json) -> str:
    given = (variables(each.spec).get(ROLE_ARN_VARIABLE) for each in containers(spec))
    role_arn = next(filter(None, given), "")
    return f"gets {role_arn} by IRSA" if role_arn else "gets no AWS identity"


def wanted_role(facts: Facts) -> str:
    """The role that the webhook injects: the annotation's, whatever it is, if nothing else."""
    return facts.role_arn or facts.annotated_role


def problem(facts: Facts, pod: Pod, container: Container) -> Problem | None:
    """Return the first problem of a container; None when it has everything."""
    for check in (_skipped, _wrong_variables, _wrong_token, _no_region):
        finding = check(facts, pod, container)
        if finding is not None:
            return finding
    return None


def _doubtful(pod: Pod, container: Container) -> Problem:
    value = pod.annotations[SKIP_CONTAINERS_ANNOTATION]
    return Problem(
        f"annotation {SKIP_CONTAINERS_ANNOTATION}={value} on the Pod keeps the webhook away from "
        f"{container.name}, and whether it needs the role cannot be known here",
        f"name the containers that need it with --container; with --container {container.name}, "
        "verify prints what to change",
        certain=False,
    )


def _skipped(facts: Facts, pod: Pod, container: Container) -> Problem | None:
    """The Pod asks the webhook to leave it, or this container, alone."""
    if SKIP_LABEL in pod.labels:
        path = f"/metadata/labels/{SKIP_LABEL.replace('/', '~1')}"
        return Problem(
            f"label {SKIP_LABEL}={pod.labels[SKIP_LABEL]} on the Pod keeps the webhook away",
            *if_in_template(
                pod,
                SKIP_LABEL in template_metadata(pod, "labels"),
                "remove the label from the Pod template",
                remove_from_template(facts, pod, path),
            ),
        )
    if not is_skipped(pod, container):
        return None
    path = f"/metadata/annotations/{SKIP_CONTAINERS_ANNOTATION.replace('/', '~1')}"
    left = [name for name in skipped_containers(pod.annotations) if name != container.name]
    commands = (
        replace_in_template(facts, pod, path, ",".join(left))
        if left
        else remove_from_template(facts, pod, path)
    )
    value = pod.annotations[SKIP_CONTAINERS_ANNOTATION]
    return Problem(
        f"annotation {SKIP_CONTAINERS_ANNOTATION}={value} on the Pod keeps the webhook away",
        *if_in_template(
            pod,
            template_metadata(pod, "annotations").get(SKIP_CONTAINERS_ANNOTATION) == value,
            f"take {container.name} out of that annotation of the Pod template",
            commands,
        ),
    )


def _wrong_variables(facts: Facts, pod: Pod, container: Container) -> Problem | None:
    have = environment(container.spec, facts.objects)
    names = injected(facts).variables
    preset = _preset(pod, container, names)
    value = have[names[0]].value if names[0] in have else ""
    if value is None:
        text = f"{names[0]} is taken from elsewhere, and its value cannot be known here"
        return Problem(text, ASK_INSIDE, certain=False)
    wanted = CREDENTIALS_URIS if facts.by_association else (wanted_role(facts),)
    if preset and (value not in wanted or len(preset) == 1):
        return _set_by_hand(facts, pod, container, preset)
    if not value:
        return _not_mutated(facts, pod, have)
    if value in wanted:
        return None
    since = facts.named_at
    if since and pod.created > since:
        return Problem(f"{names[0]}={value}, although the Pod is newer", AT_ADMISSION)
    text = f"{names[0]}={value}: the Pod is older than the {facts.named_by}"
    if value == facts.annotated_role and not facts.by_association:
        return Problem(f"{names[0]}={value}, as the annotation says", "see the link 'annotation'")
    if facts.role is None:  # a new Pod would lose what this one has
        return Problem(f"{text}, whose role does not exist", "see the link 'role'", (), False)
    return Problem(text, "restart the Pods", restart_of(facts, pod))


def _preset(pod: Pod, container: Container, pair: tuple[str, ...]) -> list[str]:
    own = same_container(pod.template["spec"], container) if pod.template else None
    return [name for name in pair if own is not None and name in variables(own.spec)]


def _set_by_hand(facts: Facts, pod: Pod, container: Container, preset: list[str]) -> Problem:
    more = "adds neither" if len(preset) == 1 else "leaves them as they are"
    return Problem(
        f"the Pod template sets {' and '.join(preset)} by hand, so the webhook {more}",
        REMOVE_PRESET,
        change_env(facts, pod, container, *(f"{name}-" for name in preset)),
    )


def _not_mutated(facts: Facts, pod: Pod, have: dict[str, Variable]) -> Problem:
    named, since = facts.named_by, facts.named_at
    if since and pod.created > since:
        text = f"the Pod was not mutated, although it is newer than the {named}"
    elif since and pod.created and pod.created < since:
        text = f"the Pod was not mutated: it is older than the {named}"
    else:
        text = f"the Pod was not mutated: it is older than the {named}, or the webhook did not run"
    if facts.by_association and ROLE_ARN_VARIABLE in have:
        text = f"{ROLE_ARN_VARIABLE} instead: the webhook did not know the association yet"
    elif CREDENTIALS_URI_VARIABLE in have:
        text = (
            f"{CREDENTIALS_URI_VARIABLE} instead: when the Pod was created, the service account "
            "had an EKS Pod Identity association, which wins over the annotation"
        )
        if not isinstance(facts.pod_identity, PodIdentity):
            return Problem(text, "delete the association if it is still there; restart the Pods")
    if facts.lacks_association:
        return Problem(text, SEE_ASSOCIATION)
    if not facts.by_association and not facts.annotated_role:
        return Problem(text, SEE.format("annotation"))
    if webhook(facts).status is Status.FAILED:
        return Problem(text, SEE.format("webhook"))
    if facts.by_association and isinstance(facts.next_pod, dict):
        tried = facts.next_pod
        if not _is_prepared(tried):
            return Problem(f"{text}; and a Pod that is made now {_identity_of(tried)}", LATER)
    return Problem(text, "restart the Pods", restart_of(facts, pod))


def _wrong_token(facts: Facts, pod: Pod, container: Container) -> Problem | None:
    have = environment(container.spec, facts.objects)
    (_, name), volume = injected(facts)
    given = have.get(name)
    if given is None or given.value is None:
        remedy = "leave both variables to the webhook, and restart the Pods"
        state = "has no value" if given else "is not set"
        return Problem(f"{name} {state}", remedy, restart_of(facts, pod))
    mounts = {mount.path: mount for mount in token_mounts(pod.spec, container.spec)}
    # On Windows the variable has a drive and backslashes, the mount has neither.
    mount = mounts.get(given.value.removeprefix("C:").replace("\\", "/"))
    if mount is None:
        return _no_token_there(facts, pod, container, given.value, list(mounts))
    if mount.audience == facts.audience:
        return None
    removal = remove_volume(facts, pod, volume)
    return Problem(
        f"the Pod's token is for audience {mount.audience!r}, the service account asks for "
        f"{facts.audience!r}",
        f"restart the Pods{', after removing their volume ' + volume if removal else ''}",
        removal or restart_of(facts, pod),
    )


def _no_token_there(
    facts: Facts, pod: Pod, container: Container, file: str, mounted: list[str]
) -> Problem:
    where = f"the token for AWS is at {', '.join(mounted)}" if mounted else "no token is mounted"
    names, volume = injected(facts)
    text = f"{names[1]}={file}, but {where}"
    preset = _preset(pod, container, names)
    if preset:
        return Problem(
            f"{text}; the Pod template sets {' and '.join(preset)} by hand",
            REMOVE_PRESET,
            change_env(facts, pod, container, *(f"{name}-" for name in preset)),
        )
    removal = remove_volume(facts, pod, volume)
    return Problem(
        text,
        f"remove volume {volume} from the Pod template; the webhook mounts it"
        if removal
        else "restart the Pods",
        removal or restart_of(facts, pod),
    )


def _no_region(facts: Facts, pod: Pod, container: Container) -> Problem | None:
    """A region is missing or empty: boto3 reads AWS_DEFAULT_REGION alone, the others AWS_REGION.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html
    """
    have = environment(container.spec, facts.objects)
    values = {name: have[name].value for name in REGIONS if name in have}
    by_profile = _region_of_profile(facts, pod, container)
    missing = [e for e in REGIONS if e not in values and not by_profile]
    empty = [name for name in REGIONS if values.get(name) == ""]
    if not missing and not empty:
        return None
    known = next((region_of(value) or value for value in values.values() if value), "")
    lacking = [f"{name} is empty" for name in empty] or [f"no {name}" for name in missing]
    preset = _preset(pod, container, REGIONS)
    if known:
        changes = [f"{name}={known}" for name in (*empty, *missing)]
    elif preset:
        changes = [f"{name}-" for name in preset]
    else:
        changes = [f"{name}={facts.region}" for name in missing]
    why = (
        "the webhook adds neither when one is set by hand"
        if preset
        else "without it SDKs do not know which STS to ask"
    )
    # Without AWS_DEFAULT_REGION alone, only boto3 has none, and which SDK runs is not known.
    certain = not known or missing != ["AWS_DEFAULT_REGION"]
    text = REMOVE_PRESET if preset and not known else "set both"
    text = text if certain else "if a Python program runs there, set both"
    found = template_sets(pod, container, [name for name in empty if not have[name].whole])
    remedy = if_in_template(pod, found, text, change_env(facts, pod, container, *changes))
    return Problem(f"{' and '.join(lacking)}: {why}", *remedy, certain)


def _region_of_profile(facts: Facts, pod: Pod, container: Container) -> str:
    files = aws_files(facts, pod, container)
    name = chosen(files.given).name
    return files.profiles[name].region if name in files.profiles else ""


def _own_token(facts: Facts) -> Link:
    """Layout ``profile-only``: the Pod mounts a token of its own where its profile looks."""
    profile = facts.own_profile
    path = profile.web_identity_token_file if profile else ""
    check = Check("injection", f"a token for {STS_AUDIENCE} at {path}")
    cases = [
        CheckedContainer(pod, container, _own_token_problem(pod, container, path))
        for pod in facts.judged
        for container in facts.asked(pod)
        if facts.containers or aws_files(facts, pod, container).config is not None
    ]
    if not cases:
        return check.unknown("no container reads the AWS config file")
    return link_of(check, cases)


def _own_token_problem(pod: Pod, container: Container, path: str) -> Problem | None:
    mounts = {mount.path: mount.audience for mount in token_mounts(pod.spec, container.spec)}
    if mounts.get(path) == STS_AUDIENCE:
        return None
    mounted = ", ".join(f"{audience} at {at}" for at, audience in mounts.items()) or "no token"
    return Problem(mounted, "mount a projected token there, for that audience")
