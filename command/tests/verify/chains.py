"""Chains in which every link holds: by IRSA, by EKS Pod Identity, and from each to role B.

A test changes a fact or an answer, and looks at the links.
"""

from dataclasses import replace
from functools import partial

from command.tests.verify.pods import SPEC, associated_pod
from irsa.observe.eks import Association, DescribedCluster
from irsa.observe.facts import (
    Answer,
    Owner,
    PermissionsPolicy,
    Pod,
    RegisteredProvider,
    Role,
    ServiceAccountObject,
    Unread,
    Webhook,
)
from irsa.verify.facts import ByAssociation, ByToken, RoleB, decided
from irsa.verify.link import Calls, Status
from irsa.verify.walk import Chain
from irsa_core.identity import pod_identity
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION, SKIP_LABEL
from irsa_core.identity.policies import TrustedRole, irsa_trust_policy, role_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_core.identity.token import Token
from tests.support import world

ACCOUNT = ServiceAccountRef(world.NAMESPACE, world.NAME)
CLAIMS = {"iss": world.ISSUER_URL, "sub": world.SUBJECT, "aud": ["sts.amazonaws.com"]}
CLAIMS |= {"iat": world.NOW - 1, "exp": world.NOW + 600}
RULE = {
    "apiGroups": [""],
    "apiVersions": ["v1"],
    "operations": ["CREATE"],
    "resources": ["pods"],
}
REGISTERED = {
    "name": "iam-for-pods.amazonaws.com",
    "failurePolicy": "Ignore",
    "clientConfig": {"url": "https://127.0.0.1:23443/mutate"},
    "objectSelector": {"matchExpressions": [{"key": SKIP_LABEL, "operator": "DoesNotExist"}]},
    "rules": [RULE],
}
ALLOW = {"Effect": "Allow", "Action": "*", "Resource": "*"}
ALL = (PermissionsPolicy("all", {"Statement": ALLOW}),)
TRUST = irsa_trust_policy([world.PROVIDER_ARN], [ACCOUNT])
ROLE = Role(world.ROLE_ARN, "AROAS3APP", TRUST, policies=ALL)
BARE = ServiceAccountObject(*ACCOUNT, {})
OWNER = Owner("deployment", ACCOUNT.name, {"spec": SPEC})
GOOD = ByToken(
    namespace=ACCOUNT.namespace,
    name=ACCOUNT.name,
    now=world.NOW,
    service_account=replace(BARE, annotations={ROLE_ARN_ANNOTATION: ROLE.arn}),
    pods=(Pod("s3-app-1", ACCOUNT.name, {}, {}, SPEC, OWNER),),
    webhook=Webhook("pod-identity-webhook", REGISTERED),
    token=Token("", {}, CLAIMS),
    providers=(RegisteredProvider(world.PROVIDER_ARN, ("sts.amazonaws.com",)),),
    role=ROLE,
    bucket=world.BUCKET,
    keys=Unread("the key set", "403 Forbidden", "get /openid/v1/jwks"),
)
UNREAD = Unread("it", "403 Forbidden", "a permission")
UNMADE = Calls()
NOT_MADE = UNMADE.caller
DENIED = Answer(allowed=False, code="AccessDenied", message="Access Denied")
SESSION_ARN = "arn:aws:sts::111122223333:assumed-role/s3-app/irsa-verify"
SESSION = Answer(allowed=True, arn=SESSION_ARN)
SESSION_B = Answer(allowed=True, arn="arn:aws:sts::444455556666:assumed-role/s3-app-B/irsa-verify")
LISTED = Answer(allowed=True)
GRANTED = Calls(assumed=SESSION, caller=SESSION, data=LISTED, refused=DENIED)
GRANTED_B = Calls(assumed=SESSION_B, caller=SESSION_B, data=LISTED, refused=DENIED)
NO_SESSION = {"caller": NOT_MADE, "data": NOT_MADE, "refused": NOT_MADE}
TARGET = RoleB(role_arn=world.ROLE_B_ARN)
ASSOCIATION_ARN = "arn:aws:eks:us-east-1:111122223333:podidentityassociation/dev/a-1"
ASSOCIATION = Association(arn=ASSOCIATION_ARN, account=ACCOUNT, role_arn=world.ROLE_ARN)
SENT_ID = pod_identity.external_id(world.CLUSTER_ARN, ACCOUNT)
TARGETING = replace(ASSOCIATION, target_role_arn=world.ROLE_B_ARN, external_id=SENT_ID)
BY_ASSOCIATION = pod_identity.TargetedBy(world.ROLE_ARN, world.CLUSTER_ARN, ACCOUNT)
EKS = DescribedCluster(world.CLUSTER_ARN, addon="ACTIVE")
TRUST_EKS = pod_identity.pod_identity_trust_policy([world.CLUSTER_ARN], [ACCOUNT])
EKS_TOKEN = Token("", {}, {**CLAIMS, "aud": ["pods.eks.amazonaws.com"]})
ROLE_EKS = replace(ROLE, trust_policy=TRUST_EKS)
READY = frozenset({"n"})


