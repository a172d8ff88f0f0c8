"""The links inside the cluster: service account, annotation, and what the webhook made of the Pod.

Pure. What the webhook does and leaves alone:
https://github.com/aws/amazon-eks-pod-identity-webhook/blob/v0.6.17/README.md
"""

from collections.abc import Mapping, Sequence

from irsa.chain_facts import ROLE_ARN, STS_AUDIENCE, Facts
from irsa.facts import (
    ROLE_ARN_ANNOTATION,
    SKIP_CONTAINERS_ANNOTATION,
    SKIP_LABEL,
    TOKEN_VOLUME,
    Json,
    Pod,
    Unread,
)
from irsa.links import Link, compact, failed, passed, unknown
from irsa.pods import main_container, sources_of_variables, token_mounts, variables

ROLE_VARIABLES = ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE")
KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
PROFILE_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
NO_POD = "no Pod runs as this service account"


def pod_links(facts: Facts) -> list[Link]:
    """The links up to the Pod, in the order in which they are made."""
    checks = (service_account, annotation, running_pod, injection, precedence)
    return [check(facts) for check in checks]


def service_account(facts: Facts) -> Link:
    """Whether there is a service account at all."""
    expected = f"service account {facts.namespace}/{facts.name}"
    found = facts.service_account
    if isinstance(found, Unread):
        return unknown("service-account", expected, found)
    if found is None:
        return failed(
            "service-account",
            expected,
            "no such service account",
            "create it, or correct the name; a trust policy names it exactly",
            ["kubectl", "create", "serviceaccount", facts.name, "--namespace", facts.namespace],
            *([_annotate(facts, facts.expected_role)] if facts.expected_role else ()),
            *restart(facts),
        )
    return passed("service-account", expected, "it exists")


def annotation(facts: Facts) -> Link:
    """Whether the service account's annotation names the role."""
    expected = f"{ROLE_ARN_ANNOTATION}={facts.expected_role or '<role ARN>'}"
    found = facts.service_account
    if found is None or isinstance(found, Unread):
        return unknown("annotation", expected, "the service account was not read")
    if facts.profile_only:
        return passed("annotation", "no annotation: a profile names the role", "so it is")
    value = found.role_arn
    if not value:
        return _no_annotation(facts, expected, found.annotations)
    if not ROLE_ARN.fullmatch(value):
        return failed(
            "annotation",
            expected,
            f"{value!r} is not the ARN of a role; the webhook injects it all the same",
            "annotate the role's ARN",
            _annotate(facts, facts.expected_role or "<role ARN>"),
            *restart(facts),
        )
    if facts.expected_role and value != facts.expected_role:
        return failed(
            "annotation",
            expected,
            f"it names {value}",
            "annotate the right role and restart the Pods",
            _annotate(facts, facts.expected_role),
            *restart(facts),
        )
    return passed("annotation", expected, value)


def _no_annotation(facts: Facts, expected: str, annotations: Mapping[str, str]) -> Link:
    misspelt = {
        key: value
        for key, value in annotations.items()
        if key != ROLE_ARN_ANNOTATION and ROLE_ARN.fullmatch(value)
    }
    role_arn = facts.expected_role or next(iter(misspelt.values()), "<role ARN>")
    found = f"the annotation is spelt {', '.join(misspelt)}" if misspelt else "no such annotation"
    return failed(
        "annotation",
        expected,
        found,
        "annotate the service account and restart the Pods: the webhook acts on new ones only",
        [*_annotate(facts, role_arn), *(f"{key}-" for key in misspelt)],
        *restart(facts),
    )


def running_pod(facts: Facts) -> Link:
    """Whether a Pod runs as the service account."""
    expected = f"a Pod with serviceAccountName {facts.name} in namespace {facts.namespace}"
    if isinstance(facts.pods, Unread):
        return unknown("pod", expected, facts.pods)
    pod = facts.pod
    if pod is None:
        return unknown("pod", expected, NO_POD, "start one, or check the Deployment's Events")
    if pod.service_account != facts.name:
        return failed(
            "pod",
            expected,
            f"Pod {pod.name} of Deployment {pod.deployment} runs as {pod.service_account}",
            "set the Deployment's service account",
            ["kubectl", "set", "serviceaccount", "deployment", pod.deployment, facts.name,
             "--namespace", facts.namespace],
        )  # fmt: skip
    return passed("pod", expected, f"Pod {pod.name}")


