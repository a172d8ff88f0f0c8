"""Remedies of two breakages at once, run round by round: they end, and others gain or lose nothing.

The commands are applied to a simulated cluster and account; the webhook is the sandbox's.
"""

import json
import shlex
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest

from command.tests.verify.scenarios import (
    ACCOUNT,
    ASSOCIATION,
    EKS_TOKEN,
    GOOD,
    READY,
    ROLE,
    UNMADE,
    identity,
)
from irsa.access import allows
from irsa.decide.association import pod_tags
from irsa.decide.verdict import Verdict
from irsa.identity.eks import FARGATE_LABEL, ROLE_ARN_ANNOTATION, SKIP_LABEL
from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.policy_json import Json
from irsa.identity.subjects import ServiceAccountRef
from irsa.observe.facts import Owner, PermissionsPolicy, Pod, Role
from irsa.observe.pod_identity import EksCluster
from irsa.verify.chain import Chain
from irsa.verify.facts import Facts
from irsa.verify.link import Status
from irsa_sandbox.webhook.json_patch import patch
from tests.support.no_gain import no_gain, no_loss, session_answers, seven_accounts
from tests.support.world import (
    ACCOUNT_A,
    ACCOUNT_B,
    BUCKET_ARN,
    CLUSTER_ARN,
    ISSUER,
    NOW,
    PROVIDER_ARN,
    REGION,
    ROLE_ARN,
)

NB = ServiceAccountRef("dev", "nb")
ACCOUNTS = seven_accounts(*ACCOUNT)
STRANGERS = [
    Role(f"arn:aws:iam::{each}:role/stranger", "AROASTRANGER", {})
    for each in (ACCOUNT_A, ACCOUNT_B)
]
TRUST_EKS = pod_identity_trust_policy([CLUSTER_ARN], [ACCOUNT, NB])
TRUST_TOKENS = irsa_trust_policy([PROVIDER_ARN], [ACCOUNT, NB])


def allowing(action: str, resource: str = BUCKET_ARN, effect: str = "Allow") -> PermissionsPolicy:
    statement = {"Effect": effect, "Action": action, "Resource": resource}
    return PermissionsPolicy("data", {"Version": "2012-10-17", "Statement": [statement]})


LISTING = replace(ROLE, trust_policy=TRUST_TOKENS, policies=(allowing("s3:ListBucket"),))


