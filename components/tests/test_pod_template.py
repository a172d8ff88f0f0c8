"""A pod's identity beside what the user's pod says, in every form that a pod spec can have."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi import Output

from irsa_components import RoleChainArgs, ServiceAccount, TargetRoleArgs
from irsa_components.pod_template import HASH_ANNOTATION as HASH
from irsa_components.pod_template import PodAdditions, add_identity, map_template
from irsa_components.values import MESSAGE_MAX, camel
from irsa_core.identity.eks import RESERVED_VARIABLES, TOKEN_FOLDER
from tests.support.engine import Engine, create, deploy
from tests.support.refusal import refusal
from tests.support.world import ROLE_ARN, ROLE_B_ARN

ACCOUNT = ServiceAccount(namespace="dev", name="s3-app")
CHAIN = RoleChainArgs(targets=[TargetRoleArgs(role_arn=ROLE_B_ARN)], region="us-east-1")
MOUNT = {"name": "irsa-aws-config", "mountPath": "/etc/aws", "readOnly": True}
VARIABLE = {"name": "AWS_CONFIG_FILE", "value": "/etc/aws/config"}
HOME = {"name": "HOME", "value": "/tmp"}
SCRATCH = {"name": "irsa-home", "mountPath": "/tmp"}

PROXY = {"privileged": True, "readOnlyRootFilesystem": False}
ON_PORT_80 = {"runAsUser": 1000, "capabilities": {"add": ["NET_BIND_SERVICE"]}}
WIRE = {
    "initContainers": [{"name": "migrate"}],
    "containers": [
        {"name": "web", "env": [{"name": "LOG", "value": "debug"}], "securityContext": ON_PORT_80},
        {"name": "proxy", "securityContext": PROXY},
    ],
    "securityContext": {"fsGroup": 2000, "seccompProfile": {"type": "Unconfined"}},
    "volumes": [{"name": "data", "emptyDir": {}}],
}
WIRE["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
core = k8s.core.v1
WEB = core.ContainerArgs(
    name="web",
    env=[core.EnvVarArgs(name="LOG", value="debug")],
    security_context=core.SecurityContextArgs(
        run_as_user=1000, capabilities=core.CapabilitiesArgs(add=["NET_BIND_SERVICE"])
    ),
    volume_mounts=[core.VolumeMountArgs(name="data", mount_path="/data")],
)
PRIVILEGED = core.SecurityContextArgs(privileged=True, read_only_root_filesystem=False)
TYPED = core.PodSpecArgs(
    init_containers=[core.ContainerArgs(name="migrate")],
    containers=[WEB, core.ContainerArgs(name="proxy", security_context=PRIVILEGED)],
    security_context=core.PodSecurityContextArgs(
        fs_group=2000, seccomp_profile=core.SeccompProfileArgs(type="Unconfined")
    ),
    volumes=[core.VolumeArgs(name="data", empty_dir=core.EmptyDirVolumeSourceArgs())],
)
NON_ROOT = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
CONFINED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
CONFINED["capabilities"] = {"drop": ["ALL"]}
OWN = {"name": "app", "env": [HOME], "volumeMounts": [SCRATCH], "securityContext": CONFINED}
LINUX = {"securityContext": NON_ROOT, "containers": [OWN]}
LINUX["volumes"] = [{"name": "irsa-home", "emptyDir": {}}]
SKIPPING = {"eks.amazonaws.com/skip-pod-identity-webhook": "true"}
SKIPPED = {"eks.amazonaws.com/skip-containers": "app"}


def snake(value: Any) -> Any:
    """A dictionary in Python's spelling, as pulumi-kubernetes' typed dictionaries have it."""
    if isinstance(value, list):
        return [snake(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {re.sub("(?=[A-Z])", "_", key).lower(): snake(each) for key, each in value.items()}


FORMS: Mapping[str, Callable[[], Any]] = {
    "wire": lambda: WIRE,
    "typed": lambda: TYPED,
    "dictionary": lambda: snake(WIRE),
    "output": lambda: Output.from_input(TYPED),
    "outputs": lambda: {key: Output.from_input(each) for key, each in WIRE.items()},
}


def pod(spec: Callable[[], Any], engine: Engine | None = None, **changes: Any) -> Any:
    """The pod template of a workload, as the engine gets it."""

    args = {"service_account": ACCOUNT, "role_arn": ROLE_ARN, "chain": CHAIN, **changes}
    created = create("Workload", "s3-app", engine, **args, pod_spec=spec())
    return created.one("Deployment").inputs["spec"]["template"]


@pytest.mark.parametrize("form", FORMS)
def test_every_container_gets_the_identity_and_keeps_what_it_says(form):
    template = pod(FORMS[form])

    assert [*template["metadata"]["annotations"]] == [HASH]
    migrate, web, proxy = (*WIRE["initContainers"], *WIRE["containers"])
    security = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
    identity = {"env": [HOME, VARIABLE], "volumeMounts": [SCRATCH, MOUNT]}
    dropped = {"drop": ["ALL"]}
    of_migrate = {**identity, "securityContext": {**security, "capabilities": dropped}}
    bind = {"runAsUser": 1000, "capabilities": {**dropped, "add": ["NET_BIND_SERVICE"]}}
    of_web = {key: [*added, *web[key]] for key, added in identity.items()}
    # Kubernetes refuses a privileged container without it; its root file system can be written.
    privileged = {**PROXY, "allowPrivilegeEscalation": True, "capabilities": dropped}
    of_proxy = {"env": [VARIABLE], "volumeMounts": [MOUNT], "securityContext": privileged}
    volume = {"name": "irsa-aws-config", "configMap": {"name": "s3-app"}}
    assert template["spec"] == {
        **WIRE,
        "serviceAccountName": "s3-app",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, **WIRE["securityContext"]},
        "initContainers": [{**migrate, **of_migrate}],
        "containers": [
            {**web, **of_web, "securityContext": {**security, **bind}},
            {**proxy, **of_proxy},
        ],
        "volumes": [{"name": "irsa-home", "emptyDir": {}}, volume, *WIRE["volumes"]],
    }


@pytest.mark.parametrize("form", FORMS)
def test_named_containers_alone_get_the_identity(form):
    template = pod(FORMS[form], containers=["web"])

    spec = template["spec"]
    for container in (*spec["initContainers"], *spec["containers"]):
        named = container["name"] == "web"
        assert (VARIABLE in container.get("env", [])) == named
        assert (MOUNT in container.get("volumeMounts", [])) == named
    skipped = template["metadata"]["annotations"]["eks.amazonaws.com/skip-containers"]
    assert skipped == "migrate,proxy", "the webhook would give them the role, too"


@pytest.mark.cases(("own", "added"), {
    "nothing": ({}, LINUX),
    # The API server refuses Linux's settings: kubernetes.io/docs/concepts/windows/intro/
    "windows": ({"os": {"name": "windows"}}, {}),
    "selector": ({"nodeSelector": {"kubernetes.io/os": "windows"}}, {}),
    "root-on-purpose": ({"securityContext": {"runAsUser": 0}},
        {**LINUX, "securityContext": {**NON_ROOT, "runAsUser": 0, "runAsNonRoot": False}}),
})  # fmt: skip
def test_a_pod_that_says_nothing_has_no_privileges(own, added):
    spec = {"containers": [{"name": "app"}], **own}

    always = {"serviceAccountName": "s3-app", "automountServiceAccountToken": False}
    assert pod(lambda: spec, chain=None)["spec"] == {**spec, **always, **added}


def test_numbers_of_other_languages_are_whole_ones():
    """The engine has floating-point numbers only."""
    spec = add_identity(app(ports=[{"containerPort": 8080.0}]), additions())["spec"]
    (port,) = spec["containers"][0]["ports"]
    assert repr(port["containerPort"]) == "8080"


def test_what_is_already_there_is_not_added_again():
    env = [{"name": "HOME", "value": "/srv"}]
    own = {"env": env, "volumeMounts": [{"name": "data", "mountPath": "/tmp"}]}
    (found,) = pod(lambda: app(**own)["spec"], chain=None)["spec"]["containers"]
    assert {key: found[key] for key in own} == own


def additions(warned: list[str] | None = None, **changes: Any) -> PodAdditions:
    given = {"account": ACCOUNT, "account_name": "s3-app", "containers": None, "injected": True}
    warn = (warned if warned is not None else []).append
    return PodAdditions(**{**given, "warn": warn, **changes})


def app(**fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "app", **fields}]}}


@pytest.mark.cases(("template", "message"), {
    **{f"variable {name}": (app(env=[{"name": name, "value": "x"}]),
        f"'app': environment variable {name!r}") for name in RESERVED_VARIABLES},
    **{f"another {field}": ({"spec": {**WIRE, field: "other"}},
        "'other', and the identity is that of dev/s3-app") for field in ("serviceAccountName",
        "service_account_name", "service_account")},
    "label that skips the webhook": ({"metadata": {"labels": SKIPPING}},
        "label eks.amazonaws.com/skip-pod-identity-webhook k"),
    "annotation that skips containers": ({"metadata": {"annotations": SKIPPED}},
        "skip-containers is the identity's; list the con"),
    "text for a spec": ({"spec": "nginx"}, "template.spec is the text 'nginx'; give a mapping"),
    "volume of the webhook": ({"spec": {**WIRE, "volumes": [{"name": "aws-iam-token"}]}},
        "volume 'aws-iam-token' is reserved"),
    "mount at the token's folder": (
        app(volumeMounts=[{"name": "x", "mountPath": f"{TOKEN_FOLDER}/"}]), "/' is reserved: the"),
})  # fmt: skip
def test_what_hides_the_identity_is_refused_by_name(template, message):
    assert message in refusal(add_identity, template, additions())

    def program() -> None:
        late = {key: Output.from_input(each) for key, each in template.items()}
        pulumi.export("template", add_identity(late, additions()))

    assert message in refusal(deploy, program, raised=pulumi.RunError)


IN_SPEC = {
    "pod": (app(), {"kind": "Pod"}),
    "template": ({"spec": {"template": app()}}, {}),
    "job": ({"spec": {"jobTemplate": {"spec": {"template": app()}}}}, {}),
}


@pytest.mark.cases("is_secret", {"plain": False, "secret": True})
@pytest.mark.parametrize("kind", [*IN_SPEC, "secret template"])
def test_every_template_is_found_also_in_outputs(kind, is_secret):
    templates: list[Any] = []

    def program() -> None:
        inputs, more = IN_SPEC.get(kind, ({"spec": {"template": Output.secret(app())}}, {}))
        spec = Output.secret(inputs["spec"]) if is_secret else inputs["spec"]
        manifest = {**more, "spec": spec}
        changed = map_template(manifest, lambda fields: {**fields, "metadata": {"name": "changed"}})
        Output.from_input(changed).apply(templates.append)

    deploy(program)
    assert "'changed'" in str(templates)


@pytest.mark.parametrize(
    "inputs",
    [{"data": {"template": "x"}}, {"spec": {"template": {"type": "Opaque"}}}, {"spec": ["a"]}],
)
def test_what_has_no_pod_template_is_left_alone(inputs):
    assert map_template(inputs, lambda _: pytest.fail("no template")) is None


@pytest.mark.cases(("known", "raised"), {
    "known now": (lambda listed: listed, ValueError),
    "known late": (Output.from_input, pulumi.RunError),
})  # fmt: skip
def test_a_container_that_is_not_there_is_named(known, raised):
    def program() -> None:
        spec = {"containers": known([{"name": "app"}])}
        pulumi.export("x", add_identity({"spec": spec}, additions(containers=["web"])))

    with pytest.raises(raised, match=r"containers: 'web' is no container; the pod spec has app$"):
        deploy(program)


@pytest.mark.cases(("prefix", "warned"), {
    "no prefix": ({}, True),
    "prefix AWS_": ({"prefix": "AWS_"}, True),
    "prefix A": ({"prefix": "A"}, True),
    "prefix APP_": ({"prefix": "APP_"}, False),
})  # fmt: skip
def test_variables_that_cannot_be_seen_are_warned_of(prefix, warned):
    lines: list[str] = []
    add_identity(app(envFrom=[{"secretRef": {"name": "settings"}, **prefix}]), additions(lines))

    line = (
        "dev/s3-app: container 'app' takes every key of Secret 'settings' (envFrom): one such as "
        "AWS_ACCESS_KEY_ID or AWS_PROFILE would hide the identity; take single keys, or give a "
        "prefix"
    )
    assert lines == [line] * warned


def test_a_preview_that_does_not_know_the_pod_shows_the_rest():
    template = pod(lambda: {**WIRE, "containers": Output.from_input(pulumi.UNKNOWN)}, Engine(True))

    assert template["spec"]["serviceAccountName"] == "s3-app"
    assert HASH in template["metadata"]["annotations"]


TERM = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
NODES = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [TERM]}}
RICH = {
    **WIRE,
    "nodeSelector": {"disk": "ssd"},
    "affinity": {"nodeAffinity": NODES},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "imagePullSecrets": [{"name": "registry"}],
    "volumes": [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data", "readOnly": True}},
        {"name": "all", "projected": {"sources": [{"configMap": {"name": "settings"}}]}},
    ],
    "containers": [
        {
            **WIRE["containers"][0],
            "command": ["serve"],
            "ports": [{"name": "http", "containerPort": 8080}],
            "envFrom": [{"prefix": "APP_", "configMapRef": {"name": "settings", "optional": True}}],
            "resources": {"limits": {"memory": "1Gi"}},
            "livenessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 5},
        }
    ],
}
OTHERS = {str: (7, True, ["a"], {"a": "b"}), int: ("7", True, [7], 1.5), bool: ("true", 1, [True])}
OTHERS |= {dict: ("a", 7, ["a"]), list: ("a", 7, {"a": "b"}, [None], [["a"]])}


def mistakes(value: Any, path: str, put: Callable[[Any], Any]) -> Iterator[tuple[str, Any]]:
    """Yield what a refusal begins with, and the spec with that one mistake."""
    for other in () if path.endswith((".port", ".memory")) else OTHERS[type(value)]:
        yield path, put(other)
    if isinstance(value, list):
        for n, part in enumerate(value):
            place = partial(lambda n, new: put([*value[:n], new, *value[n + 1 :]]), n)
            yield from mistakes(part, f"{path}[{n}]", place)
    for key, part in value.items() if isinstance(value, dict) else ():
        place = partial(lambda key, new: put({**value, key: new}), key)
        at = f"{path}['{key}']" if key == "disk" else f"{path}.{key}"
        yield from mistakes(part, at, place)
        if re.search("[A-Z_]", key):
            twice = camel(key) if "_" in key else next(iter(snake({key: 0})))
            yield f"{path} has {key} and {twice}, which are one", put({**value, twice: part})
            others = {name: one for name, one in value.items() if name != key}
            yield f"{path}.{key}x does not exist; did you mean ", put({**others, f"{key}x": part})


@pytest.mark.cases("spec", {"wire": RICH, "dictionary": snake(RICH)})
def test_each_mistake_in_a_pod_spec_is_refused_with_its_path(spec):
    add_identity({"spec": spec}, additions())
    cases = [*mistakes(spec, "template.spec", lambda spec: {"spec": spec})]
    assert len(cases) > 250
    said = [(place, refusal(add_identity, case, additions())) for place, case in cases]
    assert [case for case in said if not case[1].startswith(case[0])] == []
    assert max(len(message) for _, message in said) <= MESSAGE_MAX
