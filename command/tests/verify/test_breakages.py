"""The 52 breakages of the second attack, by their numbers: the link, and how certain it is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from command.tests.verify import test_chain as irsa
from command.tests.verify import test_pod_identity as eks
from command.tests.verify.links.pod_scenarios import (
    AWS_VOLUME,
    config,
    container,
    pod,
    spec,
    with_config,
)
from command.tests.verify.test_chain import PROVIDER_ARN, ROLE, ROLE_ARN, ROLE_B_ARN
from command.tests.verify.test_pod_identity import ACCOUNT, ASSOCIATION, CLUSTER, TARGETING, TRUST
from irsa.identity.eks import FARGATE_LABEL, SKIP_LABEL
from irsa.identity.pod_identity import (
    TargetedBy,
    pod_identity_trust_policy,
    target_role_trust_policy,
)
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.policy_json import Json
from irsa.identity.subjects import ServiceAccountRef
from irsa.observe.facts import PermissionsPolicy, Role, ServiceAccount
from irsa.verify.facts import Calls, RoleBFacts, RoleBTarget
from irsa.verify.link import Link, Status
from irsa.verify.remedies.iam import readable

Links = dict[str, Link]
FAILED, UNKNOWN, PASSED = Status.FAILED, Status.UNKNOWN, Status.PASSED
NB, OTHER = ServiceAccountRef("dev", "nb"), ServiceAccountRef("other", "s3-app")
UNMADE = Calls()


def in_irsa(*variables: tuple[str, Any], fields: Json | None = None, **changes: Any) -> Links:
    """The links of a chain by IRSA whose container has variables, and whose Pod has fields."""
    return irsa.links(pods=(pod(spec(container("app", *variables), **(fields or {}))),), **changes)


def in_eks(*variables: tuple[str, str], fields: Json | None = None, **changes: Any) -> Links:
    """Links of a chain by EKS Pod Identity, likewise."""
    given = {**eks.env(*variables), **(fields or {})}
    return eks.links(**{"pods": (eks.pod(given),), **changes})


def trusting(document: Json) -> Links:
    return eks.links(role=replace(ROLE, trust_policy=document), calls=UNMADE)


def with_condition(operator: str, key: str, value: str) -> Links:
    """A trust policy for the association with one more condition."""
    [own] = TRUST["Statement"]
    block = {**own["Condition"], operator: {**own["Condition"].get(operator, {}), key: value}}
    return trusting({**TRUST, "Statement": [{**own, "Condition": block}]})


def egress(*rules: Json) -> Json:
    spec_ = {"podSelector": {}, "policyTypes": ["Egress"], "egress": list(rules)}
    return {"metadata": {"name": "locked"}, "spec": spec_}


DNS = {"ports": [{"port": 53, "protocol": "UDP"}]}
HTTPS = {"ports": [{"port": 443}], "to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}


def policy(*statements: Json) -> tuple[PermissionsPolicy, ...]:
    return (PermissionsPolicy("own", {"Version": "2012-10-17", "Statement": [*statements]}),)


def allow(action: str, resource: str = "*", **condition: Json) -> Json:
    block = {"Condition": condition} if condition else {}
    return {"Effect": "Allow", "Action": action, "Resource": resource, **block}


BY_TAG = "arn:aws:s3:::${aws:PrincipalTag/kubernetes-service-account}"
SHARED = pod_identity_trust_policy([CLUSTER], [ACCOUNT, NB])
UNTAGGED = replace(ASSOCIATION, disable_session_tags=True)
WIDE = pod_identity_trust_policy([CLUSTER], [ACCOUNT], disable_session_tags=True)
LIMIT = readable({"Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]})


def by_tags(bucket: str, association: Any = ASSOCIATION, trust: Json = SHARED) -> Links:
    role = replace(ROLE, trust_policy=trust, policies=policy(allow("s3:ListBucket", BY_TAG)))
    known = eks.known(association)
    return eks.links(role=role, bucket=bucket, pod_identity=known, calls=UNMADE)


def target(trust: Json | None = None, role_a: Role | None = None, **association: Any) -> Links:
    """The links of an association with a target role."""
    changes = {"trust": trust, "role_a": role_a}
    known = eks.known(replace(TARGETING, **association))
    facts = replace(eks.targeted(**changes), pod_identity=known)
    return {link.key: link for link in eks.Chain(facts).links(UNMADE)}


ONE = TargetedBy(ROLE_ARN, CLUSTER, ACCOUNT)


def without_tag_session() -> Json:
    document = target_role_trust_policy([ONE])
    return {**document, "Statement": document["Statement"][:1]}


def bounded(*actions: str) -> Role:
    boundary = PermissionsPolicy("limits", {"Statement": [allow(each) for each in actions]}, "arn")
    return replace(eks.FACTS.role, boundary=boundary)


def to_role_b(statement: Json, role_a: Role = ROLE, **call: Any) -> Links:
    """The links of a chain by IRSA to role B, whose trust policy has one statement."""
    role = Role(ROLE_B_ARN, "AROAB", {"Statement": [statement]}, policies=ROLE.policies)
    made = RoleBTarget(role_arn=ROLE_B_ARN, **call)
    return irsa.links(role=role_a, role_b=RoleBFacts(target=made, role=role))


A_TO_B = {"Effect": "Allow", "Principal": {"AWS": ROLE_ARN}, "Action": "sts:AssumeRole"}


def named(effect: str, operator: str, value: str, session: str = "") -> Links:
    """A trust policy by session name, and a Pod that has one."""
    condition = {operator: {"sts:RoleSessionName": value}}
    document = irsa_trust_policy([PROVIDER_ARN], [ACCOUNT])
    [own] = document["Statement"]
    guard = {"Effect": "Deny", "Principal": "*", "Action": own["Action"], "Condition": condition}
    if effect == "Allow":
        own["Condition"] |= {**condition, operator: {**own["Condition"].get(operator, {}),
                                                     **condition[operator]}}  # fmt: skip
    statements = [own] if effect == "Allow" else [own, guard]
    role = replace(ROLE, trust_policy={**document, "Statement": statements})
    variables = [("AWS_ROLE_SESSION_NAME", session)] if session else []
    return in_irsa(*variables, role=role, **({} if session else {"assumed": irsa.NOT_MADE}))


def keys_file() -> Links:
    given = eks.env(("AWS_SHARED_CREDENTIALS_FILE", "/etc/aws/config"))
    given["containers"][0]["volumeMounts"].append({"name": "aws", "mountPath": "/etc/aws"})
    given["volumes"] += AWS_VOLUME
    text = "[default]\naws_access_key_id = AKIA\naws_secret_access_key = x\n"
    return eks.links(pods=(eks.pod(given),), **config(text))


def by_env_from() -> Links:
    pairs = {"AWS_ROLE_ARN": ROLE_B_ARN, "AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}
    given = eks.env()
    given["containers"][0]["envFrom"] = [{"configMapRef": {"name": "env"}}]
    return eks.links(pods=(eks.pod(given),), objects={("ConfigMap", "env"): pairs})


def region_by_env_from() -> Links:
    given = spec(container("app"))
    names = ("AWS_REGION", "AWS_DEFAULT_REGION")
    own = given["containers"][0]
    own["env"] = [each for each in own["env"] if each["name"] not in names]
    own["envFrom"] = [{"configMapRef": {"name": "env"}}]
    values = dict.fromkeys(names, "us-east-1\n")
    return irsa.links(pods=(pod(given),), objects={("ConfigMap", "env"): values})


def fargate_beside_nodes() -> Links:
    on_fargate = eks.pod(labels={FARGATE_LABEL: "fp"})
    return eks.links(pods=(on_fargate, replace(eks.pod(), name="onnodes-1")))


class Row(NamedTuple):
    """One breakage."""

    number: int
    do: Callable[[], Links]
    key: str = ""
    """Link of the finding; empty if the chain is healthy."""
    status: Status = PASSED
    found: str = ""
    commands: str = ""
    """Part of the remedy's commands; empty for none."""