@dataclass
class World:
    """A service account with a Deployment, its role, which dev/nb uses as well, and a bucket."""

    by_association: bool
    container: Json = field(default_factory=lambda: {"name": "app", "env": []})
    labels: Json = field(default_factory=dict)
    annotations: Json = field(default_factory=dict)
    objects: Json = field(default_factory=dict)
    role: Role = LISTING
    association: Any = None
    agent: bool = True
    bucket_policy: Json | None = None
    beside: bool = False
    """True if a Pod of the service account runs on a node, without the labels."""

    def __post_init__(self) -> None:
        if self.by_association:
            self.role = replace(self.role, trust_policy=TRUST_EKS)
            self.association = ASSOCIATION
        else:
            self.annotations[ROLE_ARN_ANNOTATION] = ROLE_ARN

    @property
    def template(self) -> Json:
        return {"metadata": {"labels": self.labels}, "spec": {"containers": [self.container]}}

    def pod(self, name: str, labels: Json) -> Pod:
        """A Pod as the webhook leaves it."""
        made = deepcopy({"metadata": {"labels": labels}, "spec": self.template["spec"]})
        if SKIP_LABEL not in labels:
            jitter = 80_000 if self.association else None
            for each in patch(
                made, self.annotations, region=REGION, regional_sts=False,
                token_expiration=86_400, jittered_expiration=jitter,
            ):  # fmt: skip
                put(made, each["path"], each["value"])
        spec = {**made["spec"], "nodeName": "n"}
        return Pod(name, "s3-app", {}, labels, spec, Owner("deployment", "app", self.template))

    @property
    def facts(self) -> Facts:
        pods = [self.pod("app-1", self.labels)]
        if self.beside:
            pods.append(replace(self.pod("onnodes-1", {}), owner=None))
        cluster = EksCluster(CLUSTER_ARN, addon="ACTIVE" if self.agent else None)
        agent = READY if self.agent else frozenset[str]()
        facts = replace(
            GOOD,
            expected_role=ROLE_ARN,
            service_account=replace(GOOD.service_account, annotations=dict(self.annotations)),
            pods=tuple(pods),
            objects={("ConfigMap", name): values for name, values in self.objects.items()},
            role=self.role,
            pod_identity=identity(self.association, cluster, agent),
            bucket_policy=self.bucket_policy,
            bucket_account=ACCOUNT_A,
            neighbours=frozenset({NB.subject}),
        )
        return replace(facts, token=EKS_TOKEN) if facts.by_association else facts

    @property
    def state(self) -> str:
        return repr((self.container, self.labels, self.annotations, self.objects, self.role,
                     self.association, self.agent, self.bucket_policy))  # fmt: skip

    def answers(self) -> dict[Any, Verdict]:
        """Answers to all callers: sessions of the role, and the bucket's list as the role."""
        asked: Any = {
            "issuers": [ISSUER, f"{ISSUER}0"],
            "clusters": [CLUSTER_ARN, f"{CLUSTER_ARN}-2"],
            "callers": STRANGERS,
        }
        found: dict[Any, Verdict] = dict(session_answers(self.role, ACCOUNTS, now=NOW, **asked))
        of_nb = any(e.account == "dev/nb" and v is Verdict.ALLOW for e, v in found.items())
        for caller, tags in ((self.role, pod_tags(CLUSTER_ARN, NB)), *((e, {}) for e in STRANGERS)):
            asked: Any = {"resource_policy": self.bucket_policy, "tags": tags}
            judged = allows(caller, "s3:ListBucket", BUCKET_ARN, session_name="x", **asked)
            is_role = caller is self.role
            key = "list as nb" if is_role else f"list as {caller.arn}"
            found[key] = Verdict.DENY if is_role and not of_nb else judged.verdict
        return found

    def run(self, command: str) -> None:
        """Apply one command."""
        words = shlex.split(command)
        options = {a: b for a, b in pairwise(words) if a.startswith("--")}
        match words[:3]:
            case ["kubectl", "set", "env"]:
                self._set_env([e for e in words[4:] if e[-1] == "-" or "=" in e])
            case ["kubectl", "annotate", _]:
                self.annotations |= dict(e.split("=", 1) for e in words[4:] if "=" in e)
            case ["kubectl", "patch", "deployment"]:
                self._patch(json.loads(options["--patch"]))
            case ["kubectl", "patch", "configmap"]:
                merged = {**self.objects[words[3]], **json.loads(options["--patch"])["data"]}
                self.objects[words[3]] = {k: v for k, v in merged.items() if v is not None}
            case ["kubectl", "rollout", "restart"]:
                pass
            case ["aws", "iam", "update-assume-role-policy"]:
                document = json.loads(options["--policy-document"])
                self.role = replace(self.role, trust_policy=document)
            case ["aws", "iam", "put-role-policy" | "delete-role-policy"]:
                name, text = options["--policy-name"], options.get("--policy-document")
                kept = [e for e in self.role.policies if e.name != name]
                added = [PermissionsPolicy(name, json.loads(text))] if text else []
                self.role = replace(self.role, policies=(*kept, *added))
            case ["aws", "s3api", "put-bucket-policy"]:
                self.bucket_policy = json.loads(options["--policy"])
            case ["aws", "s3api", "delete-bucket-policy"]:
                self.bucket_policy = None
            case ["aws", "eks", "create-addon"]:
                self.agent = True
            case ["aws", "eks", "create-pod-identity-association"]:
                assert self.association is None
                self.association = replace(ASSOCIATION, role_arn=options["--role-arn"])
            case ["aws", "eks", "update-pod-identity-association"]:
                tagging = "--no-disable-session-tags" in words
                assert not (self.association.policy and tagging)
                self.association = replace(
                    self.association,
                    role_arn=options.get("--role-arn", self.association.role_arn),
                    disable_session_tags=self.association.disable_session_tags and not tagging,
                )
            case ["python", "-m", "irsa"]:
                assert not self.beside
                self._move()
            case other:
                pytest.fail(f"not simulated: {other}")

    def _set_env(self, changes: list[str]) -> None:
        for change in changes:
            name, equals, value = change.partition("=")
            name = name if equals else name[:-1]
            env = [each for each in self.container["env"] if each["name"] != name]
            self.container["env"] = env + ([{"name": name, "value": value}] if equals else [])

    def _patch(self, operations: list[Json]) -> None:
        document = {"spec": {"template": deepcopy(self.template)}}
        for each in operations:
            put(document, each["path"], each.get("value"), remove=each["op"] == "remove")
        template = document["spec"]["template"]
        self.labels = template["metadata"]["labels"]
        self.container = template["spec"]["containers"][0]

    def _move(self) -> None:
        tokens = irsa_trust_policy([PROVIDER_ARN], [ACCOUNT])["Statement"]
        kept = self.role.trust_policy["Statement"]
        self.role = replace(self.role, trust_policy={"Statement": [*kept, *tokens]})
        self.annotations[ROLE_ARN_ANNOTATION] = self.association.role_arn
        self.association = None


