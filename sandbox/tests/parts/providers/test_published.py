"""The published plugins instead of the sandbox's own providers: where they differ.

One program with every component runs in two sandboxes, of which one leaves a provider to its
plugin. docs/sandbox.md says where plugins come from; a plugin that is missing is skipped.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest
from pulumi import ResourceOptions

import irsa_components as irsa
from irsa_components.credentials import TokenArgs
from irsa_core.identity.arns import role_arn
from irsa_sandbox.aws.accounts import ACCOUNT_B, REGION
from irsa_sandbox.aws.server import CROSS_ACCOUNT_ROLE
from irsa_sandbox.demo import left_overs
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.providers.aws.canonical import canonical
from irsa_sandbox.providers.values import DEFAULTS
from irsa_sandbox.session import Session
from tests.sandbox.support import programs, with_plugin
from tests.support.paths import ROOT

pytestmark = pytest.mark.published

NOTHING: tuple[Any, ...] = (None, "", [], {}, False)
"""Values with which the aws plugin says that something is not there."""

NOTES = ("__defaults", "__meta", "__pulumi_raw_state_delta")
"""Notes of the aws plugin for itself, which no program sees."""

NAMESPACE, IRSA, CHAIN = "dev", "s3-app", "s3-app-chain"
PROJECT, IMAGE = "compared", "public.ecr.aws/aws-cli/aws-cli"

_RANDOM = (
    (r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)", "<time>"),
    (r"(AKIA|AIDA|ANPA|AROA)[A-Z0-9]{12,}", r"\1<id>"),
    (r"\bsg-[0-9a-f]{8,}", "<the cluster's own group>"),
    (r"\bsgr-[0-9a-f]+", "<rule id>"),
    (r"(:(?:addon|nodegroup)/[^/\"]+/[^/\"]+/)[0-9a-f-]+", r"\1<uuid>"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<uid>"),
    (r"\bpulumi-kubernetes-[0-9a-f]{8}\b", "<field manager>"),
    (r"\b(eks-[^/\"]+)-[0-9a-f]{8}\b", r"\1-<id>"),
    (r"\beks\.\d+", "<EKS's own version>"),
    (r"\b(oidc\.eks\.[a-z0-9-]+\.amazonaws\.com/id/)[A-F0-9]{32}", r"\1<id>"),
    (r"https://127\.0\.0\.1:\d+", "<the cluster's address>"),
    (r"\b10\.100(\.\d+){2}\b", "<a service's address>"),
)
"""Values that AWS, Kubernetes, the sandbox and the engine generate each time."""

STATES, PREVIEWS = with_plugin.listed("states"), with_plugin.listed("previews")

State = Mapping[str, Mapping[str, Any]]
"""The resources of a stack, whole, by their URNs."""

Both = tuple[Session, Session]


def program(
    *,
    bucket: str = "compared",
    permissions: str = "read",
    user: str = "s3-manager",
    key_version: int = 1,
    role: str = "s3-app",
    of_role: Mapping[str, Any] = MappingProxyType({}),
    role_b: str = "s3-app-B",
    service_account: str = IRSA,
    duration: int = 3600,
    container: Mapping[str, Any] = MappingProxyType({}),
    **of_workload: Any,
) -> None:
    """The three systems, in both accounts, with every component."""
    in_a = ResourceOptions(providers=[aws.Provider("account-a", region=REGION)])
    administrator = aws.ProviderAssumeRoleArgs(role_arn=role_arn(ACCOUNT_B, CROSS_ACCOUNT_ROLE))
    account_b = aws.Provider("account-b", region=REGION, assume_roles=[administrator])
    in_b = ResourceOptions(providers=[account_b])
    cluster = irsa.EksCluster("dev", irsa.EksClusterArgs(cluster_name="dev"), in_a)
    in_cluster = ResourceOptions(providers=[cluster.kubernetes_provider])
    opts = programs.in_namespace(in_cluster, NAMESPACE, force_destroy=True)
    app = {"name": "app", "image": f"{IMAGE}:2.31.0", "command": ["sleep", "infinity"], **container}
    spec: Any = {"securityContext": {"runAsUser": 65532}, "containers": [app]}

    def pods(name: str, account: irsa.ServiceAccount, **identity: Any) -> None:
        programs.pods(name, account, opts, pod_spec=spec, **identity)

    def new_role(name: str, role_name: str, account: irsa.ServiceAccount, **args: Any) -> Any:
        role_args: Any = {"provider_arns": [cluster.provider_arn], "service_accounts": [account]}
        role_args |= {"role_name": role_name, **args}
        return irsa.ServiceAccountRole(name, irsa.ServiceAccountRoleArgs(**role_args), in_a)

    account = partial(irsa.ServiceAccount, namespace=NAMESPACE)
    named: dict[str, Any] = {f"{permissions}_policy_name": "compared"}
    data_args = irsa.DataBucketArgs(bucket_name=bucket, force_destroy=True, **named)
    data = irsa.DataBucket("bucket", data_args, in_a)
    access = {"bucket": getattr(data, f"{permissions}_policy_arn")}
    key = {"user_name": user, "key_version": key_version, "policy_arns": access}
    made = irsa.AccessKeyUser("user", irsa.AccessKeyUserArgs(**key), in_a)
    pods("s3-app-key", account(name="s3-app-key"), access_key=programs.key_of(made))

    selector, ports = {"app": IRSA}, [{"port": 80}]
    exposed = {"selector": selector, "ports": ports}
    metadata = {"name": "plain", "namespace": NAMESPACE}
    k8s.core.v1.Service("plain", metadata=metadata, spec=exposed, opts=opts)
    template = {"metadata": {"labels": selector}, "spec": spec}
    plain = {"selector": {"matchLabels": selector}, "service_name": "plain", "template": template}
    k8s.apps.v1.StatefulSet("plain", metadata=metadata, spec=plain, opts=opts)

    irsa_account = account(name=service_account)
    irsa_role = new_role(IRSA, role, irsa_account, policy_arns=access, **of_role)
    pods(IRSA, irsa_account, role_arn=irsa_role.role_arn, **of_workload)

    role_b_arn, chained = role_arn(ACCOUNT_B, role_b), account(name=CHAIN)
    role_a = new_role("role-a", "s3-app-A", chained, role_b_arns=[role_b_arn])
    target = irsa.TargetRoleArgs(role_arn=role_b_arn, duration_seconds=duration)
    chain = irsa.RoleChainArgs(targets=[target], region=REGION)
    pods(CHAIN, chained, role_arn=role_a.role_arn, chain=chain)
    trusted = irsa.TrustedRoleArgs(role_arn=role_a.role_arn, unique_id=role_a.role_unique_id)
    role_b_args = irsa.CrossAccountRoleArgs(role_name=role_b, trusted_roles=[trusted])
    irsa.CrossAccountRole("role-b", role_b_args, in_b)


def opened(session: Session, **changes: Any) -> SandboxStack:
    """The program's stack, with other arguments if wanted."""
    changed = partial(program, **changes)
    return SandboxStack(session.state, program=changed, project_name=PROJECT)


