"""Moves as they are observed at their steps."""

from dataclasses import replace
from typing import Any

from command.tests.verify.chains import ACCOUNT, ASSOCIATION, GOOD, identity, seen
from command.tests.verify.chains import TRUST as BY_TOKEN
from command.tests.verify.chains import TRUST_EKS as BY_ASSOCIATION
from command.tests.verify.pods import AGENT_URI
from irsa.move.plan import Mechanism, Move
from irsa.observe.facts import Owner, Pod, Role, ServiceAccountObject
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION
from irsa_core.identity.policy_json import Json, statements
from tests.support.world import CLUSTER_ARN, ISSUER_URL, PROVIDER_ARN, ROLE_ARN

CLUSTER, PROVIDER = CLUSTER_ARN, PROVIDER_ARN
NOW = 1_800_000_000.0
TEMPLATE = {"spec": {"serviceAccountName": "s3-app", "containers": [{"name": "app"}]}}
OWNER = Owner("deployment", "s3-app", TEMPLATE, rolled_out="2027-01-15T07:00:00Z")  # an hour ago
IRSA = {"name": "AWS_ROLE_ARN", "value": ROLE_ARN}
POD_IDENTITY = {"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": AGENT_URI}
KNOWN = seen(GOOD, expected_role=ROLE_ARN, expects_association=True, keys={}, bucket="")


def trusting(*documents: Json) -> Role:
    both = [each for document in documents for each in statements(document)]
    return Role(ROLE_ARN, "AROAEXAMPLE", {"Version": "2012-10-17", "Statement": both})


def pod(variable: Json, owner: Owner | None = OWNER, **fields: Any) -> Pod:
    spec = {"containers": [{"name": "app", "env": [variable]}]}
    fields = {"annotations": {}, "labels": {}, "spec": spec, **fields}
    return Pod("s3-app-1", "s3-app", owner=owner, **fields)


def move(to: Mechanism, role: Role, *, annotated: bool, association: Any, **facts: Any) -> Move:
    account = ServiceAccountObject(*ACCOUNT, {ROLE_ARN_ANNOTATION: ROLE_ARN} if annotated else {})
    own = {"service_account": account, **identity(association), "role": role}
    known = replace(KNOWN, **{"now": NOW, **own, **facts})
    return Move(to=to, facts=known, account=account, role=role, issuer_url=ISSUER_URL)


def with_irsa(to: Mechanism = "pod-identity", **changed: Any) -> Move:
    state: Json = {"annotated": True, "association": None, "pods": (pod(IRSA),)}
    return move(to, **{"role": trusting(BY_TOKEN), **state, **changed})


def with_pod_identity(to: Mechanism = "irsa", **changed: Any) -> Move:
    state: Json = {"annotated": False, "association": ASSOCIATION, "pods": (pod(POD_IDENTITY),)}
    return move(to, **{"role": trusting(BY_ASSOCIATION), **state, **changed})
