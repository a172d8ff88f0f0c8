"""The commands that fix service accounts, Pod templates and the objects that Pods read. Pure.

Where nothing can be changed in place, there is no command and the remedy is a sentence.
"""

import json
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from irsa.observe.facts import Pod
from irsa.observe.pod_spec import Container, Variable, containers, env_from_index, variables
from irsa.verify.containers import PodContainer
from irsa.verify.facts import Facts
from irsa.verify.link import Remedy, Resource, ShellCommand, irsa, spelt, unique
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION
from irsa_core.identity.policy_json import Json


def kubectl(facts: Facts, *words: str, kind: str = "", name: str = "", **more: str) -> ShellCommand:
    """A command in the namespace, which changes the object of this kind and name, if any."""
    changes = Resource(kind, f"{facts.namespace}/{name}") if kind else None
    options = spelt({"namespace": facts.namespace, **more})
    return ShellCommand(("kubectl", *words, *options), changes)


def annotate(facts: Facts, role_arn: str, *more: str) -> list[ShellCommand]:
    """Name the role in the service account's annotation, for new Pods; nothing when no role is
    known."""
    if not role_arn:
        return []
    return change_annotation(facts, "--overwrite", f"{ROLE_ARN_ANNOTATION}={role_arn}", *more)


def change_annotation(facts: Facts, *words: str) -> list[ShellCommand]:
    """Change an annotation of the service account, and restart the Pods: it is for new ones."""
    target = ("annotate", "serviceaccount", facts.name)
    command = kubectl(facts, *target, kind="annotation", name=facts.name).with_words(*words)
    return [command, *restart(facts)]


def verify_inside(facts: Facts) -> str:
    """The command that asks the same question with ``--exec``."""
    given = {"role_arn": facts.expected_role, "bucket": facts.bucket, "profile": facts.profile}
    words = spelt({**given, "role_b": facts.role_b_arn, "external_id": facts.external_id})
    words += [word for name in facts.containers for word in ("--container", name)]
    command = irsa("verify", f"{facts.namespace}/{facts.name}", *words, "--exec")
    return f"ask inside the Pod: {command.shell}"


def call_inside(facts: Facts, *words: str) -> str:
    """The call of the AWS CLI that shows inside the Pod what it may."""
    pod = f" {facts.pod.name}" if facts.pod else ""
    profile = ("--profile", facts.profile) if facts.profile else ()
    command = f"kubectl exec --namespace {facts.namespace}{pod} -- "
    return f"try it inside the Pod: {command}{shlex.join(['aws', *words, *profile])}"


def restart(facts: Facts) -> list[ShellCommand]:
    """Make the Pods again: restart what owns them, or delete those that are made again by that."""
    commands = [command for pod in facts.judged for command in restart_of(facts, pod)]
    if not commands and facts.deployment:
        return [kubectl(facts, "rollout", "restart", f"deployment/{facts.deployment}")]
    return unique(commands)


def restart_of(facts: Facts, pod: Pod) -> list[ShellCommand]:
    """Make one Pod again, with all that belong to the same owner; not a Pod without owner."""
    if pod.owner is None:
        return []
    if pod.owner.restarts:
        return [kubectl(facts, "rollout", "restart", pod.owner.target)]
    return [kubectl(facts, "delete", "pod", pod.name)]


def set_account(facts: Facts, pod: Pod) -> list[ShellCommand]:
    """Give the Pods of an owner the service account."""
    kind, name = (pod.owner.kind, pod.owner.name) if pod.owner else ("", "")
    return _change_owner(facts, pod, "set", "serviceaccount", kind, name, facts.name)


def _change_owner(facts: Facts, pod: Pod, *words: str, **options: str) -> list[ShellCommand]:
    """A command that changes the template of a Pod's owner, if that can be changed."""
    if pod.owner is None or not pod.owner.rolls:
        return []
    return [kubectl(facts, *words, kind=pod.owner.kind, name=pod.owner.name, **options)]


def change_env(container: PodContainer, *changes: str) -> list[ShellCommand]:
    """Set (``NAME=value``) or remove (``NAME-``) variables of one container of the template.

    https://kubernetes.io/docs/reference/kubectl/generated/kubectl_set/kubectl_set_env/
    """
    facts, pod, at = container.facts, container.pod, container.template
    if pod.owner is None or at is None:
        return []
    if at.field == "initContainers":  # which `kubectl set env` does not reach
        return _init_env(facts, pod, at, changes)
    chosen = "" if len(containers(pod.owner.pod_spec)) == 1 else at.name
    words = ("set", "env", pod.owner.target)
    commands = _change_owner(facts, pod, *words, containers=chosen)
    return [command.with_words(*changes) for command in commands]