@pytest.fixture(scope="module", params=STATES)
def plugin(request: pytest.FixtureRequest) -> str:
    """The provider that the second sandbox leaves to its plugin."""
    return request.param


@pytest.fixture(scope="module")
def both(session: Session, plugin: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """The program with attached providers and with the plugin."""
    # An earlier module may have left it, with its names.
    SandboxStack(session.state, ROOT).destroy()
    with with_plugin.sandbox_with(plugin, tmp_path_factory.mktemp("published")) as published:
        sessions = session, published
        before = [left_overs(sandbox) for sandbox in sessions]
        for sandbox in sessions:
            opened(sandbox).up()
        yield sessions
        for sandbox in sessions:
            opened(sandbox).destroy()
        assert [left_overs(sandbox) for sandbox in sessions] == before


def _changes(stack: SandboxStack) -> with_plugin.Resources:
    """Return the steps of a preview; a replacement is several on one URN."""
    changes: dict[tuple[str, str], dict[str, Any]] = {}
    for step in programs.steps_of(stack):
        paths = {
            path: change.diff_kind.value for path, change in (step.detailed_diff or {}).items()
        }
        step_changes = {"keys": sorted(step.keys or []), "diffs": sorted(step.diffs or [])}
        step_changes["detailed"] = paths
        changes.setdefault((step.type, step.urn), {})[str(step.op.value)] = step_changes
    return changes


def _settled(state: State, other: State) -> with_plugin.Resources:
    """Return inputs and outputs without times, ids and generated names."""
    made_up = _made_up(state, other)
    things: dict[tuple[str, str], dict[str, Any]] = {}
    for urn, resource in state.items():
        text = json.dumps({name: resource.get(name, {}) for name in ("inputs", "outputs")})
        for made, name in made_up.items():
            text = text.replace(made, name)
        for pattern, name in _RANDOM:
            text = re.sub(pattern, name, text)
        things[resource["type"], urn] = json.loads(text)
    return things


def _made_up(state: State, other: State) -> dict[str, str]:
    """The ids and generated names of a state's resources, where the other state differs."""
    names: dict[str, str] = {}
    for urn in state.keys() & other.keys():
        resource, logical = state[urn], urn.rpartition("::")[2]
        if "id" in resource and resource["id"] != other[urn].get("id"):
            names[resource["id"]] = f"<id of {logical}>"
        inputs = resource.get("inputs", {})
        for key in ("name", "nodeGroupName"):
            if key in inputs.get(DEFAULTS, ()):
                names[inputs[key]] = f"<name of {logical}>"
    # An id may have a name within: the longer one first.
    return dict(sorted(names.items(), key=lambda pair: -len(pair[0])))


def plain(value: Any) -> Any:
    """JSON in one spelling, and only what there is."""
    if isinstance(value, Mapping):
        inner = {name: plain(each) for name, each in value.items() if name not in NOTES}
        return {name: each for name, each in inner.items() if each not in NOTHING}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, str) and value.startswith(("{", "[")):
        return canonical(value) if '"Statement"' in value else json.loads(value)
    return value


