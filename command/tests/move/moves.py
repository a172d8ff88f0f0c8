"""Moves as they are observed at their steps."""

from dataclasses import replace
from typing import Any

from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.policy_json import Json, statements
from irsa.identity.subjects import ServiceAccountRef
from irsa.move.facts import Mechanism, Move
from irsa.observe.eks import Association, EksCluster
from irsa.observe.facts import Owner, Pod, RegisteredProvider, Role, ServiceAccount
from irsa.verify.facts import Facts, PodIdentity
from tests.support.world import CLUSTER_ARN, ISSUER_URL, PROVIDER_ARN, ROLE_ARN

CLUSTER, PROVIDER = CLUSTER_ARN, PROVIDER_ARN
ACCOUNT = ServiceAccountRef("dev", "s3-app")
NOW = 1_800_000_000.0
ROLLED_OUT = "2027-01-15T07:00:00Z"  # an hour before
ASSOCIATION = Association(
    arn=CLUSTER.replace("cluster/dev", "podidentityassociation/dev/a-1"),
    account=ACCOUNT,
    role_arn=ROLE_ARN,
)
BY_TOKEN = irsa_trust_policy([PROVIDER], [ACCOUNT])
BY_ASSOCIATION = pod_identity_trust_policy([CLUSTER], [ACCOUNT])
TEMPLATE = {"spec": {"serviceAccountName": "s3-app", "containers": [{"name": "app"}]}}
OWNER = Owner("deployment", "s3-app", TEMPLATE, rolled_out=ROLLED_OUT)
IRSA = {"name": "AWS_ROLE_ARN", "value": ROLE_ARN}
POD_IDENTITY = {
    "name": "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "value": "http://169.254.170.23/v1/credentials",
}


def trusting(*documents: Json) -> Role:
    both = [each for document in documents for each in statements(document)]
    return Role(ROLE_ARN, "AROAEXAMPLE", {"Version": "2012-10-17", "Statement": both})


def pod(variable: Json, owner: Owner | None = OWNER, **fields: Any) -> Pod:
    spec = {"containers": [{"name": "app", "env": [variable]}]}
    fields = {"annotations": {}, "labels": {}, "spec": spec, **fields}
    return Pod("s3-app-1", "s3-app", owner=owner, **fields)


def move(
    to: Mechanism,
    role: Role,
    *,
    annotated: bool,
    association: Association | None,
    pods: tuple[Pod, ...],
    now: float = NOW,
    **facts: Any,
) -> Move:
    account = ServiceAccount(*ACCOUNT, {ROLE_ARN_ANNOTATION: ROLE_ARN} if annotated else {})
    cluster = EksCluster(CLUSTER, addon="ACTIVE")
    identity = PodIdentity(cluster=cluster, association=association, agent=frozenset({"n"}))
    known = Facts(
        namespace="dev",
        name="s3-app",
        now=now,
        expected_role=ROLE_ARN,
        expects_association=True,
        service_account=account,
        pods=pods,
        pod_identity=identity,
        keys={},
        providers=(RegisteredProvider(PROVIDER, ("sts.amazonaws.com",)),),
        role=role,
    )
    known = replace(known, **facts)
    return Move(to=to, facts=known, account=account, role=role, issuer_url=ISSUER_URL)


def with_irsa(to: Mechanism = "pod-identity", **changed: Any) -> Move:
    state: Json = {"annotated": True, "association": None, "pods": (pod(IRSA),)}
    return move(to, **{"role": trusting(BY_TOKEN), **state, **changed})


def with_pod_identity(to: Mechanism = "irsa", **changed: Any) -> Move:
    state: Json = {"annotated": False, "association": ASSOCIATION, "pods": (pod(POD_IDENTITY),)}
    return move(to, **{"role": trusting(BY_ASSOCIATION), **state, **changed})
