"""Pods that become roles of several accounts, by IRSA and by EKS Pod Identity."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pulumi import ResourceOptions

from irsa.identity.arns import role_arn, session_arn_prefix
from irsa.identity.pod_identity import external_id
from irsa.identity.subjects import ServiceAccountRef
from irsa_components import ServiceAccount
from irsa_components.credentials import PodIdentityArgs, RoleChainArgs, TargetRoleArgs
from irsa_components.cross_account_role import (
    CrossAccountRole,
    CrossAccountRoleArgs,
    TargetingAssociationArgs,
    TrustedRoleArgs,
)
from irsa_components.namespace import NamespaceArgs
from irsa_components.pod_identity_association import (
    PodIdentityAssociation,
    PodIdentityAssociationArgs,
)
from irsa_components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from irsa_components.workload import Workload, WorkloadArgs
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.session import Session
from tests.sandbox.support import sdk_programs
from tests.sandbox.support.associated import CLUSTER_ARN, eks_cluster
from tests.sandbox.support.chain import WHO, account_b, changes_of
from tests.sandbox.support.programs import POD_SPEC, in_namespace, stack_of, unchanged
from tests.sandbox.support.world import RegisteredCluster, world

pytestmark = pytest.mark.sandbox

NAMESPACE = "several"
IRSA, AGENT, PROFILE_ONLY = "irsa", "agent", "agent-profile"
"""Workloads: by IRSA; by EKS Pod Identity; the same, with a profile that is chosen for them."""
AGENTS = (AGENT, PROFILE_ONLY)
TARGETS = {
    "B": role_arn(ACCOUNT_B, "several-B"),
    "C": role_arn(ACCOUNT_B, "several-C"),
    "own": role_arn(ACCOUNT_A, "several-own"),
}
"""Roles of two accounts by profile."""
REMOVED = "C"


def own_role(workload: str) -> str:
    return role_arn(ACCOUNT_A, f"several-{workload}")


def id_of(workload: str) -> str | None:
    """The external id that an association's targets ask for."""
    account = ServiceAccountRef(NAMESPACE, workload)
    return None if workload == IRSA else external_id(CLUSTER_ARN, account)


@dataclass
class Several:
    """A stack with the workloads, and one with the roles, which goes first."""

    world: RegisteredCluster
    targets: list[str] = field(default_factory=lambda: [*TARGETS])

    @property
    def session(self) -> Session:
        return self.world.session

    def workloads(self) -> SandboxStack:
        return stack_of(self.session, "several", self._workloads)

    def roles(self) -> SandboxStack:
        return stack_of(self.session, "several-roles", self._roles)

    def _workloads(self) -> None:
        opts = in_namespace(self.session, NamespaceArgs(namespace=NAMESPACE, force_destroy=True))
        self._workload(IRSA, opts, provider_arns=[self.world.provider_arn])
        for name in AGENTS:
            self._workload(name, opts, cluster_arns=[CLUSTER_ARN])

    def _workload(self, name: str, opts: ResourceOptions, **clusters: Any) -> None:
        account = ServiceAccount(namespace=NAMESPACE, name=name)
        role_args = ServiceAccountRoleArgs(
            role_name=f"several-{name}",
            service_accounts=[account],
            role_b_arns=[TARGETS[each] for each in self.targets],
            **clusters,
        )
        role = ServiceAccountRole(name, role_args)
        targets = [
            TargetRoleArgs(role_arn=TARGETS[each], profile=each, external_id=id_of(name))
            for each in self.targets
        ]
        identity: dict[str, Any] = {"role_arn": role.role_arn}
        if name != IRSA:
            args = PodIdentityAssociationArgs(
                cluster_arn=CLUSTER_ARN, service_account=account, role_arn=role.role_arn
            )
            association = PodIdentityAssociation(name, args)
            kubeconfig = Path(self.session.state.kubeconfig).read_text()
            identity = {
                "pod_identity": PodIdentityArgs(
                    association_id=association.association_id, kubeconfig=kubeconfig
                )
            }
        args = WorkloadArgs(
            service_account=account,
            pod_spec=POD_SPEC,
            chain=RoleChainArgs(targets=targets, region=REGION, profile_only=name == PROFILE_ONLY),
            **identity,
        )
        Workload(name, args, opts)

    def _roles(self) -> None:
        in_b = ResourceOptions(providers=[account_b()])
        associations = [
            TargetingAssociationArgs(
                cluster_arn=CLUSTER_ARN,
                service_account=ServiceAccount(namespace=NAMESPACE, name=name),
                role_arn=own_role(name),
            )
            for name in AGENTS
        ]
        for profile, arn in TARGETS.items():
            args = CrossAccountRoleArgs(
                role_name=f"several-{profile}",
                trusted_roles=[TrustedRoleArgs(role_arn=own_role(IRSA))],
                trust="principal-arn",
                associations=associations,
            )
            CrossAccountRole(profile, args, in_b if ACCOUNT_B in arn else None)

    def run(self, workload: str, command: list[str]) -> str:
        """The output or the error of a program in a pod."""
        return self.session.in_pod(NAMESPACE, workload, command).output.strip()

    def sdk(self, workload: str, command: list[str]) -> str:
        """The output of a program of this machine, whose path is none in the pod."""
        with self.session.pod_process(NAMESPACE, workload) as process:
            done = subprocess.run(
                command, env=process.env, capture_output=True, text=True, check=False
            )
        return done.stdout.strip() or done.stderr

    def who(self, workload: str, *options: str) -> str:
        """The identity of the AWS CLI in a pod, or its error."""
        return self.run(workload, [*WHO, *options])

    def assume(self, workload: str, profile: str) -> str:
        """The answer to a pod's own role that assumes a target by hand."""
        id_ = id_of(workload)
        command = [
            *("env", "-u", "AWS_PROFILE", "aws", "sts", "assume-role", "--output", "text"),
            *("--role-arn", TARGETS[profile], "--role-session-name", "by-hand"),
            *(("--external-id", id_) if id_ else ()),
        ]
        return self.run(workload, command)

    def verify(self, *options: str) -> list[tuple[str, str, str]]:
        """Service account, profile and verdict of each chain."""
        done = self.world.irsa("verify", *options, "--wait", "0", "--output", "json")
        return [(e["service_account"], e["profile"], e["verdict"]) for e in done.json]


