"""Pods that become roles of several accounts, by IRSA and by EKS Pod Identity, with real SDKs.

A call that succeeds proves nothing here: in several rows of the table of docs/forms.md it succeeds
with the wrong identity.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pulumi_aws as aws
import pytest
from pulumi import ResourceOptions

import irsa_components as irsa
from irsa_core.identity.arns import role_arn, session_arn_prefix
from irsa_core.identity.eks import WEB_IDENTITY_VARIABLES
from irsa_core.identity.pod_identity import external_id
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from irsa_sandbox.aws.server import CROSS_ACCOUNT_ROLE
from irsa_sandbox.engine.stack import ROOT
from irsa_sandbox.testing.sandbox import CLUSTER
from tests.sandbox.support import programs
from tests.sandbox.support.in_process import RegisteredCluster
from tests.sandbox.support.pod_identity import arn_of_cluster, node_role, nodes_with_agent
from tests.sandbox.support.programs import changes_of, unchanged
from tests.sandbox.support.sdk_programs import PROGRAMS
from tests.support.processes import ran

CLUSTER_ARN = arn_of_cluster(CLUSTER)
NAMESPACE = "several"
IRSA, AGENT = "irsa", "agent"
WORKLOADS = [AGENT, IRSA]
"""Each has a second one, whose only profile is chosen for its Pods."""
TARGETS = {
    "B": role_arn(ACCOUNT_B, "several-B"),
    "C": role_arn(ACCOUNT_B, "several-C"),
    "own": role_arn(ACCOUNT_A, "several-own"),
}
"""Roles of two accounts by profile."""
VERDICT = {"own": "unknown"}
"""That role can be read, and has no policy."""
EVERYONE = [f"{name}{suffix}" for name in WORKLOADS for suffix in ("", "-profile")]
OWN = {name: role_arn(ACCOUNT_A, f"several-{name}") for name in WORKLOADS}
REMOVED = "C"


def id_of(workload: str) -> str | None:
    """The external id that an association's targets ask for."""
    account = ServiceAccountRef(NAMESPACE, workload)
    return external_id(CLUSTER_ARN, account) if workload.startswith(AGENT) else None


@dataclass
class Several:
    """A stack with the workloads, and one with the roles, which goes first."""

    world: RegisteredCluster
    targets: list[str] = field(default_factory=lambda: [*TARGETS])

    @property
    def session(self):
        return self.world.session

    def stack(self, program):
        return programs.stack_of(self.session, f"several-{program.__name__}", program)

    def workloads(self) -> None:
        in_cluster = programs.in_cluster(self.session)
        opts = programs.in_namespace(in_cluster, NAMESPACE, force_destroy=True)
        clusters = {
            IRSA: {"provider_arns": [self.world.provider_arn]},
            AGENT: {"cluster_arns": [CLUSTER_ARN]},
        }
        kubeconfig = Path(self.session.state.kubeconfig).read_text()
        for name in WORKLOADS:
            both = [name, f"{name}-profile"]
            accounts = [irsa.ServiceAccount(namespace=NAMESPACE, name=app) for app in both]
            args = {"role_name": f"several-{name}", "service_accounts": accounts, **clusters[name]}
            args |= {"role_b_arns": [TARGETS[key] for key in self.targets]}
            role = irsa.ServiceAccountRole(name, irsa.ServiceAccountRoleArgs(**args))
            for workload, account in zip(both, accounts, strict=True):
                identity = {"role_arn": role.role_arn}
                if name == AGENT:
                    inputs = {"cluster_arn": CLUSTER_ARN, "service_account": account, **identity}
                    association_args = irsa.PodIdentityAssociationArgs(**inputs)
                    made = irsa.PodIdentityAssociation(workload, association_args).association_id
                    pod_identity = irsa.PodIdentityArgs(association_id=made, kubeconfig=kubeconfig)
                    identity = {"pod_identity": pod_identity}
                target = partial(irsa.TargetRoleArgs, external_id=id_of(workload))
                targets = [target(role_arn=TARGETS[key], profile=key) for key in self.targets]
                only = workload != name
                chain = irsa.RoleChainArgs(targets=targets, region=REGION, profile_only=only)
                programs.pods(workload, account, opts, chain=chain, **identity)

    def roles(self) -> None:
        administrator = aws.ProviderAssumeRoleArgs(role_arn=role_arn(ACCOUNT_B, CROSS_ACCOUNT_ROLE))
        account_b = aws.Provider("account-b", region=REGION, assume_roles=[administrator])
        in_b = ResourceOptions(providers=[account_b])
        names = [name for name in EVERYONE if id_of(name)]
        accounts = [irsa.ServiceAccount(namespace=NAMESPACE, name=name) for name in names]
        args = partial(irsa.TargetingAssociationArgs, cluster_arn=CLUSTER_ARN, role_arn=OWN[AGENT])
        by = {"associations": [args(service_account=account) for account in accounts]}
        by |= {"trusted_roles": [irsa.TrustedRoleArgs(role_arn=OWN[IRSA])]}
        by |= {"trust": "principal-arn"}
        for profile, arn in TARGETS.items():
            role_args = irsa.CrossAccountRoleArgs(role_name=f"several-{profile}", **by)
            irsa.CrossAccountRole(profile, role_args, in_b if ACCOUNT_B in arn else None)

    def verify(self, *of: str) -> list[tuple[str, str, str]]:
        """Service account, profile and verdict of each chain."""
        done = self.world.irsa("verify", *of, "--wait", "0", "--output", "json")
        return sorted((e["service_account"], e["profile"], e["verdict"]) for e in done.chains)

    def export(self, folder: Path) -> str:
        return programs.exported(self.stack(self.workloads), folder)


