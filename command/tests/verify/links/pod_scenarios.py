"""Pods as the webhook leaves them, and what `verify` says of them, for the tests of its links."""

from copy import deepcopy
from dataclasses import replace

from command.tests.verify.test_chain import FOLDER, GOOD, ROLE_ARN, ROLE_B_ARN, SPEC
from irsa.observe.facts import Owner, Pod, ServiceAccount, Unread
from irsa.verify.facts import Calls
from irsa.verify.link import Status
from irsa.verify.links.in_cluster import in_cluster_links

BEFORE = "2026-11-24T23:40:00Z"
INJECTED = SPEC["containers"][0]
UNREAD = Unread("it", "403 Forbidden", "a permission")


def container(name="app", *env, bare=False, **fields):
    """A container as the webhook leaves it, or without its part."""
    injected = {} if bare else deepcopy(INJECTED)
    own = [{"name": n, **(v if isinstance(v, dict) else {"value": v})} for n, v in env]
    preset = {n for n, _ in env}
    kept = [e for e in injected.get("env", []) if e["name"] not in preset]
    return {**injected, "name": name, "env": own + kept, **fields}


def spec(*containers, volumes=(), **fields):
    return {"containers": list(containers), "volumes": [*SPEC["volumes"], *volumes], **fields}


def template(of, *, foreign=()):
    """Return the Pod template: the spec without the changes of webhooks."""
    own = deepcopy(of)
    for field in ("containers", "initContainers"):
        own[field] = [_as_asked(c) for c in own.get(field, []) if c["name"] not in foreign]
    own["volumes"] = [v for v in own["volumes"] if v["name"] != "aws-iam-token"]
    return {"spec": own}


def _as_asked(given):
    given["env"] = [each for each in given.get("env", []) if each not in INJECTED["env"]]
    mounts = given.get("volumeMounts", [])
    given["volumeMounts"] = [each for each in mounts if each not in INJECTED["volumeMounts"]]
    return given


def pod(of, name="app-1", *, foreign=(), owner="app", kind="deployment", **fields):
    made = Owner(kind, owner, template(of, foreign=foreign)) if owner else None
    return Pod(
        name,
        "s3-app",
        fields.pop("annotations", {}),
        fields.pop("labels", {}),
        of,
        fields.pop("of", made),
        **fields,
    )


def judged(*pods, **changes):
    return replace(GOOD, pods=pods, **changes)


def links(*pods, inside=None, **changes):
    found = in_cluster_links(judged(*pods, **changes), inside or Calls().inside)
    return {link.key: link for link in found}


def statuses(found):
    return {key: link.status for key, link in found.items() if link.status is not Status.PASSED}


AWS_VOLUME = [{"name": "aws", "configMap": {"name": "aws"}}]
AWS_MOUNT = [*INJECTED["volumeMounts"], {"name": "aws", "mountPath": "/etc/aws"}]


def with_config(*env):
    env = (("AWS_CONFIG_FILE", "/etc/aws/config"), *env)
    return spec(container("app", *env, volumeMounts=AWS_MOUNT), volumes=AWS_VOLUME)


def config(text):
    return {"objects": {("ConfigMap", "aws"): {"config": text}}}


OWN = f"[profile A]\nrole_arn = {ROLE_ARN}\nweb_identity_token_file = {FOLDER}/token\n"
B_FROM_A = f"role_arn = {ROLE_B_ARN}\nsource_profile = A\n"
SKIP = "eks.amazonaws.com/skip-containers"


def skipping(value, *containers, **fields):
    return pod(spec(*containers), annotations={SKIP: value}, **fields)


OLD_ROLE = "arn:aws:iam::111122223333:role/before"


def old(name="old", **fields):
    return pod(spec(container("app", ("AWS_ROLE_ARN", OLD_ROLE))), name, outdated=True, **fields)


def with_owner(of, owner):
    return replace(of, owner=owner)


def annotated(value):
    return {
        "service_account": ServiceAccount("dev", "s3-app", {"eks.amazonaws.com/role-arn": value})
    }