@pytest.fixture(scope="module")
def several(session: Session) -> Iterator[Several]:
    with world(session) as own, eks_cluster(own):
        found = Several(own)
        found.roles().up()
        found.workloads().up()
        yield found
        found.workloads().destroy()
        found.roles().destroy()


@pytest.mark.parametrize("profile", TARGETS)
@pytest.mark.parametrize("workload", [IRSA, *AGENTS])
def test_each_profile_is_its_role(several: Several, workload: str, profile: str):
    session = f"{session_arn_prefix(TARGETS[profile])}xactarget"

    assert several.who(workload, "--profile", profile) == session


@pytest.mark.parametrize("sdk", sdk_programs.PROGRAMS)
def test_an_sdk_starts_from_the_agent(several: Several, sdk: str):
    """Without a profile it is the association's role; with one, and by AWS_PROFILE, the target."""
    program = sdk_programs.PROGRAMS[sdk]()
    target = f"{session_arn_prefix(TARGETS['B'])}xactarget"
    own, *chained = (
        several.sdk(workload, command)
        for workload, command in (
            (AGENT, program.command),
            (AGENT, program.with_profile("B")),
            (PROFILE_ONLY, program.command),
        )
    )

    assert own.startswith(session_arn_prefix(own_role(AGENT)))
    assert chained == [target, target]


def test_verify_and_list_show_each_target(several: Several, tmp_path: Path):
    chains = [(name, profile, "passed") for name in sorted([IRSA, *AGENTS]) for profile in TARGETS]
    file = exported(several, tmp_path)

    assert sorted(several.verify("--stack", file)) == sorted(chains)
    asked = ("--namespace", NAMESPACE, "--service-account", AGENT)
    assert several.verify(*asked) == [(AGENT, profile, "passed") for profile in TARGETS]
    shown = several.world.irsa("explain", "--stack", file).out
    assert all(f"{NAMESPACE}/{name} (profile {profile})" in shown for name, profile, _ in chains)
    found = several.world.irsa("list", "--output", "json").json["service_accounts"]
    listed = [each for each in found if each["namespace"] == NAMESPACE and each["identities"]]
    assert {each["name"] for each in listed} == {IRSA, *AGENTS}
    for each in listed:
        assert {*each["identities"][0]["targets"]} == {*TARGETS.values()}


def exported(several: Several, folder: Path) -> str:
    file = folder / "export.json"
    deployment = several.workloads().export()
    file.write_text(json.dumps({"version": 3, "deployment": deployment}))
    return str(file)


def test_a_removed_target_goes_from_policy_and_profiles_alone(several: Several, tmp_path: Path):
    everyone = (IRSA, *AGENTS)
    assert all("several-C/by-hand" in several.assume(name, REMOVED) for name in everyone)
    several.targets.remove(REMOVED)
    stack = several.workloads()

    changes = changes_of(stack)
    stack.up()

    assert changes.keys() == {
        f"{kind}::{name}"
        for each in everyone
        for kind, name in (
            ("aws:iam/policy:Policy", f"several-{each}-assume-role"),
            ("kubernetes:core/v1:ConfigMap", each),
            ("kubernetes:apps/v1:Deployment", each),
        )
    }
    unchanged(several.roles())
    for name in everyone:
        assert "(AccessDenied) when calling the AssumeRole" in several.assume(name, REMOVED)
        assert "could not be found" in several.who(name, "--profile", REMOVED)
        assert all(
            several.who(name, "--profile", each).startswith(session_arn_prefix(TARGETS[each]))
            for each in several.targets
        )
    chains = several.verify("--stack", exported(several, tmp_path))
    assert sorted(chains) == sorted(
        (name, profile, "passed") for name in everyone for profile in several.targets
    )
