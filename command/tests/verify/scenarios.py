"""Chains in which every link holds: by IRSA, by EKS Pod Identity, and from each to role B.

A test changes a fact or an answer, and looks at the links.
"""

import json
import shlex
from copy import deepcopy
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest

from irsa.identity.eks import ROLE_ARN_ANNOTATION, SKIP_LABEL
from irsa.identity.pod_identity import (
    TargetedBy,
    external_id,
    pod_identity_trust_policy,
    target_role_trust_policy,
)
from irsa.identity.policies import TrustedRole, irsa_trust_policy, role_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa.identity.token import Token
from irsa.observe.associations import Association
from irsa.observe.facts import (
    Answer,
    Owner,
    PermissionsPolicy,
    Pod,
    RegisteredProvider,
    Role,
    ServiceAccount,
    Unread,
    Webhook,
)
from irsa.observe.pod_identity import EksCluster
from irsa.verify.chain import Chain
from irsa.verify.facts import (
    Calls,
    Facts,
    NotMade,
    PodIdentity,
    RoleBCalls,
    RoleBFacts,
    RoleBTarget,
)
from irsa.verify.link import Status
from tests.support.world import (
    BUCKET,
    CLUSTER_ARN,
    ISSUER_URL,
    NAME,
    NAMESPACE,
    NOW,
    PROVIDER_ARN,
    REGION,
    ROLE_ARN,
    ROLE_B_ARN,
    SUBJECT,
)