def put(document: Json, path: str, value: Any, *, remove: bool = False) -> None:
    """Set, append or remove what a JSON pointer names."""
    *above, last = [e.replace("~1", "/").replace("~0", "~") for e in path.split("/")[1:]]
    at: Any = document
    for each in above:
        at = at[int(each)] if isinstance(at, list) else at.setdefault(each, {})
    if isinstance(at, list):
        if remove:
            del at[int(last)]
        else:
            at.insert(len(at) if last == "-" else int(last), value)
    elif remove:
        del at[last]
    else:
        at[last] = value


Break = Callable[[World], Any]


def env(**values: str) -> Break:
    listed = [{"name": name, "value": value} for name, value in values.items()]
    return lambda world: world.container["env"].extend(listed)


def env_from(**values: str) -> Break:
    def do(world: World) -> None:
        name = f"env-{len(world.objects)}"
        world.objects[name] = values
        listed = world.container.setdefault("envFrom", [])
        listed.append({"configMapRef": {"name": name}})

    return do


def both(*breaks: Break) -> Break:
    return lambda world: [each(world) for each in breaks]


def set_to(**values: Any) -> Break:
    return lambda world: [setattr(world, name, value) for name, value in values.items()]


def of_role(**changes: Any) -> Break:
    return lambda world: set_to(role=replace(world.role, **changes))(world)


def trust(document: Json) -> Break:
    def do(world: World) -> None:
        kept = [e for e in world.role.trust_policy["Statement"] if e["Effect"] == "Deny"]
        of_role(trust_policy={**document, "Statement": [*document["Statement"], *kept]})(world)

    return do


def deny_sessions(world: World) -> None:
    stop = {"Effect": "Deny", "Principal": "*", "Action": "sts:*"}
    of_role(trust_policy={"Statement": [*world.role.trust_policy["Statement"], stop]})(world)


def label(key: str) -> Break:
    return lambda world: world.labels.update({key: "x"})


def associated(**changes: Any) -> Break:
    return lambda world: set_to(association=replace(world.association or ASSOCIATION, **changes))(
        world
    )


