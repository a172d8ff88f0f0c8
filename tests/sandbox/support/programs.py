"""Stacks of programs that tests write as functions."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pulumi_kubernetes as k8s
from pulumi import ResourceOptions
from pulumi.automation import EngineEvent, StepEventMetadata

import irsa_components as irsa
from irsa_core.identity.policies import service_trust_policy
from irsa_sandbox.aws.accounts import REGION
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.session import Session
from irsa_sandbox.state import SandboxError
from tests.support.refusal import refusal as line_of_refusal

POD_SPEC: Any = {"containers": [{"name": "app", "image": "app"}]}
TRUST = json.dumps(service_trust_policy("ec2.amazonaws.com"))
"""Trust policy of a role that no Pod assumes."""


def stack_of(
    session: Session, project: str, program: Callable[[], object], **options: Any
) -> SandboxStack:
    """Open a stack of a function."""
    options = {"project_name": project, "config": {"aws:region": REGION}, **options}
    return SandboxStack(session.state, program=program, **options)


def in_cluster(session: Session) -> ResourceOptions:
    """Options with a new provider for the sandbox's cluster, set up like that of `EksCluster`."""
    provider = k8s.Provider(
        "cluster",
        kubeconfig=Path(session.state.kubeconfig).read_text(),
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
    )
    return ResourceOptions(providers=[provider])


def in_namespace(opts: ResourceOptions, name: str, **args: bool) -> ResourceOptions:
    """Options for what depends on a namespace of the program."""
    created = irsa.Namespace(name, irsa.NamespaceArgs(namespace=name, **args), opts)
    return ResourceOptions.merge(opts, ResourceOptions(depends_on=[created]))


def pods(name: str, account: irsa.ServiceAccount, opts: ResourceOptions, **args: Any) -> None:
    """Deploy pods of a service account."""
    args = {"service_account": account, "pod_spec": POD_SPEC, **args}
    irsa.Workload(name, irsa.WorkloadArgs(**args), opts)


def key_of(user: irsa.AccessKeyUser) -> irsa.AccessKeyArgs:
    """Return the credentials of a workload with the user's key."""
    key = {"access_key_id": user.access_key_id, "secret_access_key": user.secret_access_key}
    return irsa.AccessKeyArgs(**key, region=REGION)


refusal = partial(line_of_refusal, raised=SandboxError)
"""The one line with which an operation ends."""


def unchanged(stack: SandboxStack) -> None:
    """Fail if a refresh or the program finds a change, as `--refresh --expect-no-changes` does."""
    stack.preview(refresh=True, expect_no_changes=True)


def exported(stack: SandboxStack, folder: Path) -> str:
    """Write the stack's state as `pulumi stack export` does; return the file."""
    file = folder / "export.json"
    file.write_text(json.dumps({"version": 3, "deployment": stack.export()}))
    return str(file)


def ids(stack: SandboxStack, kind: str) -> list[str]:
    """Return the ids of the stack's resources of a type."""
    return [each["id"] for each in stack.export()["resources"] if each["type"] == kind]


def steps_of(stack: SandboxStack) -> list[StepEventMetadata]:
    """Return the steps of a preview that change a resource."""
    events: list[EngineEvent] = []
    stack.preview(on_event=events.append)
    steps = [event.resource_pre_event.metadata for event in events if event.resource_pre_event]
    return [step for step in steps if step.op not in ("same", "read")]


def changes_of(stack: SandboxStack) -> dict[str, list[str]]:
    """Return the changes of a preview: `type::name`, and the properties."""
    changes: dict[str, list[str]] = {}
    for step in steps_of(stack):
        kind, name = step.urn.split("::")[2:]
        changes[f"{kind.rpartition('$')[2]}::{name}"] = sorted(step.diffs or [step.op])
    return changes
