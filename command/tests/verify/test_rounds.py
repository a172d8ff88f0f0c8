"""Remedies of two breakages at once, run round by round: they end, and others gain or lose nothing.

The commands are applied to a simulated cluster and account.
"""

import json
import re
import shlex
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest

from command.tests.verify import chains
from command.tests.verify.chains import ACCOUNT, ASSOCIATION, EKS_TOKEN, GOOD, READY, ROLE, seen
from command.tests.verify.commands import written
from command.tests.verify.pods import AGENT_VOLUME, ASSOCIATED, INJECTED, TOKEN_VOLUME, container
from irsa.access import allows
from irsa.observe.eks import DescribedCluster
from irsa.observe.facts import Owner, PermissionsPolicy, Pod, Role
from irsa.verify.facts import ByAssociation, Facts
from irsa.verify.link import Link, Status
from irsa.verify.walk import Chain
from irsa_core.decide.association import pod_tags
from irsa_core.decide.truth import Verdict
from irsa_core.identity.arns import cluster_arn
from irsa_core.identity.eks import FARGATE_LABEL, ROLE_ARN_ANNOTATION, SKIP_LABEL
from irsa_core.identity.pod_identity import pod_identity_trust_policy
from irsa_core.identity.policies import irsa_trust_policy
from irsa_core.identity.policy_json import Json
from irsa_core.identity.subjects import ServiceAccountRef
from tests.support import world
from tests.support.no_gain import Sessions, no_gain, no_loss, session_answers, seven_accounts

NB = ServiceAccountRef("dev", "nb")
BUCKET, CLUSTER, ISSUER = world.BUCKET_ARN, world.CLUSTER_ARN, world.ISSUER
ACCOUNTS = seven_accounts(*ACCOUNT)
BOTH = world.ACCOUNT_A, world.ACCOUNT_B
STRANGERS = [Role(f"arn:aws:iam::{each}:role/stranger", "AROASTRANGER", {}) for each in BOTH]
CLUSTERS = [CLUSTER, f"{CLUSTER}-2"]
TAGS = pod_tags(cluster_arn(CLUSTER), NB)
CALLERS = {"issuers": [ISSUER, f"{ISSUER}0"], "clusters": CLUSTERS, "callers": STRANGERS}
SID = "Guard\nof: (the) data"  # as bucket policies may have it
ANSWERS: dict[str, dict[Any, Verdict]] = {}  # of a role and a bucket policy
PLACEHOLDER = re.compile(r"<[^>]*>|\{[a-z_]*\}|None|\.\.\.|…|deployment/ |=$")


def allowing(action: str, resource: str = BUCKET, effect: str = "Allow") -> PermissionsPolicy:
    statement = {"Sid": SID, "Effect": effect, "Action": action, "Resource": resource}
    return PermissionsPolicy("data", {"Version": "2012-10-17", "Statement": [statement]})


TEMPLATE = {"metadata": {"labels": {}}, "spec": {"containers": [{"name": "app", "env": []}]}}
LISTING = replace(ROLE, policies=(allowing("s3:ListBucket"),))