PROXY = "http://127.0.0.1:9"
ROWS = [
    Row(91, lambda: in_eks(("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")), "precedence",
        FAILED, "in place of the agent", "kubectl set env"),
    Row(92, lambda: in_eks(("AWS_ENDPOINT_URL", PROXY)), "precedence", UNKNOWN, PROXY),
    Row(93, lambda: in_eks(("AWS_ENDPOINT_URL_S3", PROXY)), "precedence", UNKNOWN, PROXY),
    Row(94, lambda: in_eks(("HTTPS_PROXY", PROXY)), "precedence", UNKNOWN, PROXY),
    Row(95, lambda: in_eks(("HTTP_PROXY", PROXY)), "precedence", UNKNOWN, "NO_PROXY lacks"),
    Row(96, lambda: in_eks(("HTTP_PROXY", PROXY), ("NO_PROXY", "169.254.0.0/16")), "precedence",
        UNKNOWN, "NO_PROXY lacks 169.254.170.23"),
    Row(97, by_env_from, "precedence", FAILED, "wins over the association", "kubectl"),
    Row(98, lambda: in_eks(("AWS_ROLE_ARN", ROLE_B_ARN))),
    Row(99, lambda: in_eks(pods=(eks.pod(eks.env(("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://x")),
        {"containers": [{"name": "app", "env": [{"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                                 "value": "http://x"}]}]}),)),
        "injection", FAILED, "sets AWS_CONTAINER_CREDENTIALS_FULL_URI by hand", "kubectl set env"),
    Row(100, lambda: eks.links(pod_identity=eks.known(None), expected_role=ROLE_ARN),
        "association", FAILED, "has none", "create-pod-identity-association"),
    Row(101, lambda: eks.links(pod_identity=eks.known(None), expected_role=ROLE_ARN),
        "association", FAILED, "has none", "create-pod-identity-association"),
    Row(102, lambda: trusting(pod_identity_trust_policy([f"{CLUSTER}-2"], [ACCOUNT])),
        "trust", FAILED, f"the policy says '{CLUSTER}-2'", "update-assume-role-policy"),
    Row(103, lambda: with_condition("ArnLike", "aws:SourceArn", f"{CLUSTER}-*"),
        "trust", FAILED, "aws:SourceArn", "update-assume-role-policy"),
    Row(104, lambda: with_condition("StringEquals", "aws:SourceAccount", "444455556666"),
        "trust", FAILED, "aws:SourceAccount", "update-assume-role-policy"),
    Row(105, lambda: with_condition("StringEquals", "aws:PrincipalTag/team", "data"),
        "trust", FAILED, "aws:PrincipalTag/team", "update-assume-role-policy"),
    Row(106, lambda: eks.links(pod_identity=eks.known(UNTAGGED), calls=UNMADE),
        "trust", FAILED, "aws:RequestTag", "--no-disable-session-tags"),
    Row(107, lambda: trusting({**TRUST, "Statement": [*TRUST["Statement"], {
            "Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Condition": {
                "StringNotEquals": {"aws:RequestTag/kubernetes-namespace": "prod"}}}]}),
        "trust", FAILED, "explicit deny"),
    Row(108, lambda: eks.links(pods=(eks.pod(eks.NOTHING),)), "injection", FAILED,
        "not mutated", "rollout restart"),
    Row(109, lambda: eks.links(pod_identity=eks.known(replace(ASSOCIATION, role_arn=ROLE_B_ARN)),
            expected_role=ROLE_ARN),
        "association", FAILED, ROLE_B_ARN, "update-pod-identity-association"),
    Row(110, lambda: eks.links(pod_identity=eks.known(
            cluster=replace(eks.EKS, addon=None), agent=frozenset())),
        "agent", FAILED, "nothing answers", "create-addon"),
    Row(111, lambda: {"agent": eks.on_node(agent=frozenset({"other"}))}, "agent", FAILED,
        "no agent is ready on n"),
    Row(112, fargate_beside_nodes, "agent", FAILED, "on Fargate"),
    Row(113, lambda: in_eks(network_policies=(egress(DNS, HTTPS),)), "precedence", UNKNOWN,
        "NetworkPolicy locked may not let the Pod out to 169.254.170.23:80"),
    Row(114, lambda: eks.links(role=replace(ROLE, trust_policy=WIDE), calls=UNMADE,
            pod_identity=eks.known(replace(UNTAGGED, policy=LIMIT))),
        "permissions", FAILED, "session policy"),
    Row(115, lambda: by_tags("s3-app")),
    Row(116, lambda: by_tags("s3-app", UNTAGGED, WIDE), "permissions", FAILED, "",
        "--no-disable-session-tags"),
    Row(117, lambda: by_tags("reports"), "permissions", FAILED, ""),
    Row(118, lambda: target(role_a=bounded("sts:AssumeRole", "s3:*")), "chain-permission", FAILED,
        "sts:TagSession"),
    Row(119, lambda: target(without_tag_session()), "chain-trust", FAILED, "sts:TagSession",
        "update-assume-role-policy"),
    Row(120, lambda: target(target_role_trust_policy([ONE._replace(cluster_arn=f"{CLUSTER}-2")])),
        "chain-trust", FAILED, "", "update-assume-role-policy"),
    Row(121, lambda: target(target_role_trust_policy([ONE._replace(service_account=NB)])),
        "chain-trust", FAILED, "", "update-assume-role-policy"),
    Row(122, lambda: target({"Statement": [{**A_TO_B, "Action": ["sts:AssumeRole",
                                                                 "sts:TagSession"]}]})),
    Row(123, lambda: target(policy=LIMIT), "chain-permissions", FAILED, "session policy"),
    Row(124, lambda: eks.links(pods=(eks.pod(eks.NOTHING, labels={SKIP_LABEL: "x"}),)),
        "injection", FAILED, "keeps the webhook away", "kubectl patch"),
    Row(125, keys_file, "precedence", FAILED, "it holds a static key; every SDK takes it"),
    Row(126, lambda: named("Allow", "StringEquals", "reports", "reports")),
    Row(127, lambda: named("Allow", "StringLike", "irsa-*"), "trust", UNKNOWN,
        "set AWS_ROLE_SESSION_NAME"),
    Row(128, lambda: named("Deny", "StringLike", "botocore-session-*"), "trust", UNKNOWN,
        "set AWS_ROLE_SESSION_NAME"),
    Row(129, lambda: irsa.links(pods=(pod(with_config()),), **config("\ufeff[default]\nregion=x")),
        "precedence", FAILED, ""),
    Row(130, lambda: irsa.links(pods=(pod(with_config()),), **config("[default]\r\nregion=x\r\n"))),
    Row(131, region_by_env_from, "precedence", FAILED, "has white space around the region",
        "AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1"),
    Row(132, lambda: in_irsa(("AWS_ENDPOINT_URL_S3", PROXY)), "precedence", UNKNOWN, PROXY),
    Row(133, lambda: in_irsa(network_policies=(egress(),)), "precedence", UNKNOWN,
        "NetworkPolicy locked may not let the Pod out to DNS:53, AWS:443"),
    Row(134, lambda: in_irsa(fields={"hostAliases": [
            {"ip": "10.0.0.9", "hostnames": ["sts.us-east-1.amazonaws.com"]}]}),
        "precedence", UNKNOWN, "hostAliases send sts.us-east-1.amazonaws.com to 10.0.0.9"),
    Row(135, lambda: irsa.links(data=irsa.DENIED, role=replace(ROLE, policies=policy(
            allow("s3:*", StringEquals={"s3:ResourceAccount": "444455556666"})))),
        "permissions", FAILED, "ResourceAccount", "put-role-policy"),
    Row(136, lambda: to_role_b({**A_TO_B, "Condition": {"Bool": {
            "aws:MultiFactorAuthPresent": "true"}}}),
        "chain-trust", FAILED, "aws:MultiFactorAuthPresent"),
    Row(137, lambda: to_role_b(A_TO_B, replace(ROLE, policies=policy(allow("s3:*"), allow(
            "sts:AssumeRole", StringEquals={"sts:ExternalId": "x"})))),
        "chain-permission", FAILED, "sts:ExternalId", "put-role-policy"),
    Row(138, lambda: irsa.links(
            service_account=ServiceAccount("dev", "s3-app", {}), expected_role=ROLE_ARN,
            role=replace(ROLE, trust_policy=irsa_trust_policy([PROVIDER_ARN], [OTHER]))),
        "annotation", FAILED, "no such annotation", "kubectl annotate"),
    Row(139, lambda: {"agent": eks.on_node(node_roles={"workers": eks.may_call("Allow", "s3:*")})},
        "agent", FAILED, "role nodes of the nodes (workers)"),
    Row(140, lambda: eks.links(role=replace(ROLE, trust_policy=TRUST, policies=policy(allow(
            "s3:*", StringLike={"aws:PrincipalTag/kubernetes-pod-name": "s3-app-*"}))))),
    Row(141, lambda: trusting(pod_identity_trust_policy([CLUSTER], [ACCOUNT, OTHER]))),
    Row(142, lambda: irsa.links(data=irsa.DENIED, bucket_policy={"Statement": [{
            "Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:PrincipalTag/team": "data"}}}]}),
        "permissions", FAILED, "an explicit deny"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.number)
def test_a_breakage_and_its_link(row):
    links = row.do()

    wrong = [link for link in links.values() if link.status is FAILED]
    wrong += [link for link in links.values() if link.status is UNKNOWN]
    if not row.key:
        made = ("STS was not asked", "there is no session")
        assert [link for link in wrong if not link.found.startswith(made)] == []
        return
    found = links[row.key]
    first = wrong[0].key if row.status is FAILED else row.key
    assert (first, found.status, row.found in found.found) == (row.key, row.status, True), found
    assert row.commands in " ".join(found.remedy.shell)
    assert bool(found.remedy.commands) is bool(row.commands)
    assert found.remedy.text or found.status is UNKNOWN


def test_all_52_are_there():
    assert [row.number for row in ROWS] == list(range(91, 143))


def test_a_grant_to_a_shared_role_says_who_else_has_it():
    role = replace(ROLE, trust_policy=SHARED, policies=())

    shared = eks.links(role=role, calls=UNMADE)["permissions"].remedy
    by_tag = by_tags("reports")["permissions"].remedy

    assert shared.text.endswith("; nb may have role s3-app as well, and gain what it gains")
    assert by_tag.text.endswith("role s3-app goes by session tags (others: nb)")