@pytest.fixture(scope="module")
def several(session, sandbox):
    iam, eks = session.aws("iam"), session.aws("eks")
    nodes_with_agent(eks, CLUSTER, node_role(iam))
    found = Several(RegisteredCluster(session))
    found.stack(found.roles).up()
    found.stack(found.workloads).up()
    return found


# Identities, as the start of the final ARN. Sessions of the profiles have a name of our own; those
# of injected credentials have one that the SDK makes up.
CELLS = {
    "A": f"{session_arn_prefix(OWN[IRSA])}xactarget",
    "injected": session_arn_prefix(OWN[IRSA]),
    "agent": session_arn_prefix(OWN[AGENT]),
    "A→B": f"{session_arn_prefix(TARGETS['B'])}xactarget",
    "**the keys**": f"arn:aws:iam::{ACCOUNT_B}:root",
    "AccessDenied": "AccessDenied",
    "**none**": "no credentials, so that on EC2 the SDK would use the node's role",
}
_NO_CREDENTIALS = re.compile(
    "Unable to (locate|load) credentials|no EC2 IMDS role found|file contained no credentials"
)


class Setup(NamedTuple):
    """Environment and configuration of a process in the Pod."""

    env: Mapping[str, str] = {}
    profile: str | None = None
    config: Callable[[str], str] | None = None
    """Another AWS config file, made from the Pod's."""


KEYS = {"AWS_ACCESS_KEY_ID": ACCOUNT_B, "AWS_SECRET_ACCESS_KEY": "(root's)"}
REFUSES = {"AWS_PROFILE": "A", "AWS_ROLE_ARN": role_arn(ACCOUNT_A, "no-such-role")}
SETUPS = {
    "neither profile nor keys": Setup(),
    "profile B on the command line or in code": Setup(profile="B"),
    "`AWS_PROFILE=B`": Setup({"AWS_PROFILE": "B"}),
    # botocore takes the role from the injected variables and the session's name from the profile.
    "`AWS_PROFILE=A`": Setup({"AWS_PROFILE": "A"}),
    # Shows whether the profile or the injected variables decide, where both name role A.
    "`AWS_PROFILE=A`, and the injected role does not trust the pod": Setup(REFUSES),
    "a `[default]` profile like B": Setup(
        config=lambda text: text.replace("[profile B]", "[default]")
    ),
    "keys in the environment": Setup(KEYS),
    "keys in the environment and `AWS_PROFILE=B`": Setup({**KEYS, "AWS_PROFILE": "B"}),
    "a profile without credentials, on the command line or in code": Setup(
        profile="empty", config=lambda _: "[profile empty]\nregion = us-east-1\n"
    ),
}
"""By the first column of the document's table."""


