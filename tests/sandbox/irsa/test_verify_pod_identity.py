"""`python -m irsa verify` for EKS Pod Identity: the link that fails, and a remedy that works."""

import contextlib
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from lightkube.resources.core_v1 import Pod

from irsa.identity.eks import FARGATE_LABEL, ROLE_ARN_ANNOTATION, WEB_IDENTITY_VARIABLES
from irsa.identity.pod_identity import (
    TargetedBy,
    pod_identity_trust_policy,
    target_role_trust_policy,
)
from irsa.identity.policies import assume_role_permissions_policy, irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa_components import ServiceAccount
from irsa_components.credentials import PodIdentityArgs
from irsa_components.namespace import NamespaceArgs
from irsa_components.pod_identity_association import (
    PodIdentityAssociation,
    PodIdentityAssociationArgs,
)
from irsa_components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from irsa_components.workload import Workload, WorkloadArgs
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.aws.clients import AwsClients, Credentials
from irsa_sandbox.json_types import Json
from irsa_sandbox.webhook.identities import held_back
from tests.sandbox.irsa.test_list import user_with
from tests.sandbox.support.associated import (
    CLUSTER,
    CLUSTER_ARN,
    NODES,
    AssociatedWorkload,
    associated_workload,
    eks_cluster,
    wait_for_agent,
)
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.in_process import Result
from tests.sandbox.support.kubectl import NAME
from tests.sandbox.support.pod_identity import ADDON, NODE_POLICY
from tests.sandbox.support.programs import POD_SPEC, in_namespace, stack_of
from tests.sandbox.support.remedies import apply, remedied
from tests.sandbox.support.workload import troubles

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def world(irsa_world):
    with eks_cluster(irsa_world):
        yield irsa_world


@pytest.fixture
def workload(world):
    with associated_workload(world) as found:
        yield found


class Broken(NamedTuple):
    """A break of the chain."""

    name: str
    do: Callable[[AssociatedWorkload], None]
    link: str
    found: str


def another_role(workload: AssociatedWorkload) -> None:
    name, trust = f"{workload.namespace}-other", json.dumps(workload.trust_policy)
    other = workload.session.aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    workload.eks.update_pod_identity_association(
        clusterName=CLUSTER,
        associationId=workload.association,
        roleArn=other["Role"]["Arn"],
    )


def no_association_and_no_trust(workload: AssociatedWorkload) -> None:
    workload.dissociate()
    trust_another(workload)


def trust_another(workload: AssociatedWorkload) -> None:
    other = ServiceAccountRef(workload.namespace, "other")
    workload.set_trust(pod_identity_trust_policy([CLUSTER_ARN], [other]))


def without_agent(workload: AssociatedWorkload) -> None:
    workload.eks.delete_addon(clusterName=CLUSTER, addonName=ADDON)
    pods = workload.session.cluster.list
    eventually(lambda: ADDON not in [p.metadata.name for p in pods(Pod, namespace="kube-system")])


def too_early(workload: AssociatedWorkload) -> None:
    workload.dissociate()
    with held_back(workload.eks, workload.session.state.path):
        workload.associate()
        workload.deploy(metadata={"annotations": {"again": "1"}})


def by_hand(workload: AssociatedWorkload) -> None:
    values = (f"arn:aws:iam::{ACCOUNT_A}:role/before", "/token")
    pairs = zip(WEB_IDENTITY_VARIABLES, values, strict=True)
    workload.deploy(container={"env": [{"name": name, "value": value} for name, value in pairs]})


def env(workload: AssociatedWorkload, **variables: str) -> None:
    listed = [{"name": name, "value": value} for name, value in variables.items()]
    workload.deploy(container={"env": listed})


def on_fargate(workload: AssociatedWorkload) -> None:
    irsa = irsa_trust_policy([workload.world.provider_arn], [workload.account])
    both = [*workload.trust_policy["Statement"], *irsa["Statement"]]
    workload.set_trust({**irsa, "Statement": both})
    workload.service_account({ROLE_ARN_ANNOTATION: workload.role_arn})
    workload.deploy(metadata={"labels": {FARGATE_LABEL: "default"}})


def without_tags(workload: AssociatedWorkload) -> None:
    """A role that trusts the association by its tags, which are disabled."""
    workload.associate(disableSessionTags=True)
    workload.restart()