def injection(facts: Facts) -> Link:
    """Whether the webhook gave the Pod what SDKs need."""
    expected = f"AWS_ROLE_ARN={facts.role_arn or '<role ARN>'}, a token for STS, AWS_REGION"
    pod = facts.pod
    if pod is None:
        return unknown("injection", expected, NO_POD)
    if facts.profile_only:
        return _own_token(facts, pod)
    for problem in (_skipped, _wrong_variables, _wrong_token, _no_region):
        found = problem(facts, pod, expected)
        if found is not None:
            return found
    return passed("injection", expected, f"Pod {pod.name} has them")


def _skipped(facts: Facts, pod: Pod, expected: str) -> Link | None:
    """The Pod asks the webhook to leave it, or its container, alone."""
    metadata = {"labels": pod.labels, "annotations": pod.annotations}
    skipped = pod.annotations.get(SKIP_CONTAINERS_ANNOTATION, "").split(",")
    if SKIP_LABEL in pod.labels:
        kind, key = "labels", SKIP_LABEL
    elif main_container(pod.spec)["name"] in skipped:
        kind, key = "annotations", SKIP_CONTAINERS_ANNOTATION
    else:
        return None
    return failed(
        "injection",
        expected,
        f"{kind[:-1]} {key}={metadata[kind][key]} on the Pod keeps the webhook away",
        f"remove the {kind[:-1]} from the Pod template",
        *_template_patch(facts, pod, f"/metadata/{kind}/{key.replace('/', '~1')}"),
    )


def _wrong_variables(facts: Facts, pod: Pod, expected: str) -> Link | None:
    """The container's role variables are missing, of another role, or set by hand."""
    have = variables(main_container(pod.spec))
    by_hand = _template_variables(pod)
    preset = [name for name in ROLE_VARIABLES if name in by_hand]
    role_arn = have.get("AWS_ROLE_ARN")
    if preset and (role_arn != facts.role_arn or len(preset) == 1):
        return failed(
            "injection",
            expected,
            f"the Pod template sets {' and '.join(preset)} by hand, so the webhook adds neither",
            "remove them; the webhook sets both",
            _unset(facts, pod, preset),
        )
    if role_arn is None:
        return failed(
            "injection",
            expected,
            "the Pod was not mutated: it is older than the annotation, or the webhook did not run",
            "restart the Pods; if that does not help, check that the webhook runs",
            *restart(facts),
        )
    if role_arn != facts.role_arn:
        return failed(
            "injection",
            expected,
            f"AWS_ROLE_ARN={role_arn}: the Pod is older than the annotation",
            "restart the Pods",
            *restart(facts),
        )
    return None


def _wrong_token(facts: Facts, pod: Pod, expected: str) -> Link | None:
    """The token is not where the variable points, or not for the audience that was asked for."""
    container = main_container(pod.spec)
    file = variables(container).get("AWS_WEB_IDENTITY_TOKEN_FILE")
    mounts = {mount.path: mount for mount in token_mounts(pod.spec, container)}
    mount = mounts.get(file or "")
    if mount is None:
        return failed(
            "injection",
            expected,
            f"AWS_WEB_IDENTITY_TOKEN_FILE={file}, but the tokens are at "
            f"{', '.join(mounts) or 'no path at all'}",
            f"remove what the Pod template says of volume {TOKEN_VOLUME}; the webhook mounts it",
            *_template_removals(facts, pod),
        )
    if mount.audience == facts.audience:
        return None
    return failed(
        "injection",
        expected,
        f"the Pod's token is for audience {mount.audience!r}, the service account asks for "
        f"{facts.audience!r}",
        "restart the Pods, after removing a volume of that name from their template",
        *(_template_removals(facts, pod) or restart(facts)),
    )


def _no_region(facts: Facts, pod: Pod, expected: str) -> Link | None:
    have = variables(main_container(pod.spec))
    if "AWS_REGION" in have or "AWS_REGION" in facts.variables_from:
        return None
    return failed(
        "injection",
        expected,
        "no AWS_REGION: only some SDKs read AWS_DEFAULT_REGION, and if it is set by hand the "
        "webhook adds neither"
        if "AWS_DEFAULT_REGION" in have
        else "no AWS_REGION, without which SDKs do not know which STS to ask",
        "set it",
        ["kubectl", "set", "env", f"deployment/{pod.deployment}", "--namespace", facts.namespace,
         f"AWS_REGION={facts.region}"],
    )  # fmt: skip


def _own_token(facts: Facts, pod: Pod) -> Link:
    """Layout ``profile-only``: the Pod mounts a token of its own where its profile looks."""
    profile = facts.own_profile
    path = profile.web_identity_token_file if profile else ""
    expected = f"a token for {STS_AUDIENCE} at {path}"
    mounts = {m.path: m.audience for m in token_mounts(pod.spec, main_container(pod.spec))}
    if mounts.get(path) == STS_AUDIENCE:
        return passed("injection", expected)
    found = ", ".join(f"{audience} at {path}" for path, audience in mounts.items()) or "no token"
    return failed("injection", expected, found, "mount a projected token there, for that audience")