def documented() -> dict[str, dict[str, str]]:
    """Return the document's table: setup to SDK to cell."""
    text = (ROOT / "docs" / "forms.md").read_text()
    table = text.split("<!-- begin: sdk matrix -->\n")[1].split("\n<!-- end: sdk matrix -->")[0]
    (_, *sdks), _, *rows = (
        [cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()
    )
    return {setup: dict(zip(sdks, cells, strict=True)) for setup, *cells in rows}


def identity(several: Several, workload: str, sdk: str, setup: Setup) -> str:
    """The cell for the identity that an SDK in a Pod ends up with, or its error."""
    program = PROGRAMS[sdk]()
    with several.session.pod_process(NAMESPACE, workload) as process:
        env = {**process.env, **setup.env}
        if "AWS_SECRET_ACCESS_KEY" in setup.env:
            env["AWS_SECRET_ACCESS_KEY"] = several.session.state.root_secret
        if setup.config is not None:
            file = Path(env["HOME"]) / "config"
            file.write_text(setup.config(Path(env["AWS_CONFIG_FILE"]).read_text()))
            env["AWS_CONFIG_FILE"] = str(file)
        command = program.with_profile(setup.profile) if setup.profile else program.command
        done = ran(*command, env=env)
    if done.returncode == 0:
        last = done.stdout.strip().splitlines()[-1]
        return next((cell for cell, arn in CELLS.items() if last.startswith(arn)), last)
    if _NO_CREDENTIALS.search(done.stderr):
        return "**none**"
    return "AccessDenied" if "AccessDenied" in done.stderr else done.stderr


def test_the_document_has_each_setup_and_sdk():
    assert documented().keys() == SETUPS.keys()
    assert [cells for cells in documented().values() if [*cells] != [*PROGRAMS]] == []


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("sdk", PROGRAMS)
def test_an_sdk_in_the_pod_has_the_documented_identity(several: Several, sdk: str, setup: str):
    assert identity(several, IRSA, sdk, SETUPS[setup]) == documented()[setup][sdk]


@pytest.mark.parametrize("sdk", PROGRAMS)
def test_an_sdk_starts_from_the_agent_or_is_role_b_by_profile_only(
    several: Several, sdk: str, tmp_path: Path
):
    """It does not start from the agent if a web identity is set by hand."""
    file = tmp_path / "token"
    file.write_text(several.session.token(NAMESPACE, IRSA))
    by_hand = dict(zip(WEB_IDENTITY_VARIABLES, (OWN[IRSA], str(file)), strict=True))

    assert identity(several, AGENT, sdk, Setup()) == "agent"
    assert identity(several, AGENT, sdk, Setup(profile="B")) == "A→B"
    assert identity(several, AGENT, sdk, Setup(by_hand)) == "injected"
    for name in WORKLOADS:
        assert identity(several, f"{name}-profile", sdk, Setup()) == "A→B"


def test_verify_and_list_show_each_target(several: Several, tmp_path: Path):
    chains = [(name, key, VERDICT.get(key, "passed")) for name in EVERYONE for key in TARGETS]
    file = several.export(tmp_path)
    assert several.verify("--stack", file) == sorted(chains)
    asked = ("--namespace", NAMESPACE, "--service-account", AGENT)
    assert several.verify(*asked) == sorted(chain for chain in chains if chain[0] == AGENT)
    shown = several.world.irsa("explain", "--stack", file).out
    titles = [f"{NAMESPACE}/{name} (profile {profile})" for name, profile, _ in chains]
    assert [title for title in titles if title not in shown] == []
    accounts = several.world.irsa("list", "--output", "json").json["service_accounts"]
    listed = {account["name"]: account for account in accounts if account["namespace"] == NAMESPACE}
    # Without an annotation, Kubernetes alone does not say who the fourth one is.
    for name in (IRSA, AGENT, f"{AGENT}-profile"):
        assert {*listed[name]["identities"][0]["targets"]} == {*TARGETS.values()}


def test_a_removed_target_goes_from_policy_and_profiles_alone(several: Several, tmp_path: Path):
    def assume(workload: str) -> str:
        """The answer to a Pod's own role that assumes the removed target by hand."""
        command = ["aws", "sts", "assume-role", "--role-arn", TARGETS[REMOVED]]
        command += ["--role-session-name", "by-hand"]
        command += ["--external-id", id_of(workload)] if id_of(workload) else []
        return several.session.in_pod(NAMESPACE, workload, command).output

    assert [name for name in WORKLOADS if "several-C/by-hand" not in assume(name)] == []
    several.targets.remove(REMOVED)
    stack = several.stack(several.workloads)

    changes = changes_of(stack)
    stack.up()

    changed = {f"aws:iam/policy:Policy::several-{name}-assume-role" for name in WORKLOADS}
    for kind in ("kubernetes:core/v1:ConfigMap", "kubernetes:apps/v1:Deployment"):
        changed |= {f"{kind}::{name}" for name in EVERYONE}
    assert changes.keys() == changed
    unchanged(several.stack(several.roles))
    for name in WORKLOADS:
        assert "(AccessDenied) when calling the AssumeRole" in assume(name)
        assert "could not be found" in identity(several, name, "boto3", Setup(profile=REMOVED))
    chains = [(n, e, VERDICT.get(e, "passed")) for n in EVERYONE for e in several.targets]
    assert several.verify("--stack", several.export(tmp_path)) == sorted(chains)