BREAKS = [
    Broken("tags-disabled", without_tags, "trust", "aws:RequestTag"),
    Broken(
        "relative-uri",
        lambda w: env(w, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="/v2/credentials"),
        "precedence",
        "in place of the agent",
    ),
    Broken("fargate", on_fargate, "agent", "on Fargate, where no agent runs"),
    Broken("no-association", lambda w: w.dissociate(), "association", "has none"),
    Broken("another-role", another_role, "association", "-other"),
    Broken("no-association-and-no-trust", no_association_and_no_trust, "association", "has none"),
    Broken("no-agent", without_agent, "agent", "nothing answers the Pods"),
    Broken("too-early", too_early, "injection", "the Pod was not mutated"),
    Broken("by-hand", by_hand, "precedence", "role/before wins over the association"),
    Broken("no-role", lambda w: w.delete_role(), "role", "no such role"),
    Broken("trust-of-another", trust_another, "trust", "the request says"),
    Broken("no-tags", lambda w: w.trust(Action="sts:AssumeRole"), "trust", "sts:TagSession"),
    Broken(
        "no-permission",
        lambda w: w.session.aws("iam").delete_role_policy(RoleName=w.role_name, PolicyName="data"),
        "permissions",
        "the role has no policy",
    ),
]


def test_a_whole_chain_passes_and_the_pod_is_the_role(workload):
    done = workload.verify()

    assert (done.code, troubles(done.json[0])) == (0, [])
    assert workload.identity().startswith(workload.session_arn())


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.name)
def test_the_link_is_named_and_its_remedy_fixes_it(workload, broken):
    broken.do(workload)

    remedied(workload, broken.link, broken.found)
    wait_for_agent(workload.world)

    assert troubles(workload.verify().json[0]) == []
    assert workload.identity().startswith(workload.session_arn())


@contextlib.contextmanager
def nodes_may_not_ask(workload: AssociatedWorkload) -> Iterator[None]:
    iam = workload.session.aws("iam")
    policy = {"RoleName": NODES, "PolicyArn": NODE_POLICY}
    iam.detach_role_policy(**policy)
    try:
        workload.restart()
        yield
    finally:
        iam.attach_role_policy(**policy)


@contextlib.contextmanager
def with_env(workload: AssociatedWorkload, **variables: str) -> Iterator[None]:
    env(workload, **variables)
    yield


LIST = "import boto3, sys; boto3.client('s3').list_objects_v2(Bucket=sys.argv[1])"


@pytest.mark.parametrize(
    ("broken", "verdict", "link"),
    [
        (partial(with_env, AWS_ENDPOINT_URL="http://127.0.0.1:9"), "unknown", "precedence"),
        (partial(with_env, AWS_ENDPOINT_URL_S3="http://127.0.0.1:9"), "unknown", "precedence"),
        (nodes_may_not_ask, "failed", "agent"),
    ],
    ids=["92-endpoint", "93-s3-endpoint", "139-node-role"],
)
def test_what_fails_in_the_pod_is_not_passed(workload, broken, verdict, link):
    with broken(workload):
        [result] = workload.verify().json
        command = ["python3", "-c", LIST, workload.bucket]
        done = workload.session.in_pod(workload.namespace, NAME, command)

    assert done.code != 0
    assert result["verdict"] == verdict
    wrong = [each["link"] for each in result["links"] if each["status"] != "passed"]
    assert wrong == [link]


class Targeting:
    """A workload whose association has a target role in account B."""

    def __init__(self, workload: AssociatedWorkload, tmp_path: Path) -> None:
        self.workload = workload
        workload.target()
        workload.restart()
        self.admin = tmp_path / "admin"
        self.admin.write_text(
            f"[profile b]\naws_access_key_id = {ACCOUNT_B}\n"
            f"aws_secret_access_key = {workload.session.state.root_secret}\n"
        )

    def set_trust(self, document: Json) -> None:
        self.workload.session.aws("iam", ACCOUNT_B).update_assume_role_policy(
            RoleName=f"{self.workload.namespace}-b", PolicyDocument=json.dumps(document)
        )

    def verify(self, *more: str) -> Result:
        return self.workload.world.irsa(
            "verify", "--namespace", self.workload.namespace, "--service-account", NAME,
            "--bucket", f"{self.workload.namespace}-b", "--trusting-profile", "b",
            "--wait", "0", "--output", "json", *more, AWS_CONFIG_FILE=str(self.admin),
        )  # fmt: skip


@pytest.fixture
def targeting(workload, tmp_path):
    return Targeting(workload, tmp_path)


def trust_b_of_another(chain: Targeting) -> None:
    other = ServiceAccountRef(chain.workload.namespace, "other")
    by = TargetedBy(chain.workload.role_arn, CLUSTER_ARN, other)
    chain.set_trust(target_role_trust_policy([by]))