def seen(facts, **changes):
    """The facts with changes, as those of the mechanism that they then show."""
    return decided(ByAssociation(**{**vars(facts), **changes}))


def links(*pods, facts=GOOD, calls=GRANTED, **changes):
    """Return the links of the good chain with other Pods, facts and answers, by key."""
    answers = {key: changes.pop(key) for key in list(changes) if hasattr(calls, key)}
    changed = seen(facts, **({"pods": pods} if pods else {}), **changes)
    return {link.key: link for link in Chain(changed).links(replace(calls, **answers))}


def statuses(found):
    """The links that do not pass, with their statuses."""
    return {key: link.status for key, link in found.items() if link.status is not Status.PASSED}


def role_b(trust_policy=None, **changes):
    trusting = trust_policy or role_trust_policy([TrustedRole(world.ROLE_ARN, ROLE.unique_id)])
    return replace(Role(world.ROLE_B_ARN, "AROAB", trusting, policies=ALL), **changes)


def chained(facts=GOOD, role_a=ROLE, target=TARGET, **changes):
    """Return the links of a chain to role B with other facts of it and other answers."""
    answers = {key: changes.pop(key) for key in list(changes) if hasattr(GRANTED_B, key)}
    known = replace(target, **{"role": role_b(), **changes})
    return links(facts=facts, role=role_a, role_b=known, of_role_b=replace(GRANTED_B, **answers))


def annotated(value):
    return {"service_account": replace(BARE, annotations={ROLE_ARN_ANNOTATION: value})}


def identity(association=ASSOCIATION, cluster=EKS, agent=READY, **fields):
    """Facts of EKS Pod Identity; the association is unread with its cluster."""
    found = association if isinstance(cluster, DescribedCluster) else cluster
    return {"cluster": cluster, "association": found, "agent": agent, **fields}


def associated(**changes):
    """Facts of EKS Pod Identity whose association differs."""
    return identity(replace(ASSOCIATION, **changes))


OF_EKS = {"role": ROLE_EKS, "token": EKS_TOKEN, **identity()}
GOOD_EKS = seen(GOOD, service_account=BARE, pods=(associated_pod(),), **OF_EKS)
GOOD_EKS = replace(GOOD_EKS, next_pod=associated_pod().spec)
eks_links = partial(links, facts=GOOD_EKS)


def targeted(trust=None, role_a=ROLE_EKS, association=TARGETING, **changes):
    """Facts of an association with a target role."""
    tags = replace(GOOD_EKS, association=TARGETING).session_tags
    role = role_b(trust or pod_identity.target_role_trust_policy([BY_ASSOCIATION]))
    target = replace(TARGET, external_id=SENT_ID, tags=tags, role=role)
    known = {"association": association, "role": role_a, "role_b": target}
    return replace(GOOD_EKS, **known, **changes)