def _init_env(facts: Facts, pod: Pod, at: Container, changes: Sequence[str]) -> list[ShellCommand]:
    env: list[Json] = [*(at.spec.get("env") or ())]
    for change in changes:
        name, equals, value = change.partition("=")
        name = name if equals else name.removesuffix("-")
        env = [each for each in env if each["name"] != name]
        env += [{"name": name, "value": value}] if equals else []
    path = f"/spec/template/spec/{at.field}/{at.position}/env"
    return _patch(facts, pod, [{"op": "add", "path": path, "value": env}])


def change_template(facts: Facts, pod: Pod, *paths: str, value: str = "") -> list[ShellCommand]:
    """Give parts of the template a value, or remove them; a later item of a list comes first."""
    operation, given = ("replace", {"value": value}) if value else ("remove", {})
    listed = [{"op": operation, "path": f"/spec/template{path}", **given} for path in paths]
    return _patch(facts, pod, listed)


def _patch(facts: Facts, pod: Pod, operations: Sequence[Json]) -> list[ShellCommand]:
    if pod.owner is None or not operations:
        return []
    words = ("patch", pod.owner.kind, pod.owner.name)
    patch = json.dumps(operations, separators=(",", ":"))
    return _change_owner(facts, pod, *words, type="json", patch=patch)


def remove_volume(facts: Facts, pod: Pod, volume: str) -> list[ShellCommand]:
    """Remove a volume and all its mounts from the template."""
    spec = pod.owner.pod_spec if pod.owner else {}
    paths = [
        f"/spec/{each.field}/{each.position}/volumeMounts/{index}"
        for each in containers(spec)
        for index in _positions(each.spec.get("volumeMounts") or [], volume)
    ]
    paths += [f"/spec/volumes/{index}" for index in _positions(spec.get("volumes") or [], volume)]
    return change_template(facts, pod, *paths)


AT_ADMISSION = (
    "restart Pods that are older than their template; it does not have this, so that otherwise "
    "something changes the Pods at admission, such as a policy of the cluster: change it there"
)


def if_in_template(
    pod: Pod, found: object, text: str, commands: Sequence[ShellCommand] = ()
) -> Remedy:
    """The change of something ``found`` in the template; a sentence alone where it is not there."""
    return Remedy(text, tuple(commands)) if found or not pod.template else Remedy(AT_ADMISSION)


def template_sets(container: PodContainer, names: Iterable[str]) -> bool:
    """Return whether the container has variables by the template, and as it sets them."""
    by_template, has = container.set_by_hand, variables(container.item.spec)
    return all(each in by_template and by_template[each] == has.get(each) for each in names)


def change_variables(
    container: PodContainer,
    by_name: Mapping[str, Variable],
    text: str,
    right: Mapping[str, str] = MappingProxyType({}),
) -> Remedy:
    """Give variables of a container their ``right`` values, or remove them: ``text`` says so.

    An object keeps its keys, as anything in the namespace may take them: it is named.
    """
    names = [name for name, variable in by_name.items() if not variable.whole]
    changes = [f"{name}={value}" for name, value in right.items()]
    changes += [f"{name}-" for name in names if name not in right]
    commands = change_env(container, *changes) if changes else []
    taken = [variable for name, variable in by_name.items() if variable.whole and name not in right]
    for variable in {(variable.kind, variable.object): variable for variable in taken}.values():
        keys = {e.key for e in taken if (e.kind, e.object) == (variable.kind, variable.object)}
        path = _sole_source(container, variable, keys)
        if not path:
            what = f"{', '.join(sorted(keys))} of {variable.kind} {variable.object}"
            return Remedy(f"{text}: {what}, which others may take too")
        commands += change_template(container.facts, container.pod, path)
    return if_in_template(container.pod, template_sets(container, names), text, commands)


def _sole_source(container: PodContainer, variable: Variable, keys: Collection[str]) -> str:
    """The place in the template of an ``envFrom`` that gives nothing else; empty without one."""
    values = container.facts.objects.get((variable.kind, variable.object))
    owner = container.pod.owner
    at = container.template if owner and owner.rolls else None
    index = env_from_index(at.spec, variable) if at else None
    if not isinstance(values, dict) or set(values) - set(keys) or at is None or index is None:
        return ""
    return f"/spec/{at.field}/{at.position}/envFrom/{index}"


def _positions(listed: Sequence[Json], name: str) -> list[int]:
    return [index for index, each in enumerate(listed) if each.get("name") == name][::-1]