def test_the_plugin_finds_no_changes_after_an_up(both: Both):
    stack = opened(both[1])
    for operation in (stack.preview, stack.refresh, stack.preview):
        assert operation().keys() == {"same"}


def test_both_create_the_same_resources(plugin: str, both: Both):
    def compared(things: with_plugin.Resources) -> with_plugin.Resources:
        """Resources of the plugin, and of itself."""
        of_plugin = (f"{plugin}:", f"pulumi:providers:{plugin}")
        named = {key: state for key, state in things.items() if key[0].startswith(of_plugin)}
        return {key: plain(state) if plugin == "aws" else state for key, state in named.items()}

    states = [opened(session).export()["resources"] for session in both]
    ours, theirs = ({state["urn"]: state for state in resources} for resources in states)
    ours, theirs = _settled(ours, theirs), _settled(theirs, ours)

    assert ours.keys() == theirs.keys()
    with_plugin.explained(with_plugin.differences(compared(ours), compared(theirs)), STATES[plugin])


def test_both_preview_the_same_changes(plugin: str, both: Both):
    changes: list[dict[str, Any]] = [  # together that do not hide each other: previews take seconds
        {
            "permissions": "read_write",
            "of_role": {
                "max_session_duration": 7200,
                "description": "another",
                "tags": {"team": "a"},
            },
            "key_version": 2,
        },
        {"role": "renamed", "bucket": "another-bucket", "user": "renamed"},
        {"service_account": "renamed", "role_b": "renamed"},
        {
            "token": TokenArgs(expiration=7200),
            "duration": 1800,
            "replicas": 2,
            "container": {
                "image": f"{IMAGE}:2.32.0",
                "env": [{"name": "LANG", "value": "C.UTF-8"}],
                "command": ["sleep", "60"],
            },
        },
    ]
    diffs: list[with_plugin.Difference] = []
    for arguments in changes:
        ours, theirs = (_changes(opened(session, **arguments)) for session in both)
        assert ours
        assert ours.keys() == theirs.keys()
        diffs += with_plugin.differences(ours, theirs)

    diffs = [diff for diff in diffs if diff.type.startswith(f"{plugin}:")]
    with_plugin.explained(diffs, PREVIEWS[plugin])