ACCOUNT = ServiceAccountRef(NAMESPACE, NAME)
SESSION_ARN = "arn:aws:sts::111122223333:assumed-role/s3-app/irsa-verify"
SESSION_B_ARN = "arn:aws:sts::444455556666:assumed-role/s3-app-B/irsa-verify"
CLAIMS = {
    "iss": ISSUER_URL,
    "sub": SUBJECT,
    "aud": ["sts.amazonaws.com"],
    "iat": NOW - 1,
    "exp": NOW + 600,
}
FOLDER = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
REGIONS = [{"name": name, "value": REGION} for name in ("AWS_REGION", "AWS_DEFAULT_REGION")]
INJECTED = {
    "name": "app",
    "env": [
        *REGIONS,
        {"name": "AWS_ROLE_ARN", "value": ROLE_ARN},
        {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": f"{FOLDER}/token"},
    ],
    "volumeMounts": [{"name": "aws-iam-token", "mountPath": FOLDER}],
}
SOURCE = {"serviceAccountToken": {"audience": "sts.amazonaws.com", "path": "token"}}
TOKEN_VOLUME = {"name": "aws-iam-token", "projected": {"sources": [SOURCE]}}
SPEC = {"containers": [INJECTED], "volumes": [TOKEN_VOLUME]}
NOT_SKIPPED = {"key": SKIP_LABEL, "operator": "DoesNotExist"}
REGISTERED = {
    "name": "iam-for-pods.amazonaws.com",
    "failurePolicy": "Ignore",
    "clientConfig": {"url": "https://127.0.0.1:23443/mutate"},
    "objectSelector": {"matchExpressions": [NOT_SKIPPED]},
    "rules": [
        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    ],
}
ALLOW_ALL = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
ALL = (PermissionsPolicy("all", ALLOW_ALL),)
ROLE = Role(ROLE_ARN, "AROAS3APP", irsa_trust_policy([PROVIDER_ARN], [ACCOUNT]), policies=ALL)
BARE = ServiceAccount(NAMESPACE, NAME, {})
GOOD = Facts(
    namespace=NAMESPACE,
    name=NAME,
    now=NOW,
    service_account=ServiceAccount(NAMESPACE, NAME, {ROLE_ARN_ANNOTATION: ROLE_ARN}),
    pods=(Pod("s3-app-1", NAME, {}, {}, SPEC, Owner("deployment", NAME, {"spec": SPEC})),),
    webhook=Webhook("pod-identity-webhook", REGISTERED),
    token=Token("", {}, CLAIMS),
    providers=(RegisteredProvider(PROVIDER_ARN, ("sts.amazonaws.com",)),),
    role=ROLE,
    bucket=BUCKET,
    keys=Unread("the key set", "403 Forbidden", "get /openid/v1/jwks"),
)
UNREAD = Unread("it", "403 Forbidden", "a permission")
NOT_MADE = NotMade("it was not made")
DENIED = Answer(allowed=False, code="AccessDenied", message="Access Denied")
SESSION = Answer(allowed=True, arn=SESSION_ARN)
SESSION_B = Answer(allowed=True, arn=SESSION_B_ARN)
GRANTED = Calls(assumed=SESSION, caller=SESSION, data=Answer(allowed=True), refused=DENIED)
GRANTED_B = RoleBCalls(
    assumed=SESSION_B, caller=SESSION_B, data=Answer(allowed=True), direct=DENIED
)
NO_SESSION = {"caller": NOT_MADE, "data": NOT_MADE, "refused": NOT_MADE}


def links(*pods, facts=GOOD, calls=GRANTED, **changes):
    """Return the links of the good chain with other Pods, facts and answers, by key."""
    answers = {key: changes.pop(key) for key in list(changes) if hasattr(calls, key)}
    changed = replace(facts, **({"pods": pods} if pods else {}), **changes)
    return {link.key: link for link in Chain(changed).links(replace(calls, **answers))}


def statuses(found):
    """The links that do not pass, with their statuses."""
    return {key: link.status for key, link in found.items() if link.status is not Status.PASSED}


def role_b(trust_policy=None, **changes):
    trusting = trust_policy or role_trust_policy([TrustedRole(ROLE_ARN, ROLE.unique_id)])
    return replace(Role(ROLE_B_ARN, "AROAB", trusting, policies=ALL), **changes)


TARGET = RoleBTarget(role_arn=ROLE_B_ARN)


def chained(facts=GOOD, role_a=ROLE, target=TARGET, **changes):
    """Return the links of a chain to role B with other facts of it and other answers."""
    answers = {key: changes.pop(key) for key in list(changes) if hasattr(GRANTED_B, key)}
    known = RoleBFacts(target=target, **{"role": role_b(), **changes})
    return links(facts=facts, role=role_a, role_b=known, of_role_b=replace(GRANTED_B, **answers))


AGENT_FOLDER = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"
AGENT_URI = "http://169.254.170.23/v1/credentials"
AGENT_TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
ASSOCIATED = {
    "name": "app",
    "env": [
        *REGIONS,
        {"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": AGENT_URI},
        {"name": AGENT_TOKEN, "value": f"{AGENT_FOLDER}/eks-pod-identity-token"},
    ],
    "volumeMounts": [{"name": "eks-pod-identity-token", "mountPath": AGENT_FOLDER}],
}
AGENT_SOURCE = {"audience": "pods.eks.amazonaws.com", "path": "eks-pod-identity-token"}
AGENT_VOLUME = {
    "name": "eks-pod-identity-token",
    "projected": {"sources": [{"serviceAccountToken": AGENT_SOURCE}]},
}


def container(name="app", *env, bare=False, mutated=INJECTED, **fields):
    """A container as the webhook leaves it, or without its part."""
    injected = {} if bare else deepcopy(mutated)
    own = [{"name": n, **(v if isinstance(v, dict) else {"value": v})} for n, v in env]
    preset = {n for n, _ in env}
    kept = [e for e in injected.get("env", []) if e["name"] not in preset]
    return {**injected, "name": name, "env": own + kept, **fields}


def spec(*containers, volumes=(), **fields):
    return {"containers": list(containers), "volumes": [TOKEN_VOLUME, *volumes], **fields}


def template(mutated, foreign=()):
    """Return the Pod template: the spec without the changes of webhooks."""
    own = deepcopy(mutated)
    for part in ("containers", "initContainers"):
        own[part] = [each for each in own.get(part, []) if each["name"] not in foreign]
    for each in own["containers"] + own["initContainers"]:
        for part in ("env", "volumeMounts"):
            injected = INJECTED[part] + ASSOCIATED[part]
            each[part] = [item for item in each.get(part, []) if item not in injected]
    own["volumes"] = [each for each in own["volumes"] if each not in (TOKEN_VOLUME, AGENT_VOLUME)]
    return {"spec": own}


def pod(spec, name="app-1", *, foreign=(), owner="app", kind="deployment", **fields):
    made = Owner(kind, owner, template(spec, foreign)) if owner else None
    metadata = (fields.pop("annotations", {}), fields.pop("labels", {}))
    return Pod(name, NAME, *metadata, spec, made, **fields)


def with_variables(*env, **fields):
    """A Pod whose container has variables."""
    return pod(spec(container("app", *env)), **fields)


def associated_pod(*env, volumes=(), labels=None, mounts=(), **fields):
    """A Pod as the webhook leaves it for an association, and more variables."""
    own = container("app", *env, mutated=ASSOCIATED)
    own["volumeMounts"] += mounts
    fields |= {"containers": [own], "volumes": [AGENT_VOLUME, *volumes]}
    return pod(fields, labels=labels or {})


RESTART = "kubectl rollout restart deployment/app --namespace dev"
SET_ENV = "kubectl set env deployment/app --namespace dev"
AWS_VOLUME = {"name": "aws", "configMap": {"name": "aws"}}
AWS_MOUNT = {"name": "aws", "mountPath": "/etc/aws"}
AWS_MOUNTS = [*INJECTED["volumeMounts"], AWS_MOUNT]
A = f"[profile A]\nrole_arn = {ROLE_ARN}\nweb_identity_token_file = {FOLDER}/token\n"
B_FROM_A = f"role_arn = {ROLE_B_ARN}\nsource_profile = A\n"
B = f"[profile B]\n{B_FROM_A}"


def with_config(*env):
    """The spec of a Pod that mounts an AWS config file from a ConfigMap."""
    env = (("AWS_CONFIG_FILE", "/etc/aws/config"), *env)
    return spec(container("app", *env, volumeMounts=AWS_MOUNTS), volumes=[AWS_VOLUME])


def config(text):
    return {"objects": {("ConfigMap", "aws"): {"config": text}}}


def annotated(value):
    return {"service_account": ServiceAccount(NAMESPACE, NAME, {ROLE_ARN_ANNOTATION: value})}


def written(command, option="--policy-document"):
    """The JSON that a printed command passes with an option."""
    words = shlex.split(command)
    return json.loads(words[words.index(option) + 1])


def changed_account(command, role, bucket_policy=None):
    """The role and the bucket's policy after a printed command, as AWS would change them."""
    words = shlex.split(command)
    options = dict(pairwise(words))
    assert options.get("--role-name", role.name) == role.name
    policies = {each.arn or each.name: each for each in role.policies}
    match words[2]:
        case "update-assume-role-policy":
            return replace(role, trust_policy=written(command)), bucket_policy
        case "put-role-policy":
            name = options["--policy-name"]
            policies[name] = PermissionsPolicy(name, written(command))
        case "delete-role-policy" | "detach-role-policy":
            del policies[options.get("--policy-arn") or options["--policy-name"]]
        case "put-bucket-policy" | "delete-bucket-policy":
            return role, written(command, "--policy") if "--policy" in options else None
        case other:
            pytest.fail(f"{other} changes what other principals may have")
    return replace(role, policies=tuple(policies.values())), bucket_policy


def written_config(link):
    """The AWS config file that a link's commands put into the ConfigMap."""
    [patch] = [each for each in link.remedy.shell if " patch configmap " in each]
    return written(patch, "--patch")["data"]["config"]


ASSOCIATION = Association(
    arn="arn:aws:eks:us-east-1:111122223333:podidentityassociation/dev/a-1",
    account=ACCOUNT,
    role_arn=ROLE_ARN,
)
SENT_ID = external_id(CLUSTER_ARN, ACCOUNT)
TARGETING = replace(ASSOCIATION, target_role_arn=ROLE_B_ARN, external_id=SENT_ID)
BY_ASSOCIATION = TargetedBy(ROLE_ARN, CLUSTER_ARN, ACCOUNT)
EKS = EksCluster(CLUSTER_ARN, addon="ACTIVE")
TRUST_EKS = pod_identity_trust_policy([CLUSTER_ARN], [ACCOUNT])
EKS_TOKEN = Token("", {}, {**CLAIMS, "aud": ["pods.eks.amazonaws.com"]})
ROLE_EKS = replace(ROLE, trust_policy=TRUST_EKS)
READY = frozenset({"n"})


def identity(association=ASSOCIATION, cluster=EKS, agent=READY, **fields):
    """Facts of EKS Pod Identity."""
    return PodIdentity(cluster=cluster, association=association, agent=agent, **fields)


def associated(**changes):
    """Facts of EKS Pod Identity whose association differs."""
    return {"pod_identity": identity(replace(ASSOCIATION, **changes))}


GOOD_EKS = replace(
    GOOD,
    service_account=BARE,
    pods=(associated_pod(),),
    role=ROLE_EKS,
    token=EKS_TOKEN,
    pod_identity=identity(),
    next_pod=associated_pod().spec,
)
eks_links = partial(links, facts=GOOD_EKS)
UNMADE = Calls()


def targeted(trust=None, role_a=ROLE_EKS, association=TARGETING, **changes):
    """Facts of an association with a target role."""
    tags = replace(GOOD_EKS, pod_identity=identity(TARGETING)).session_tags
    target = RoleBTarget(role_arn=ROLE_B_ARN, external_id=SENT_ID, tags=tags)
    role = role_b(trust or target_role_trust_policy([BY_ASSOCIATION]))
    known = {"pod_identity": identity(association), "role": role_a}
    return replace(GOOD_EKS, **known, role_b=RoleBFacts(target=target, role=role), **changes)