@dataclass
class World:
    """A service account with a Deployment, a role, which dev/nb may use as well, and a bucket."""

    association: Any
    role: Role
    annotations: Json
    template: Json = field(default_factory=lambda: deepcopy(TEMPLATE))
    objects: Json = field(default_factory=dict)
    agent: bool = True
    bucket_policy: Json | None = None
    beside: bool = False
    """True if a Pod of the service account runs on a node, without the labels."""
    expected_role: str = ROLE.arn
    admission: Json = field(default_factory=lambda: {"env": {}, "labels": {}})
    """Variables and labels that a policy of the cluster adds to each Pod."""

    @property
    def container(self) -> Json:
        return self.template["spec"]["containers"][0]

    @property
    def labels(self) -> Json:
        return self.template["metadata"]["labels"]

    def pod(self, name: str, labels: Json) -> Pod:
        """A Pod as the webhook leaves it."""
        injected = deepcopy(ASSOCIATED if self.association else INJECTED)
        role_arn = self.annotations.get(ROLE_ARN_ANNOTATION)
        for entry in injected["env"]:
            entry["value"] = role_arn if entry["name"] == "AWS_ROLE_ARN" else entry["value"]
        labels = {**labels, **self.admission["labels"]}
        bare = SKIP_LABEL in labels or not (self.association or role_arn)
        app = deepcopy(self.container)
        env = {variable["name"]: variable["value"] for variable in app.pop("env")}
        variables = {**env, **self.admission["env"]}.items()
        made = container(*(app.pop("name"), *variables), mutated=injected, bare=bare, **app)
        volumes = [] if bare else [AGENT_VOLUME if self.association else TOKEN_VOLUME]
        spec = {"containers": [made], "volumes": volumes, "nodeName": "n"}
        return Pod(name, world.NAME, {}, labels, spec, Owner("deployment", "app", self.template))

    @property
    def facts(self) -> Facts:
        pods = [self.pod("app-1", self.labels)]
        if self.beside:
            pods.append(replace(self.pod("onnodes-1", {}), owner=None))
        cluster = DescribedCluster(CLUSTER, addon="ACTIVE" if self.agent else None)
        agent = READY if self.agent else frozenset[str]()
        facts = seen(
            GOOD,
            expected_role=self.expected_role,
            service_account=replace(GOOD.service_account, annotations=dict(self.annotations)),
            pods=tuple(pods),
            objects={("ConfigMap", name): values for name, values in self.objects.items()},
            role=self.role,
            **chains.identity(self.association, cluster, agent),
            bucket_policy=self.bucket_policy,
            bucket_account=world.ACCOUNT_A,
        )
        return replace(facts, token=EKS_TOKEN) if isinstance(facts, ByAssociation) else facts

    def answers(self) -> dict[Any, Verdict]:
        """Answers to all callers: sessions of the role, and S3's to dev/nb and to strangers."""
        policies = repr((self.role, self.bucket_policy))
        if policies not in ANSWERS:
            ANSWERS[policies] = self._asked()
        return ANSWERS[policies]

    def _asked(self) -> dict[Any, Verdict]:
        result = dict[Any, Verdict](session_answers(self.role, ACCOUNTS, now=world.NOW, **CALLERS))
        of_nb = any(e.account == "dev/nb" and v is Verdict.ALLOW for e, v in result.items())
        for caller, tags in ((self.role, TAGS), *((e, {}) for e in STRANGERS)):
            for action, resource in [("s3:ListBucket", BUCKET), ("s3:GetObject", f"{BUCKET}/a")]:
                asked: Any = {"resource_policy": self.bucket_policy, "tags": tags}
                judged = allows(caller, action, resource, session_name="x", **asked).verdict
                call = Sessions("s3", action, "dev/nb" if caller is self.role else "", caller.arn)
                result[call] = judged if of_nb or caller is not self.role else Verdict.DENY
        return result

    def run(self, command: str) -> None:
        """Apply one command."""
        assert not PLACEHOLDER.search(command), command
        words = shlex.split(command)
        options = dict(pairwise(words))
        assert options.get("--role-name", self.role.name) == self.role.name
        match words[:3]:
            case ["kubectl", "rollout", "restart"]:
                pass
            case ["kubectl", "set", "env"]:
                for change in (word for word in words[4:] if word[-1] == "-" or "=" in word):
                    name, equals, value = change.partition("=")
                    name = name if equals else name[:-1]
                    kept = [entry for entry in self.container["env"] if entry["name"] != name]
                    added = [{"name": name, "value": value}] if equals else []
                    self.container["env"] = kept + added
            case ["kubectl", "annotate", _]:
                self.annotations |= dict(e.split("=", 1) for e in words[4:] if "=" in e)
            case ["kubectl", "patch", "deployment"]:
                for operation in json.loads(options["--patch"]):
                    remove({"spec": {"template": self.template}}, **operation)
            case ["aws", "iam", "update-assume-role-policy"]:
                self.role = replace(self.role, trust_policy=written(command))
            case ["aws", "iam", "put-role-policy"]:
                name = options["--policy-name"]
                policies = {policy.arn or policy.name: policy for policy in self.role.policies}
                policies[name] = PermissionsPolicy(name, written(command))
                self.role = replace(self.role, policies=tuple(policies.values()))
            case ["aws", "iam", "delete-role-policy" | "detach-role-policy"]:
                gone = options.get("--policy-arn") or options["--policy-name"]
                kept = tuple(e for e in self.role.policies if (e.arn or e.name) != gone)
                assert kept != self.role.policies
                self.role = replace(self.role, policies=kept)
            case ["aws", "s3api", "put-bucket-policy" | "delete-bucket-policy"]:
                document = written(command, "--policy") if "--policy" in options else None
                self.bucket_policy = document
            case ["aws", "eks", "create-addon"]:
                self.agent = True
            case ["aws", "eks", "create-pod-identity-association"]:
                assert self.association is None
                self.association = replace(ASSOCIATION, role_arn=options["--role-arn"])
            case ["aws", "eks", "update-pod-identity-association"]:
                changes: Json = {}
                if "--no-disable-session-tags" in words:
                    assert not self.association.policy
                    changes["disable_session_tags"] = False
                if role_arn := options.get("--role-arn"):
                    changes["role_arn"] = role_arn
                self.association = replace(self.association, **changes)
            case ["python", "-m", "irsa"]:
                assert not self.beside
                kept = [*self.role.trust_policy["Statement"], *ROLE.trust_policy["Statement"]]
                self.role = replace(self.role, trust_policy={"Statement": kept})
                self.annotations[ROLE_ARN_ANNOTATION] = self.association.role_arn
                self.association = None
            case other:
                pytest.fail(f"not simulated, or it changes what other principals may have: {other}")

    def change(self, **values: Any) -> None:
        vars(self).update(values)

    def env(self, **values: str) -> None:
        self.container["env"] += [{"name": name, "value": value} for name, value in values.items()]

    def env_from(self, prefix: str = "", **values: str) -> None:
        name = f"env-{len(self.objects)}"
        self.objects[name] = values
        source = {"configMapRef": {"name": name}, "prefix": prefix}
        self.container.setdefault("envFrom", []).append(source)

    def admit(self, *labels: str, **env: str) -> None:
        self.admission["env"] |= env
        self.admission["labels"] |= dict.fromkeys(labels, "x")

    def label(self, key: str, *, beside: bool = False) -> None:
        self.labels[key], self.beside = "x", beside

    def trust(self, document: Json, *more: Json) -> None:
        kept = [e for e in self.role.trust_policy["Statement"] if e["Effect"] == "Deny"]
        listed = [*document["Statement"], *kept, *more]
        self.role = replace(self.role, trust_policy={**document, "Statement": listed})

    def move(self, document: Json, *more: Json) -> None:
        self.role = replace(self.role, arn=ROLE.arn.replace("role/", "role/apps/"))
        self.trust(document, *more)

    def allow(self, *policies: PermissionsPolicy) -> None:
        self.role = replace(self.role, policies=policies)

    def associate(self, **changes: Any) -> None:
        self.association = replace(self.association or ASSOCIATION, **changes)


