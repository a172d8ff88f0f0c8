"""The links of a chain by EKS Pod Identity, and the commands that fix it."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from command.tests.verify import chains
from command.tests.verify.chains import ROLE, ROLE_EKS, UNMADE, UNREAD, eks_links, identity, links
from command.tests.verify.commands import RESTART, written
from command.tests.verify.pods import AWS_MOUNT, AWS_VOLUME, SPEC, associated_pod, config, pod
from core.tests.decide.policies import allow, document
from irsa.observe.eks import AUTO_MODE, DescribedCluster, association_of
from irsa.observe.facts import Answer, PermissionsPolicy, Role
from irsa.observe.stack_chains import Resource, Stack
from irsa.verify.facts import RoleB, chaining_profiles
from irsa.verify.link import Calls, Status
from irsa_core.identity.eks import FARGATE_LABEL
from irsa_core.identity.pod_identity import pod_identity_trust_policy, target_role_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef
from tests.support.world import CLUSTER_ARN, ROLE_ARN, ROLE_B_ARN

FAILED, UNKNOWN, PASSED = Status.FAILED, Status.UNKNOWN, Status.PASSED
OTHER = ServiceAccountRef("dev", "other")
URL = "http://127.0.0.1:9"
CREATE = (
    "aws eks create-pod-identity-association --cluster-name dev --namespace dev "
    f"--service-account s3-app --role-arn {ROLE_ARN} --region us-east-1"
)
UPDATE = (
    "aws eks update-pod-identity-association --cluster-name dev --association-id a-1 "
    f"--role-arn {ROLE_ARN} --region us-east-1"
)
UPDATE_TARGET = UPDATE.replace("--role-arn", "--target-role-arn").replace(ROLE_ARN, ROLE_B_ARN)
ADDON = "arn:aws:eks:us-east-1:111122223333:addon/dev/vpc-cni/1"
MISSING = identity(None)
EXPECTED = {"expected_role": ROLE_ARN}
STACK = Stack("dev", frozenset({Resource("association", "dev:dev/s3-app")}))
UP = ("pulumi refresh --stack dev", "pulumi up --stack dev")
OF_TARGET_ROLE = {"expects_association": True, "expected_target": ROLE_B_ARN}
NODE_ROLE = Role("arn:aws:iam::111122223333:role/nodes", "AROANODES", {}, policies=chains.ALL)
AUTO = {"nodes": {"n": AUTO_MODE}, "node_roles": {AUTO_MODE: NODE_ROLE}, "agent": frozenset({"x"})}
FARGATE = associated_pod(labels={FARGATE_LABEL: "fp"})
MOVE = "python -m irsa move dev/s3-app --to irsa --yes"
INJECTED = associated_pod().spec
NOTHING = {"containers": [{"name": "app"}], "volumes": []}
FOR_STS = json.loads(json.dumps(INJECTED).replace('pods.eks.amazonaws.com"', 'sts.amazonaws.com"'))
PATCH = "kubectl patch deployment app --namespace dev --type json --patch"
DROP_VOLUME = (f"""{PATCH} '[{{"op":"remove","path":"/spec/template/spec/volumes/0"}}]'""",)
NEXT = "a Pod that is made now gets"
NOT_PROD = {"StringNotEquals": {"aws:RequestTag/kubernetes-namespace": "prod"}}
WIDE = pod_identity_trust_policy([CLUSTER_ARN], [chains.ACCOUNT, OTHER], disable_session_tags=True)
LIMIT = '{"Statement": {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}}'
ROLE_UNTAGGED = replace(ROLE, trust_policy=WIDE)
LIMITED = {"policy": LIMIT, "disable_session_tags": True}
OF_TARGET = Calls(assumed=chains.SESSION_B, caller=chains.SESSION_B, data=Answer(allowed=True))
WANTED = target_role_trust_policy([chains.BY_ASSOCIATION])
BY_OTHER = target_role_trust_policy([chains.BY_ASSOCIATION._replace(service_account=OTHER)])
PROFILE = f"[profile B]\nrole_arn = {ROLE_B_ARN}\n"
SOURCES = ["web_identity_token_file = /t", "source_profile = B", "x = x", "credential_source = X"]
FROM_AGENT = f"{PROFILE}credential_source = EcsContainer\n"


def test_an_association_takes_the_place_of_annotation_and_provider():
    report = eks_links(**chains.annotated(ROLE_B_ARN))

    assert chains.statuses(report) == chains.statuses(eks_links()) == {}
    assert [key for key in report if key not in ("pod", "webhook", "precedence", "token")] == [
        *("service-account", "association", "agent", "injection", "role", "trust"),
        *("assume", "caller", "permissions", "data", "refused"),
    ]
    named = f"a-1 names {ROLE_ARN}; it wins over the annotation {ROLE_B_ARN}"
    assert report["association"].found == named


def test_unreadable_associations_leave_an_annotated_chain_as_it_is():
    assert [*links(**identity(cluster=UNREAD))] == [*links()]


@pytest.mark.cases(("changes", "commands"), {
    "no association": (MISSING | EXPECTED, (CREATE, RESTART)),
    "no association, role not given": (MISSING, ()),
    "another role": (chains.associated(role_arn=f"{ROLE_ARN}-old") | EXPECTED, (UPDATE, RESTART)),
    "another role, of an add-on":
        (chains.associated(role_arn=f"{ROLE_ARN}-old", owner_arn=ADDON) | EXPECTED, ()),
    "no association, of a stack":
        (MISSING | EXPECTED | {"stack": STACK, "expects_association": True}, (*UP, RESTART)),
    "no target role": (EXPECTED | OF_TARGET_ROLE, (UPDATE_TARGET, RESTART)),
    "another external id": (identity(replace(chains.TARGETING, external_id="other")), ()),
})  # fmt: skip
def test_a_wrong_association_and_its_commands(changes, commands):
    link = eks_links(**changes)["association"]
    assert (link.status, link.remedy.shell) == (FAILED, commands)


def test_an_association_is_not_older_than_a_pod_of_the_same_second():
    answer = {"associationArn": chains.ASSOCIATION.arn, "roleArn": ROLE_ARN, "namespace": "dev"}
    modified = datetime(2026, 11, 26, 9, 0, 0, 5000, UTC)
    found = association_of({**answer, "serviceAccount": "s3-app", "modifiedAt": modified})
    assert "2026-11-26T09:00:00Z" <= found.changed < "2026-11-26T09:00:01Z"


def test_a_role_for_eks_without_association_is_no_matter_of_annotations():
    bare = {**MISSING, **EXPECTED, "pods": ()}
    assert "annotation" not in eks_links(**bare)
    assert "annotation" in eks_links(**bare, role=ROLE)


@pytest.mark.cases(("cluster", "agent", "status"), {
    "Auto Mode": (DescribedCluster(CLUSTER_ARN, auto_mode=True), frozenset(), PASSED),
    "DaemonSet": (DescribedCluster(CLUSTER_ARN), chains.READY, PASSED),
    "add-on, agent unread": (chains.EKS, UNREAD, UNKNOWN),
    "add-on, no agent": (chains.EKS, frozenset(), FAILED),
    "add-on degraded": (DescribedCluster(CLUSTER_ARN, addon="DEGRADED"), chains.READY, FAILED),
    "add-on updating": (DescribedCluster(CLUSTER_ARN, addon="UPDATING"), chains.READY, PASSED),
    "add-on creating": (DescribedCluster(CLUSTER_ARN, addon="CREATING"), frozenset(), UNKNOWN),
    "neither": (DescribedCluster(CLUSTER_ARN), frozenset(), FAILED),
})  # fmt: skip
def test_the_agent_runs_by_add_on_daemon_set_or_auto_mode(cluster, agent, status):
    link = eks_links(**identity(cluster=cluster, agent=agent))["agent"]
    missing = cluster.addon is None and status is FAILED
    add = "aws eks create-addon --cluster-name dev --addon-name eks-pod-identity-agent"
    commands = (f"{add} --region us-east-1",) if missing else ()
    assert (link.status, link.remedy.shell) == (status, commands)


def test_a_call_inside_the_pod_proves_the_agent_of_its_node():
    pods = [associated_pod(nodeName=node) for node in ("n", "m")]
    known = identity(node_roles={"": UNREAD}, agent=frozenset({"n", "m"}))
    for found, status in ((pods[:1], PASSED), (pods, UNKNOWN)):
        assert eks_links(*found, **known, inside=chains.SESSION)["agent"].status is status


def node_role(effect, action="eks-auth:AssumeRoleForPodIdentity"):
    own = document(allow(action, "*", Effect=effect))
    return replace(NODE_ROLE, policies=(PermissionsPolicy("own", own),))


def with_role(role):
    return {"node_roles": {"workers": role}}


@pytest.mark.cases(("changes", "status", "found"), {
    "ready on the node": ({}, PASSED, "ready on n"),
    "ready on another node": ({"agent": frozenset({"other"})}, FAILED, "no agent is ready on n"),
    "Auto Mode": (AUTO, PASSED, "ready on x"),
    "nodes unread": ({"nodes": UNREAD}, UNKNOWN, "needs a permission"),
    "nodes unread, agent elsewhere": ({"nodes": UNREAD, "agent": frozenset({"x"})}, UNKNOWN,
        "needs a permission"),
    "node role unread": (with_role(UNREAD), UNKNOWN, "needs a permission"),
    "node role allows": (with_role(node_role("Allow")), PASSED, "ready on n"),
    "node role allows S3": (with_role(node_role("Allow", "s3:*")), FAILED,
        "role nodes of the nodes (workers)"),
    "node role denies": (with_role(node_role("Deny")), FAILED, "role nodes of the nodes (workers)"),
    "node role's policies unread": (with_role(replace(NODE_ROLE, policies=UNREAD)), UNKNOWN,
        "needs a permission"),
})  # fmt: skip
def test_the_agent_is_judged_by_the_pods_nodes_and_their_roles(changes, status, found):
    known = {"nodes": {"n": "workers"}, **with_role(NODE_ROLE), **changes}
    link = eks_links(associated_pod(nodeName="n"), **identity(**known))["agent"]
    assert (link.status, found in link.found) == (status, True), link.found
    assert link.remedy.commands == ()


@pytest.mark.cases(("pods", "place", "commands"), {
    "Fargate": ([FARGATE], "Fargate", (MOVE,)),
    "Windows": ([associated_pod(nodeSelector={"kubernetes.io/os": "windows"})], "Windows", (MOVE,)),
    "Fargate and a node": ([FARGATE, replace(associated_pod(), name="app-2")], "Fargate", ()),
})  # fmt: skip
def test_pods_where_no_agent_runs_need_irsa(pods, place, commands):
    known = identity(cluster=DescribedCluster(CLUSTER_ARN, auto_mode=True))
    link = eks_links(*pods, **known)["agent"]
    assert (link.status, link.remedy.shell) == (FAILED, commands)
    assert link.found == f"Pod app-1 is on {place}, where no agent runs"


@pytest.mark.cases(("now", "following", "found", "commands"), {
    "IRSA, then EKS": (SPEC, INJECTED, "AWS_ROLE_ARN instead", (RESTART,)),
    "nothing, then EKS": (NOTHING, INJECTED, "the Pod was not mutated", (RESTART,)),
    "IRSA, then IRSA": (SPEC, SPEC, f"and {NEXT} {ROLE_ARN} by IRSA", ()),
    "EKS, then IRSA": (INJECTED, SPEC, f"but {NEXT} {ROLE_ARN} by IRSA", ()),
    "EKS, then nothing": (INJECTED, NOTHING, f"but {NEXT} no AWS identity", ()),
    "token for STS, then EKS": (FOR_STS, INJECTED,
        "the Pod's token is for audience 'sts.amazonaws.com'", DROP_VOLUME),
})  # fmt: skip
def test_what_this_pod_has_and_the_next_one_gets(now, following, found, commands):
    link = eks_links(pod(now), next_pod=following)["injection"]
    assert (link.status, link.remedy.shell) == (FAILED, commands)
    assert found in link.found


def with_file(variable):
    """A Pod with an association that mounts a file, and names it in a variable."""
    env = (variable, "/etc/aws/config")
    return associated_pod(env, volumes=[AWS_VOLUME], mounts=[AWS_MOUNT])


KEYS = config("[default]\naws_access_key_id = AKIA\naws_secret_access_key = x\n")
HTTPS = {"ports": [{"port": 443}], "to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}
LOCKED = {"metadata": {"name": "locked"}, "spec": {"podSelector": {}, "egress": [HTTPS]}}


@pytest.mark.cases(("variables", "changes", "status", "found"), {
    "role": ([("AWS_ROLE_ARN", ROLE_B_ARN)], {}, PASSED, ""),
    "session name": ([("AWS_ROLE_SESSION_NAME", "!")], {}, PASSED, ""),
    "proxy": ([("HTTP_PROXY", URL)], {}, UNKNOWN, "NO_PROXY lacks 169.254.170.23"),
    "proxy, agent's network excepted": ([("HTTP_PROXY", URL), ("NO_PROXY", "169.254.0.0/16")], {},
        UNKNOWN, "NO_PROXY lacks"),
    "proxy, agent excepted": ([("HTTP_PROXY", URL), ("NO_PROXY", "169.254.170.23")], {}, PASSED,
        ""),
    "proxy for HTTPS": ([("HTTPS_PROXY", URL)], {}, UNKNOWN, URL),
    "network policy": ([], {"network_policies": (LOCKED,)}, UNKNOWN, "169.254.170.23:80"),
    "keys of a file": ([], {"pods": (with_file("AWS_SHARED_CREDENTIALS_FILE"),), **KEYS}, FAILED,
        "it holds a static key; every SDK takes it"),
})  # fmt: skip
def test_what_keeps_a_pod_from_the_agent(variables, changes, status, found):
    link = eks_links(**{"pods": (associated_pod(*variables),), **changes})["precedence"]
    assert (link.status, found in link.found, link.remedy.shell) == (status, True, ()), link.found


@pytest.mark.cases("trusted", {"denied": [], "denied, trusted": chains.TRUST_EKS["Statement"]})
@pytest.mark.parametrize("action", ["sts:AssumeRole", "sts:TagSession"])
@pytest.mark.cases("condition", {"by namespace": NOT_PROD, "of all": {}})
def test_a_deny_by_what_eks_sends_is_not_lifted(trusted, action, condition):
    met = "meet the trust policy's conditions (aws:RequestTag/"
    changed = "change the Deny of the trust policy: it has no condition that a call meets"
    stop = {"Effect": "Deny", "Principal": "*", "Action": action, "Condition": condition}
    trust = {**chains.TRUST_EKS, "Statement": [*trusted, stop]}
    link = eks_links(role=replace(ROLE, trust_policy=trust), calls=UNMADE)["trust"]
    assert link.remedy.text.startswith(met if condition else changed)


def allowing(action, resource="*", **condition):
    return PermissionsPolicy("own", document(allow(action, resource, Condition=condition)))


BY_TAG = allowing("s3:*", "arn:aws:s3:::${aws:PrincipalTag/kubernetes-service-account}")


def test_session_tags_that_a_policy_goes_by_are_enabled():
    role = replace(ROLE_UNTAGGED, policies=(BY_TAG,))
    facts = {**chains.associated(disable_session_tags=True), "bucket": "s3-app", "calls": UNMADE}
    link = eks_links(role=role, **facts)["permissions"]
    assert "--no-disable-session-tags" in link.remedy.shell[0]


def test_a_session_policy_limits_the_session():
    own = chains.seen(chains.GOOD_EKS, **chains.associated(**LIMITED), role=ROLE_UNTAGGED)
    target = chains.targeted(association=replace(chains.TARGETING, policy=LIMIT))
    for key, facts in {"permissions": own, "role-b-permissions": target}.items():
        link = links(facts=facts, calls=UNMADE)[key]
        assert (link.status, link.remedy.commands) == (FAILED, ())
        assert link.remedy.text.startswith("allow it in the association's session policy")


def test_a_missing_role_is_the_association_s_and_of_an_unread_one_not_made():
    assert eks_links(role=None)["role"].remedy.text == "create the role, or correct the association"
    link = eks_links(**EXPECTED, **identity(UNREAD), role=None)["role"]
    assert (link.status, link.remedy.commands) == (FAILED, ())


def test_policies_on_session_tags_are_decided_by_the_pod_s_own():
    by_pod = allowing("s3:*", StringLike={"aws:PrincipalTag/kubernetes-pod-name": "app-*"})
    assert chains.statuses(eks_links(role=replace(ROLE_EKS, policies=(by_pod,)))) == {}


def test_a_grant_to_a_shared_role_names_who_else_gains_it():
    shared = pod_identity_trust_policy([CLUSTER_ARN], [chains.ACCOUNT, OTHER])

    def text(*policies):
        role = replace(ROLE, trust_policy=shared, policies=policies)
        return eks_links(role=role, calls=UNMADE)["permissions"].remedy.text

    assert text().endswith("; other may have role s3-app as well, and gain what it gains")
    assert text(BY_TAG).endswith("role s3-app goes by session tags (others: other)")


@pytest.mark.cases("expected", {"not-named": "", "the-target-role": ROLE_B_ARN})
def test_the_session_of_a_target_role_is_made_in_one_call(expected):
    facts = chains.targeted(expected_role=expected)

    found = links(facts=facts, calls=replace(UNMADE, of_role_b=OF_TARGET))

    assert chains.statuses(found) == {}
    assert [key for key in found if key.startswith("role-") or key in ("assume", "caller")] == [
        *("role-b", "role-a-permission", "role-b-trust", "role-b-assume", "role-b-caller"),
        *("role-b-permissions", "role-b-data"),
    ]


def test_role_a_must_be_allowed_to_tag_the_target_role_s_session():
    one = allowing("sts:AssumeRole")

    def link(role):
        return links(facts=chains.targeted(role_a=role), calls=UNMADE)["role-a-permission"]

    own, bounded = link(replace(ROLE_EKS, policies=(one,))), link(replace(ROLE_EKS, boundary=one))
    assert (own.status, bounded.status, bounded.remedy.shell) == (FAILED, FAILED, ())
    assert '"sts:TagSession"' in own.remedy.shell[0]


def with_profile(text):
    """Facts of a Pod whose AWS config file leads to role B."""
    own = with_file("AWS_CONFIG_FILE")
    return replace(chains.GOOD_EKS, pods=(own,), profile="B", **config(text))


@pytest.mark.parametrize("source", SOURCES)
def test_a_profile_starts_from_the_agent_s_credentials(source):
    link = chains.chained(with_profile(f"{PROFILE}{source}\n"), ROLE_EKS)["profile"]
    fix = "" if source in SOURCES[2:] else f"remove {source.split()[0]} and "
    assert "does not start from the association" in link.found
    assert link.remedy.text.startswith(f"{fix}set credential_source = EcsContainer in [profile B]")
    assert chains.chained(with_profile(FROM_AGENT), ROLE_EKS)["profile"].status is PASSED


def test_each_profile_that_starts_from_the_agent_is_a_chain():
    others = FROM_AGENT.replace("B]", "C]") + FROM_AGENT.replace("B]", "D]").replace("Ecs", "No")
    facts = with_profile(FROM_AGENT + others)
    assert chaining_profiles(facts) == ["B", "C"]
    assert chaining_profiles(replace(facts, association=chains.TARGETING)) == []


@pytest.mark.cases(("trust", "sent", "status"), {
    "trusted": (WANTED, chains.SENT_ID, PASSED),
    "another association trusted": (BY_OTHER, chains.SENT_ID, FAILED),
    "another external id sent": (WANTED, "tenant-7", FAILED),
})  # fmt: skip
def test_the_role_of_a_profile_trusts_the_association_and_its_tags(trust, sent, status):
    tags = chains.GOOD_EKS.session_tags
    role = Role(ROLE_B_ARN, "AROAB", trust, policies=chains.ALL)
    target = RoleB(role_arn=ROLE_B_ARN, profile="B", external_id=sent, tags=tags, role=role)
    facts = with_profile(f"{FROM_AGENT}external_id = {sent}\n")

    link = links(facts=replace(facts, role_b=target), calls=UNMADE)["role-b-trust"]

    assert link.status is status
    if trust is BY_OTHER:
        joined = {**trust, "Statement": [*trust["Statement"], *WANTED["Statement"]]}
        assert [written(command) for command in link.remedy.shell] == [joined]
    elif status is FAILED:
        asks = f"role B asks for external id {chains.SENT_ID!r}, the caller sends 'tenant-7'"
        assert link.found == asks
        assert f"external_id = {chains.SENT_ID}" in link.remedy.text