def precedence(facts: Facts) -> Link:
    """Whether something in the Pod wins over its role, without a word, in every SDK."""
    expected = "no static credentials and no profile that leads elsewhere"
    pod = facts.pod
    if pod is None:
        return unknown("precedence", expected, NO_POD)
    have = variables(main_container(pod.spec))
    keys = [name for name in KEY_VARIABLES if name in have]
    if keys:
        return failed(
            "precedence",
            expected,
            f"{', '.join(keys)} in the container: static credentials win over the role",
            "remove them",
            _unset(facts, pod, keys),
        )
    given = facts.variables_from
    taken = {name: given[name] for name in KEY_VARIABLES if name in given}
    if taken:
        place = next(iter(taken.values()))
        return failed(
            "precedence",
            expected,
            f"{', '.join(taken)} through envFrom of {place}: static credentials win over the role",
            "remove that envFrom from the Pod template",
            *_template_patch(facts, pod, f"/spec/containers/0/envFrom/{_env_from(pod, place)}"),
        )
    return _profile_variable(facts, pod, have, expected)


def _profile_variable(facts: Facts, pod: Pod, have: dict[str, str | None], expected: str) -> Link:
    for name in PROFILE_VARIABLES:
        if name in have:
            known = facts.pod_profiles.get(have[name] or "")
            if known is None or not (known.role_arn or known.has_keys):
                return failed(
                    "precedence",
                    expected,
                    f"{name}={have[name]}, and the Pod's AWS config file has no such profile with "
                    "a role: SDKs fail, or go on as the node's role",
                    "remove the variable, or mount a config file with the profile",
                    _unset(facts, pod, [name]),
                )
    return passed("precedence", expected)


def _annotate(facts: Facts, role_arn: str) -> list[str]:
    return ["kubectl", "annotate", "serviceaccount", facts.name, "--namespace", facts.namespace,
            "--overwrite", f"{ROLE_ARN_ANNOTATION}={role_arn}"]  # fmt: skip


def restart(facts: Facts) -> list[list[str]]:
    """Restart the Deployment, or delete the Pod that nothing would restart."""
    pod = facts.pod
    name = pod.deployment if pod else facts.deployment
    if name:
        return [["kubectl", "rollout", "restart", f"deployment/{name}", "--namespace",
                 facts.namespace]]  # fmt: skip
    if pod:
        return [["kubectl", "delete", "pod", pod.name, "--namespace", facts.namespace]]
    return []


def _unset(facts: Facts, pod: Pod, names: Sequence[str]) -> list[str]:
    return ["kubectl", "set", "env", f"deployment/{pod.deployment}", "--namespace",
            facts.namespace, *(f"{name}-" for name in names)]  # fmt: skip


def _template_variables(pod: Pod) -> dict[str, str | None]:
    return variables(main_container(pod.template["spec"])) if pod.template else {}


def _template_patch(facts: Facts, pod: Pod, *paths: str) -> list[list[str]]:
    """A command that removes parts of the Deployment's Pod template, last one first."""
    if not pod.deployment or not paths:
        return []
    operations = [{"op": "remove", "path": f"/spec/template{path}"} for path in paths]
    return [["kubectl", "patch", "deployment", pod.deployment, "--namespace", facts.namespace,
             "--type", "json", "--patch", compact(operations)]]  # fmt: skip


def _template_removals(facts: Facts, pod: Pod) -> list[list[str]]:
    """A command that removes the token's volume and mount from the Pod template."""
    if pod.template is None:
        return []
    spec: Json = pod.template["spec"]
    mounts: list[Json] = main_container(spec).get("volumeMounts") or []
    volumes: list[Json] = spec.get("volumes") or []
    places = [f"/spec/containers/0/volumeMounts/{i}" for i in _named(mounts, TOKEN_VOLUME)]
    places += [f"/spec/volumes/{i}" for i in _named(volumes, TOKEN_VOLUME)]
    return _template_patch(facts, pod, *places)


def _named(listed: Sequence[Json], name: str) -> list[int]:
    return [index for index, each in enumerate(listed) if each.get("name") == name][::-1]


def _env_from(pod: Pod, place: str) -> int:
    """The position of a ConfigMap or Secret among the container's ``envFrom``."""
    places = [f"{kind} {name}" for kind, name, _ in sources_of_variables(pod.spec)]
    return places.index(place)