NO_TRUST = {"Version": "2012-10-17", "Statement": []}
OTHER_ROLE = f"{ROLE_ARN}-2"
STOP = {"Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": BUCKET_ARN}
BY_TAG = "arn:aws:s3:::${aws:PrincipalTag/kubernetes-service-account}"
DENIED = (allowing("s3:*", "*", "Deny"), replace(allowing("s3:*"), name="more"))
OF_BOTH: dict[str, Break] = {
    "zone": env(AWS_REGION="us-east-1a"),
    "zones": env(AWS_REGION="us-east-1a", AWS_DEFAULT_REGION="us-east-1a"),
    "newline": env_from(AWS_REGION="us-east-1\n", AWS_DEFAULT_REGION="us-east-1\n"),
    "one-newline": env_from(AWS_DEFAULT_REGION="us-east-1\n"),
    "empty-region": env(AWS_REGION=""),
    "keys": env(AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY="x"),
    "keys-by-env-from": env_from(AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY="x"),
    "endpoint": env(AWS_ENDPOINT_URL="http://127.0.0.1:9"),
    "skipped": label(SKIP_LABEL),
    "no-policy": of_role(policies=()),
    "denied": of_role(policies=DENIED),
    "bucket-denies": set_to(bucket_policy={"Version": "2012-10-17", "Statement": [STOP]}),
    "no-trust": trust(NO_TRUST),
    "trust-denies": deny_sessions,
}
OF_EKS: dict[str, Break] = {
    "fargate": label(FARGATE_LABEL),
    "fargate-beside-nodes": both(label(FARGATE_LABEL), set_to(beside=True)),
    "no-association": set_to(association=None),
    "another-role": associated(role_arn=OTHER_ROLE),
    "tags-disabled": associated(disable_session_tags=True),
    "session-policy": associated(disable_session_tags=True, policy='{"Statement": []}'),
    "no-agent": set_to(agent=False),
    "relative-uri": env(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="/v2"),
    "uri-by-hand": env(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://127.0.0.1:9"),
    "web-identity": env_from(AWS_ROLE_ARN=OTHER_ROLE, AWS_WEB_IDENTITY_TOKEN_FILE="/t"),
    "trust-of-nb": trust(pod_identity_trust_policy([CLUSTER_ARN], [NB])),
    "trust-of-cluster-2": trust(pod_identity_trust_policy([f"{CLUSTER_ARN}-2"], [ACCOUNT, NB])),
    "by-tag": of_role(policies=(allowing("s3:ListBucket", BY_TAG),)),
}
OF_IRSA: dict[str, Break] = {
    "no-annotation": lambda world: world.annotations.clear(),
    "another-annotation": lambda w: w.annotations.update({ROLE_ARN_ANNOTATION: OTHER_ROLE}),
    "misspelt": lambda world: set_to(annotations={"x/role": ROLE_ARN})(world),
    "session-name": env(AWS_ROLE_SESSION_NAME="a / b"),
    "role-by-hand": env(AWS_ROLE_ARN=OTHER_ROLE, AWS_WEB_IDENTITY_TOKEN_FILE="/t"),
    "trust-of-nb": trust(irsa_trust_policy([PROVIDER_ARN], [NB])),
    "trust-of-typo": trust(irsa_trust_policy([PROVIDER_ARN], [ACCOUNTS[4]])),
    "audience": trust(irsa_trust_policy([PROVIDER_ARN], [ACCOUNT], audience="vault")),
}
BREAKS = {True: {**OF_BOTH, **OF_EKS}, False: {**OF_BOTH, **OF_IRSA}}
FIRST = [
    pytest.param(by_association, name, id=f"{'eks' if by_association else 'irsa'}-{name}")
    for by_association, breaks in BREAKS.items()
    for name in breaks
]


def own(call: Any) -> bool:
    """The service account's own calls in the cluster, with its session tags."""
    if isinstance(call, str):
        return False
    mine = call.source.split()[0] in (ISSUER, CLUSTER_ARN) and call.account == "dev/s3-app"
    return mine and call.kind in ("token", "association")


def not_nb(call: Any) -> bool:
    """The calls of accounts that do not use the role: dev/nb does."""
    return not isinstance(call, str) and call.account not in ("dev/nb", "")


def run_rounds(world: World) -> None:
    """Run the first remedy with commands until there is none; fail in a circle."""
    seen: list[str] = []
    while True:
        links = Chain(world.facts).links(UNMADE)
        failed = [e for e in links if e.status is Status.FAILED]
        assert all(link.remedy.text for link in failed)
        failing = next((e for e in failed if e.remedy.commands), None)
        if failing is None:
            return
        assert world.state not in seen, f"{failing.key}: {failing.remedy}"
        seen.append(world.state)
        before = world.answers()
        for command in failing.remedy.shell:
            world.run(command)
        after = world.answers()
        no_loss(before, after, but=not_nb)
        if "gain what it gains" in failing.remedy.text:
            del after["list as nb"]
        no_gain(before, after, but=own)


@pytest.mark.parametrize(("by_association", "first"), FIRST)
def test_the_remedies_end_and_no_other_caller_gains_or_loses(by_association, first):
    breaks = BREAKS[by_association]
    names = list(breaks)
    for second in ("", *names[names.index(first) + 1 :]):
        world = World(by_association)
        for name in filter(None, (first, second)):
            breaks[name](world)
        try:
            run_rounds(world)
        except AssertionError as error:
            raise AssertionError(f"{first} and {second}: {error}") from error
