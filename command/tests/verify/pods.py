"""Pods as the webhook leaves them, and AWS config files in them."""

from copy import deepcopy

from irsa.observe.facts import Owner, Pod
from tests.support.world import NAME, REGION, ROLE_ARN, ROLE_B_ARN

FOLDER = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
REGIONS = [{"name": name, "value": REGION} for name in ("AWS_REGION", "AWS_DEFAULT_REGION")]
BY_TOKEN = {"AWS_ROLE_ARN": ROLE_ARN, "AWS_WEB_IDENTITY_TOKEN_FILE": f"{FOLDER}/token"}
INJECTED = {
    "name": "app",
    "env": [*REGIONS, *({"name": name, "value": value} for name, value in BY_TOKEN.items())],
    "volumeMounts": [{"name": "aws-iam-token", "mountPath": FOLDER}],
}
SOURCE = {"serviceAccountToken": {"audience": "sts.amazonaws.com", "path": "token"}}
TOKEN_VOLUME = {"name": "aws-iam-token", "projected": {"sources": [SOURCE]}}
SPEC = {"containers": [INJECTED], "volumes": [TOKEN_VOLUME]}
AGENT_FOLDER = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"
AGENT_URI = "http://169.254.170.23/v1/credentials"
BY_AGENT = {
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": AGENT_URI,
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": f"{AGENT_FOLDER}/eks-pod-identity-token",
}
ASSOCIATED = {
    "name": "app",
    "env": [*REGIONS, *({"name": name, "value": value} for name, value in BY_AGENT.items())],
    "volumeMounts": [{"name": "eks-pod-identity-token", "mountPath": AGENT_FOLDER}],
}
AGENT_SOURCE = {"audience": "pods.eks.amazonaws.com", "path": "eks-pod-identity-token"}
AGENT_TOKENS = {"sources": [{"serviceAccountToken": AGENT_SOURCE}]}
AGENT_VOLUME = {"name": "eks-pod-identity-token", "projected": AGENT_TOKENS}
AWS_VOLUME = {"name": "aws", "configMap": {"name": "aws"}}
AWS_MOUNT = {"name": "aws", "mountPath": "/etc/aws"}
AWS_MOUNTS = [*INJECTED["volumeMounts"], AWS_MOUNT]
A = f"[profile A]\nrole_arn = {ROLE_ARN}\nweb_identity_token_file = {FOLDER}/token\n"
FROM_A = f"role_arn = {ROLE_B_ARN}\nsource_profile = A\n"
B = f"[profile B]\n{FROM_A}"


def container(name="app", *env, bare=False, mutated=INJECTED, **fields):
    """A container as the webhook leaves it, or without its part."""
    injected = {} if bare else deepcopy(mutated)
    own = [{"name": n, **(v if isinstance(v, dict) else {"value": v})} for n, v in env]
    preset = {n for n, _ in env}
    kept = [e for e in injected.get("env", []) if e["name"] not in preset]
    return {**injected, "name": name, "env": own + kept, **fields}


def spec(*containers, volumes=(), **fields):
    return {"containers": list(containers), "volumes": [TOKEN_VOLUME, *volumes], **fields}


def template(mutated, foreign=(), **metadata):
    """Return the Pod template: the spec without the changes of webhooks."""
    bare_spec = deepcopy(mutated)
    for part in ("containers", "initContainers"):
        bare_spec[part] = [e for e in bare_spec.get(part, []) if e["name"] not in foreign]
    for entry in bare_spec["containers"] + bare_spec["initContainers"]:
        for part in ("env", "volumeMounts"):
            injected = INJECTED[part] + ASSOCIATED[part]
            entry[part] = [item for item in entry.get(part, []) if item not in injected]
    of_webhook = TOKEN_VOLUME, AGENT_VOLUME
    bare_spec["volumes"] = [item for item in bare_spec["volumes"] if item not in of_webhook]
    return {"metadata": metadata, "spec": bare_spec}


def pod(spec, name="app-1", *, foreign=(), owner="app", kind="deployment", **fields):
    metadata = {each: fields.pop(each, {}) for each in ("annotations", "labels")}
    made = Owner(kind, owner, template(spec, foreign, **metadata)) if owner else None
    return Pod(name, NAME, *metadata.values(), spec, made, **fields)


def with_env(*env, **fields):
    """A Pod whose container has variables."""
    return pod(spec(container("app", *env)), **fields)


def associated_pod(*env, volumes=(), labels=None, mounts=(), **fields):
    """A Pod as the webhook leaves it for an association, and more variables."""
    own = container("app", *env, mutated=ASSOCIATED)
    own["volumeMounts"] += mounts
    fields |= {"containers": [own], "volumes": [AGENT_VOLUME, *volumes]}
    return pod(fields, labels=labels or {})


def with_config(*env):
    """The spec of a Pod that mounts an AWS config file from a ConfigMap."""
    env = (("AWS_CONFIG_FILE", "/etc/aws/config"), *env)
    return spec(container("app", *env, volumeMounts=AWS_MOUNTS), volumes=[AWS_VOLUME])


def config(text):
    return {"objects": {("ConfigMap", "aws"): {"config": text}}}