def may_not_tag(chain: Targeting) -> None:
    chain.workload.put_policy(assume_role_permissions_policy(chain.workload.target_arn))


@pytest.mark.parametrize(
    ("do", "link", "account"),
    [
        (lambda _: None, None, None),
        (trust_b_of_another, "chain-trust", ACCOUNT_B),
        (may_not_tag, "chain-permission", None),
    ],
    ids=["whole", "trust", "tags"],
)
def test_the_target_role_s_session_is_the_pod_s(targeting, do, link, account):
    do(targeting)

    [result] = targeting.verify().json
    assert result["failing_link"] == link, troubles(result)
    found = next((each for each in result["links"] if each["link"] == link), None)
    if found is not None:
        apply(targeting.workload, found["commands"], account)
        [result] = targeting.verify().json
    assert troubles(result) == []
    session = targeting.workload.session_arn(f"{targeting.workload.namespace}-b", ACCOUNT_B)
    assert targeting.workload.identity().startswith(session)


def test_credentials_are_those_of_the_pods(workload):
    done = workload.world.irsa("credentials", f"{workload.namespace}/{NAME}")

    assert (done.code, done.err) == (0, "")
    keys = Credentials(*(done.json[each] for each in ("AccessKeyId", "SecretAccessKey")),
                       done.json["SessionToken"])  # fmt: skip
    state = workload.session.state
    clients = AwsClients(keys, state.aws_proxy, Path(state.aws_ca_bundle))
    with closing(clients("sts")) as sts:
        arn = sts.get_caller_identity()["Arn"]
    assert arn.startswith(workload.session_arn())


def test_a_caller_who_may_not_ask_eks_reads_the_rest(workload):
    reading = ("iam:*", "s3:*", "eks:*", "sts:*")
    with user_with(workload.world, *reading) as keys:
        done = workload.world.irsa(
            "verify", "--namespace", workload.namespace, "--service-account", NAME,
            "--bucket", workload.bucket, "--wait", "0", "--output", "json", **keys,
        )  # fmt: skip

    found = {each["link"]: each for each in done.json[0]["links"] if each["status"] != "passed"}
    assert done.json[0]["verdict"] == "unknown"
    assert found["assume"]["remedy"] == "grant eks-auth:AssumeRoleForPodIdentity"


STACK = "associated-stack"


@pytest.fixture
def stack(world):
    session = world.session

    def program() -> None:
        opts = in_namespace(session, NamespaceArgs(namespace=STACK, force_destroy=True))
        account = ServiceAccount(namespace=STACK, name=STACK)
        role = ServiceAccountRole(
            STACK,
            ServiceAccountRoleArgs(
                role_name=STACK, cluster_arns=[CLUSTER_ARN], service_accounts=[account]
            ),
        )
        association = PodIdentityAssociation(
            STACK,
            PodIdentityAssociationArgs(
                cluster_arn=CLUSTER_ARN, service_account=account, role_arn=role.role_arn
            ),
        )
        kubeconfig = Path(session.state.kubeconfig).read_text()
        pods = PodIdentityArgs(association_id=association.association_id, kubeconfig=kubeconfig)
        args = WorkloadArgs(service_account=account, pod_identity=pods, pod_spec=POD_SPEC)
        Workload(STACK, args, opts)

    found = stack_of(session, STACK, program)
    found.up()
    yield found
    found.destroy()


def test_an_association_of_a_stack_is_verified_and_put_right_by_it(world, stack, tmp_path):
    file, eks = tmp_path / "export.json", world.session.aws("eks")
    file.write_text(json.dumps({"version": 3, "deployment": stack.export()}))
    ask = ("verify", "--stack", str(file), "--wait", "0", "--output", "json")

    [result] = world.irsa(*ask).json
    assert troubles(result) == []

    [listed] = eks.list_pod_identity_associations(clusterName=CLUSTER, namespace=STACK)[
        "associations"
    ]
    eks.delete_pod_identity_association(clusterName=CLUSTER, associationId=listed["associationId"])
    [result] = world.irsa(*ask).json
    [link] = [each for each in result["links"] if each["link"] == "association"]
    assert link["commands"][:2] == ["pulumi refresh --stack dev", "pulumi up --stack dev"]
    stack.refresh()
    stack.up()
    file.write_text(json.dumps({"version": 3, "deployment": stack.export()}))
    assert troubles(world.irsa(*ask).json[0]) == []