def remove(document: Any, op: str, path: str) -> None:
    """Apply an operation of a JSON patch; none of these remedies adds a value."""
    assert op == "remove"
    *above, last = [each.replace("~1", "/").replace("~0", "~") for each in path.split("/")[1:]]
    for each in above:
        document = document[int(each)] if isinstance(document, list) else document[each]
    del document[int(last) if isinstance(document, list) else last]


OF_NB = irsa_trust_policy([world.PROVIDER_ARN], [NB])["Statement"][0]
NO_TRUST = {"Version": "2012-10-17", "Statement": []}
OTHER_ROLE = f"{ROLE.arn}-2"
NO_SESSIONS = {"Sid": SID, "Effect": "Deny", "Principal": "*", "Action": "sts:*"}
STOP = {"Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": BUCKET}
BY_TAG = "arn:aws:s3:::${aws:PrincipalTag/kubernetes-service-account}"
DENIED = (allowing("s3:*", "*", "Deny"), replace(allowing("s3:*"), name="more"))
ZONE, LINE = "us-east-1a", "us-east-1\n"
OF_BOTH = {
    "zone-for-region": lambda w: w.env(AWS_REGION=ZONE),
    "zone-for-both-regions": lambda w: w.env(AWS_REGION=ZONE, AWS_DEFAULT_REGION=ZONE),
    "newline-in-both-regions": lambda w: w.env_from(AWS_REGION=LINE, AWS_DEFAULT_REGION=LINE),
    "newline-in-default-region": lambda w: w.env_from(AWS_DEFAULT_REGION=LINE),
    "empty-region": lambda w: w.env(AWS_REGION=""),
    "access-keys": lambda w: w.env(AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY="x"),
    "keys-by-env-from": lambda w: w.env_from("AWS_", ACCESS_KEY_ID="AKIA", SECRET_ACCESS_KEY="x"),
    "another-endpoint": lambda w: w.env(AWS_ENDPOINT_URL="http://127.0.0.1:9"),
    "skipped": lambda w: w.label(SKIP_LABEL),
    "zone-by-admission": lambda w: w.admit(AWS_REGION=ZONE),
    "empty-region-by-admission": lambda w: w.admit(AWS_REGION=""),
    "profile-by-admission": lambda w: w.admit(AWS_PROFILE="team"),
    "skipped-by-admission": lambda w: w.admit(SKIP_LABEL),
    "role-of-another-path": lambda w: w.move(w.role.trust_policy),
    "neighbour-trusted-by-another-path": lambda w: w.move(NO_TRUST, OF_NB),
    "role-not-given": lambda w: w.change(expected_role=""),
    "no-policy": lambda w: w.allow(),
    "denied-by-policies": lambda w: w.allow(*DENIED),
    "bucket-denies": lambda w: w.change(bucket_policy={**NO_TRUST, "Statement": [STOP]}),
    "no-trust": lambda w: w.trust(NO_TRUST),
    "trust-denies": lambda w: w.trust(w.role.trust_policy, NO_SESSIONS),
}
OF_EKS = {
    "fargate": lambda w: w.label(FARGATE_LABEL),
    "fargate-beside-nodes": lambda w: w.label(FARGATE_LABEL, beside=True),
    "no-association": lambda w: w.change(association=None),
    "another-role": lambda w: w.associate(role_arn=OTHER_ROLE),
    "tags-disabled": lambda w: w.associate(disable_session_tags=True),
    "session-policy": lambda w: w.associate(disable_session_tags=True, policy='{"Statement": []}'),
    "no-agent": lambda w: w.change(agent=False),
    "relative-uri": lambda w: w.env(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="/v2"),
    "uri-by-hand": lambda w: w.env(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://127.0.0.1:9"),
    "web-identity": lambda w: w.env_from(AWS_ROLE_ARN=OTHER_ROLE, AWS_WEB_IDENTITY_TOKEN_FILE="/t"),
    "trust-of-neighbour-alone": lambda w: w.trust(pod_identity_trust_policy([CLUSTER], [NB])),
    "trust-of-cluster-2": lambda w: w.trust(pod_identity_trust_policy(CLUSTERS[1:], [ACCOUNT, NB])),
    "trust-denies-dev": lambda w: w.trust(w.role.trust_policy, NOT_PROD),
    "trust-by-a-tag": lambda w: w.trust(TRUST_TEAM),
    "bucket-by-a-tag": lambda w: w.allow(allowing("s3:ListBucket", BY_TAG)),
}
IN_PROD = {"aws:RequestTag/kubernetes-namespace": "prod"}
NOT_PROD = {**NO_SESSIONS, "Condition": {"StringNotEquals": IN_PROD}}
TRUST_TEAM = deepcopy(pod_identity_trust_policy([CLUSTER], [ACCOUNT, NB]))
TRUST_TEAM["Statement"][0]["Condition"]["StringEquals"]["aws:PrincipalTag/team"] = "data"
TRUST_MISSPELT = irsa_trust_policy([world.PROVIDER_ARN], [ACCOUNTS[4]])
TRUST_VAULT = irsa_trust_policy([world.PROVIDER_ARN], [ACCOUNT], audience="vault")
OF_IRSA = {
    "no-annotation": lambda w: w.change(annotations={}),
    "another-annotation": lambda w: w.change(annotations={ROLE_ARN_ANNOTATION: OTHER_ROLE}),
    "misspelt-annotation": lambda w: w.change(annotations={"x/role": ROLE.arn}),
    "session-name": lambda w: w.env(AWS_ROLE_SESSION_NAME="a / b"),
    "role-by-hand": lambda w: w.env(AWS_ROLE_ARN=OTHER_ROLE, AWS_WEB_IDENTITY_TOKEN_FILE="/t"),
    "trust-of-neighbour-alone": lambda w: w.trust(irsa_trust_policy([world.PROVIDER_ARN], [NB])),
    "trust-of-misspelt-name": lambda w: w.trust(TRUST_MISSPELT),
    "trust-of-another-audience": lambda w: w.trust(TRUST_VAULT),
}


def healthy(*, by_association: bool, alone: bool = False) -> World:
    """The world in which every link holds."""
    accounts = [ACCOUNT] if alone else [ACCOUNT, NB]
    if by_association:
        trust = pod_identity_trust_policy([CLUSTER], accounts)
        return World(ASSOCIATION, replace(LISTING, trust_policy=trust), {})
    tokens = irsa_trust_policy([world.PROVIDER_ARN], accounts)
    return World(None, replace(LISTING, trust_policy=tokens), {ROLE_ARN_ANNOTATION: ROLE.arn})


BREAKS = {True: {**OF_BOTH, **OF_EKS}, False: {**OF_BOTH, **OF_IRSA}}


def failing_with_commands(own: World) -> Link | None:
    """The first failed link whose remedy has commands."""
    failed = [each for each in Chain(own.facts).links() if each.status is Status.FAILED]
    assert [link for link in failed if not link.remedy.text] == []
    return next((each for each in failed if each.remedy.commands), None)


def own(call: Any) -> bool:
    """The service account's own calls in the cluster, with its session tags."""
    mine = call.source.split()[0] in (ISSUER, CLUSTER) and call.account == "dev/s3-app"
    return mine and call.kind in ("token", "association")


ALL = [(by, name) for by, breaks in BREAKS.items() for name in breaks]
FIRST = {f"{'Pod Identity' if by else 'IRSA'}: {name}": (by, name) for by, name in ALL}


@pytest.mark.cases(("by_association", "first"), FIRST)
def test_the_remedies_end_and_no_other_caller_gains_or_loses(by_association, first, subtests):
    breaks = BREAKS[by_association]
    names = list(breaks)
    cases = [("", True), ("", False), *((e, False) for e in names[names.index(first) + 1 :])]
    for second, alone in cases:
        broken, seen = healthy(by_association=by_association, alone=alone), []
        for name in filter(None, (first, second)):
            breaks[name](broken)
        with subtests.test(second=second, alone=alone):
            while failing := failing_with_commands(broken):
                assert repr(broken) not in seen, f"a circle: {failing.key}: {failing.remedy}"
                seen.append(repr(broken))
                before = broken.answers()
                for command in failing.remedy.shell:
                    broken.run(command)
                after = broken.answers()
                no_loss(before, after)
                if "gain what it gains" in failing.remedy.text:
                    after = {call: answer for call, answer in after.items() if call.kind != "s3"}
                no_gain(before, after, but=own)
