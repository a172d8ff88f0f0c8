"""The links of a chain by EKS Pod Identity, from facts alone."""

import json
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from command.tests.verify.test_chain import (
    CLAIMS,
    DENIED,
    GOOD,
    NOW,
    ROLE,
    ROLE_ARN,
    ROLE_B_ARN,
    SESSION_ARN,
    SESSION_B_ARN,
    SPEC,
    FakeAws,
    FakeCluster,
)
from irsa.identity.arns import ClusterArn, cluster_arn
from irsa.identity.pod_identity import (
    TargetedBy,
    external_id,
    pod_identity_trust_policy,
    target_role_trust_policy,
)
from irsa.identity.subjects import ServiceAccountRef
from irsa.identity.token import Token
from irsa.observe.associations import Association
from irsa.observe.facts import Answer, Owner, PermissionsPolicy, Pod, Role, ServiceAccount, Unread
from irsa.observe.iam_calls import association_of
from irsa.observe.pod_identity import EksCluster, node_group
from irsa.observe.stack_chains import Resource, Stack
from irsa.verify.chain import Chain
from irsa.verify.facts import Calls, PodIdentity, RoleBCalls, RoleBFacts, RoleBTarget
from irsa.verify.gather import Question, Sources, gather
from irsa.verify.link import Status
from irsa.verify.remedies.iam import readable

CLUSTER = "arn:aws:eks:us-east-1:111122223333:cluster/dev"
ACCOUNT = ServiceAccountRef("dev", "s3-app")
FOLDER = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"
FILE = f"{FOLDER}/eks-pod-identity-token"
URI = {
    "name": "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "value": "http://169.254.170.23/v1/credentials",
}
REGIONS = [{"name": e, "value": "us-east-1"} for e in ("AWS_REGION", "AWS_DEFAULT_REGION")]
APP = {
    "name": "app",
    "env": [URI, {"name": "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "value": FILE}, *REGIONS],
    "volumeMounts": [{"name": "eks-pod-identity-token", "mountPath": FOLDER}],
}
SOURCE = {"audience": "pods.eks.amazonaws.com", "path": "eks-pod-identity-token"}
INJECTED = {
    "containers": [APP],
    "volumes": [
        {
            "name": "eks-pod-identity-token",
            "projected": {"sources": [{"serviceAccountToken": SOURCE}]},
        }
    ],
}
ASSOCIATION = Association(
    arn="arn:aws:eks:us-east-1:111122223333:podidentityassociation/dev/a-1",
    account=ACCOUNT,
    role_arn=ROLE_ARN,
)
TARGETING = replace(
    ASSOCIATION, target_role_arn=ROLE_B_ARN, external_id=external_id(CLUSTER, ACCOUNT)
)
EKS = EksCluster(CLUSTER, addon="ACTIVE")
TRUST = pod_identity_trust_policy([CLUSTER], [ACCOUNT])
TOKEN = Token("", {}, {**CLAIMS, "aud": ["pods.eks.amazonaws.com"], "exp": NOW + 600})
GRANTED = Answer(allowed=True, arn=SESSION_ARN)
CALLS = Calls(assumed=GRANTED, caller=GRANTED, data=Answer(allowed=True), refused=DENIED)
OF_TARGET = Answer(allowed=True, arn=SESSION_B_ARN)
TARGET_CALLS = Calls(
    of_role_b=RoleBCalls(assumed=OF_TARGET, caller=OF_TARGET, data=Answer(allowed=True))
)
READY = frozenset({"n"})
ALL = ROLE.policies
UNREAD = Unread("it", "403 Forbidden", "a permission")
RESTART = "kubectl rollout restart deployment/s3-app --namespace dev"


def pod(spec=INJECTED, template=None, **fields):
    own = {"spec": template or {"containers": [{"name": "app"}]}}
    owner = Owner("deployment", "s3-app", own)
    return Pod("s3-app-1", "s3-app", {}, fields.pop("labels", {}), spec, owner, **fields)


def known(association=ASSOCIATION, cluster=EKS, agent=READY):
    return PodIdentity(cluster=cluster, association=association, agent=agent)


FACTS = replace(
    GOOD,
    service_account=ServiceAccount("dev", "s3-app", {}),
    pods=(pod(uid="u-1"),),
    role=replace(ROLE, trust_policy=TRUST),
    token=TOKEN,
    pod_identity=known(),
    next_pod=INJECTED,
)


def links(calls=CALLS, **changes):
    return {link.key: link for link in Chain(replace(FACTS, **changes)).links(calls)}


def wrong(found):
    return {key: link.status for key, link in found.items() if link.status is not Status.PASSED}


def env(*more, spec=INJECTED):
    changed = deepcopy(spec)
    changed["containers"][0]["env"] += [{"name": name, "value": value} for name, value in more]
    return changed


def test_an_association_takes_the_place_of_annotation_and_provider():
    found = links()

    assert wrong(found) == {}
    assert [key for key in found if key not in ("pod", "webhook", "precedence", "token")] == [
        *("service-account", "association", "agent", "injection", "role", "trust"),
        *("assume", "caller", "permissions", "data", "refused"),
    ]


def test_it_wins_over_an_annotation():
    account = ServiceAccount("dev", "s3-app", {"eks.amazonaws.com/role-arn": ROLE_B_ARN})

    found = links(service_account=account)

    assert wrong(found) == {}
    assert found["association"].found == (
        f"a-1 names {ROLE_ARN}; it wins over the annotation {ROLE_B_ARN}"
    )


def test_unreadable_associations_leave_an_annotated_chain_as_it_is():
    annotated = replace(GOOD, pod_identity=UNREAD)
    assert [each.key for each in Chain(annotated).links()] == [
        each.key for each in Chain(GOOD).links()
    ]


def test_the_pods_show_an_association_that_cannot_be_read():
    found = links(pod_identity=known(UNREAD))
    assert (found["association"].status, found["association"].remedy.text) == (
        Status.UNKNOWN,
        "grant a permission",
    )


CREATE = (
    "aws eks create-pod-identity-association --cluster-name dev --namespace dev "
    f"--service-account s3-app --role-arn {ROLE_ARN} --region us-east-1"
)
UPDATE = (
    "aws eks update-pod-identity-association --cluster-name dev --association-id a-1 "
    f"--role-arn {ROLE_ARN} --region us-east-1"
)
ADDON = "arn:aws:eks:us-east-1:111122223333:addon/dev/vpc-cni/1"


@pytest.mark.parametrize(
    ("changes", "commands"),
    [
        ({"pod_identity": known(None), "expected_role": ROLE_ARN}, (CREATE, RESTART)),
        ({"pod_identity": known(None)}, ()),
        (
            {
                "pod_identity": known(replace(ASSOCIATION, role_arn=f"{ROLE_ARN}-old")),
                "expected_role": ROLE_ARN,
            },
            (UPDATE, RESTART),
        ),
        (
            {
                "pod_identity": known(
                    replace(ASSOCIATION, role_arn=f"{ROLE_ARN}-old", owner_arn=ADDON)
                ),
                "expected_role": ROLE_ARN,
            },
            (),
        ),
    ],
    ids=["missing", "missing-and-no-role", "another-role", "of-an-add-on"],
)
def test_a_wrong_association_and_its_commands(changes, commands):
    link = links(**changes)["association"]
    assert (link.status, link.remedy.shell) == (Status.FAILED, commands)


def test_an_association_is_not_older_than_a_pod_of_the_same_second():
    answer = {
        "associationArn": ASSOCIATION.arn,
        "namespace": "dev",
        "serviceAccount": "s3-app",
        "roleArn": ROLE_ARN,
        "modifiedAt": datetime(2026, 11, 26, 9, 0, 0, 5000, UTC),
    }

    assert "2026-11-26T09:00:00Z" <= association_of(answer).changed < "2026-11-26T09:00:01Z"


def test_an_association_of_the_stack_is_left_to_it():
    stack = Stack("dev", frozenset({Resource("association", "dev:dev/s3-app")}))
    asked = {"expects_association": True, "expected_role": ROLE_ARN}

    link = links(pod_identity=known(None), stack=stack, **asked)["association"]

    assert link.remedy.shell == ("pulumi refresh --stack dev", "pulumi up --stack dev", RESTART)


def test_a_role_for_eks_without_association_is_no_matter_of_annotations():
    bare = {"pod_identity": known(None), "pods": (), "expected_role": ROLE_ARN}
    assert "annotation" not in links(**bare)
    assert "annotation" in links(**bare, role=ROLE)


def test_the_association_s_target_role_may_be_the_role_that_is_asked_for():
    assert wrong(targeting(expected_role=ROLE_B_ARN)) == {}


@pytest.mark.parametrize(
    ("cluster", "agent", "status"),
    [
        (EksCluster(CLUSTER, auto_mode=True), frozenset(), Status.PASSED),
        (EksCluster(CLUSTER), READY, Status.PASSED),
        (EKS, UNREAD, Status.UNKNOWN),
        (EKS, frozenset(), Status.FAILED),
        (EksCluster(CLUSTER, addon="DEGRADED"), READY, Status.FAILED),
        (EksCluster(CLUSTER, addon="UPDATING"), READY, Status.PASSED),
        (EksCluster(CLUSTER, addon="CREATING"), frozenset(), Status.UNKNOWN),
        (EksCluster(CLUSTER), frozenset(), Status.FAILED),
    ],
)
def test_the_agent_runs_by_add_on_daemon_set_or_auto_mode(cluster, agent, status):
    assert links(pod_identity=known(cluster=cluster, agent=agent))["agent"].status is status


def on_node(**changes):
    """The link `agent` of a Pod on node ``n``."""
    identity = {"nodes": {"n": "workers"}, "node_roles": {"workers": NODE_ROLE}}
    pods = (pod({**INJECTED, "nodeName": "n"}),)
    return links(pods=pods, pod_identity=replace(known(), **{**identity, **changes}))["agent"]


def test_a_call_inside_the_pod_proves_the_agent_of_its_node():
    pods = [pod({**INJECTED, "nodeName": node}) for node in ("n", "m")]
    identity = replace(known(), node_roles={"": UNREAD}, agent=frozenset({"n", "m"}))
    calls = replace(CALLS, inside=GRANTED)

    found = [links(calls, pods=tuple(each), pod_identity=identity) for each in (pods[:1], pods)]

    assert [each["agent"].status for each in found] == [Status.PASSED, Status.UNKNOWN]


def may_call(effect, action="eks-auth:AssumeRoleForPodIdentity"):
    document = {"Statement": {"Effect": effect, "Action": action, "Resource": "*"}}
    return replace(NODE_ROLE, policies=(PermissionsPolicy("own", document),))


NODE_ROLE = Role("arn:aws:iam::111122223333:role/nodes", "AROANODES", {}, policies=ALL)
AUTO = "EKS Auto Mode"


def as_role(role):
    return {"node_roles": {"workers": role}}


@pytest.mark.parametrize(
    ("changes", "status", "found"),
    [
        ({}, Status.PASSED, "ready on n"),
        ({"agent": frozenset({"other"})}, Status.FAILED, "no agent is ready on n"),
        ({"nodes": {"n": AUTO}, "node_roles": {AUTO: NODE_ROLE}, "agent": frozenset({"x"})},
         Status.PASSED, "ready on x"),
        ({"nodes": UNREAD}, Status.UNKNOWN, "needs a permission"),
        ({"nodes": UNREAD, "agent": frozenset({"x"})}, Status.UNKNOWN, "needs a permission"),
        ({"node_roles": {"workers": UNREAD}}, Status.UNKNOWN, "needs a permission"),
        (as_role(may_call("Allow")), Status.PASSED, "ready on n"),
        (as_role(may_call("Allow", "s3:*")), Status.FAILED, "role nodes of the nodes (workers)"),
        (as_role(may_call("Deny")), Status.FAILED, "role nodes of the nodes (workers)"),
        (as_role(replace(NODE_ROLE, policies=UNREAD)), Status.UNKNOWN, "needs a permission"),
    ],
)  # fmt: skip
def test_the_agent_is_judged_by_the_pods_nodes_and_their_roles(changes, status, found):
    link = on_node(**changes)
    assert (link.status, found in link.found) == (status, True), link.found
    assert link.remedy.commands == ()


def test_a_missing_agent_is_installed_by_its_add_on():
    link = links(pod_identity=known(cluster=EksCluster(CLUSTER), agent=frozenset()))["agent"]
    assert link.remedy.shell == (
        (
            "aws eks create-addon --cluster-name dev --addon-name eks-pod-identity-agent "
            "--region us-east-1"
        ),
    )


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"labels": {"eks.amazonaws.com/fargate-profile": "fp"}}, "Fargate"),
        ({"spec": {**INJECTED, "nodeSelector": {"kubernetes.io/os": "windows"}}}, "Windows"),
    ],
)
def test_pods_where_no_agent_runs_need_irsa(changes, place):
    link = links(
        pods=(pod(**changes),), pod_identity=known(cluster=EksCluster(CLUSTER, auto_mode=True))
    )["agent"]
    assert (link.status, link.found) == (
        Status.FAILED,
        f"Pod s3-app-1 is on {place}, where no agent runs",
    )
    assert link.remedy.shell == ("python -m irsa move dev/s3-app --to irsa --yes",)


NOTHING = {"containers": [{"name": "app", "env": REGIONS}]}


@pytest.mark.parametrize(
    ("now", "following", "found", "commands"),
    [
        (SPEC, INJECTED, "AWS_ROLE_ARN instead", (RESTART,)),
        (NOTHING, INJECTED, "the Pod was not mutated", (RESTART,)),
        (SPEC, SPEC, f"and a Pod that is made now gets {ROLE_ARN} by IRSA", ()),
        (INJECTED, SPEC, f"but a Pod that is made now gets {ROLE_ARN} by IRSA", ()),
        (INJECTED, NOTHING, "but a Pod that is made now gets no AWS identity", ()),
    ],
    ids=["irsa", "nothing", "still-irsa", "next-irsa", "next-nothing"],
)
def test_what_this_pod_has_and_the_next_one_gets(now, following, found, commands):
    link = links(pods=(pod(now),), next_pod=following)["injection"]
    assert link.status is Status.FAILED
    assert found in link.found
    assert link.remedy.shell == commands


def test_the_token_of_a_pod_is_for_eks():
    spec = deepcopy(INJECTED)
    source = spec["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]
    source["audience"] = "sts.amazonaws.com"
    link = links(pods=(pod(spec),))["injection"]
    assert "the Pod's token is for audience 'sts.amazonaws.com'" in link.found


def test_a_pod_of_a_deleted_association_is_restarted():
    account = ServiceAccount("dev", "s3-app", {"eks.amazonaws.com/role-arn": ROLE_ARN})
    link = links(pod_identity=known(None), service_account=account, role=ROLE)["injection"]
    assert "had an EKS Pod Identity association" in link.found
    assert link.remedy.shell == (RESTART,)


WEB_IDENTITY = (("AWS_ROLE_ARN", ROLE_B_ARN), ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"))
HAND_SET = [{"name": name, "value": value} for name, value in WEB_IDENTITY]


def test_a_web_identity_set_by_hand_wins_and_is_removed():
    own = {"containers": [{"name": "app", "env": HAND_SET}]}
    link = links(pods=(pod(env(*WEB_IDENTITY), own),))["precedence"]
    assert link.found == (
        "AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE set by hand: in this Pod "
        f"{ROLE_B_ARN} wins over the association, in every SDK"
    )
    assert link.remedy.shell == (
        (
            "kubectl set env deployment/s3-app --namespace dev AWS_ROLE_ARN- "
            "AWS_WEB_IDENTITY_TOKEN_FILE-"
        ),
    )


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ((("AWS_ROLE_ARN", ROLE_B_ARN),), None),
        ((("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "x")), Status.FAILED),
        ((("HTTP_PROXY", "http://proxy:1"),), Status.UNKNOWN),
        ((("HTTP_PROXY", "http://proxy:1"), ("NO_PROXY", "169.254.170.23")), None),
        ((("HTTPS_PROXY", "http://proxy:1"),), Status.UNKNOWN),
        ((("AWS_ROLE_SESSION_NAME", "!"),), None),
    ],
    ids=["role", "keys", "proxy", "no-proxy", "https-only", "session-name"],
)
def test_what_else_keeps_a_pod_from_the_agent(more, status):
    assert wrong(links(pods=(pod(env(*more)),))).get("precedence") is status


OTHER = pod_identity_trust_policy([CLUSTER], [ServiceAccountRef("dev", "other")])


def test_the_trust_policy_gets_a_statement_and_keeps_the_others():
    link = links(role=replace(ROLE, trust_policy=OTHER), calls=Calls())["trust"]

    document = {**OTHER, "Statement": [*OTHER["Statement"], *TRUST["Statement"]]}
    assert "the policy says 'other', the request says 's3-app'" in link.found
    assert [each.words[-1] for each in link.remedy.commands] == [readable(document)]


def test_a_trust_policy_without_tag_session_fails_unless_tags_are_disabled():
    untagged = pod_identity_trust_policy([CLUSTER], [ACCOUNT], disable_session_tags=True)
    untagged["Statement"][0]["Action"] = "sts:AssumeRole"
    role = replace(ROLE, trust_policy=untagged)
    disabled = replace(ASSOCIATION, disable_session_tags=True)

    assert links(role=role, calls=Calls())["trust"].status is Status.FAILED
    assert links(role=role, pod_identity=known(disabled))["trust"].status is Status.PASSED


def test_a_missing_role_is_created_with_that_trust_policy():
    link = links(role=None, calls=Calls())["role"]
    assert link.remedy.commands[0].words[-1] == readable(TRUST)


def test_without_the_permission_to_ask_eks_the_link_is_unknown():
    link = links(calls=replace(CALLS, assumed=UNREAD))["assume"]
    assert (link.status, link.remedy.text) == (Status.UNKNOWN, "grant a permission")


LIMIT = {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}


def test_a_session_policy_limits_the_role():
    limited = replace(ASSOCIATION, policy=json.dumps(LIMIT), disable_session_tags=True)
    trust = pod_identity_trust_policy([CLUSTER], [ACCOUNT], disable_session_tags=True)
    found = links(
        pod_identity=known(limited), role=replace(ROLE, trust_policy=trust), calls=Calls()
    )
    assert found["permissions"].status is Status.FAILED
    assert found["permissions"].remedy.text.startswith("allow it in the session policy")
    assert found["permissions"].remedy.commands == ()


def test_policies_on_session_tags_are_decided_by_the_pod_s_own():
    statement = {
        "Effect": "Allow",
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalTag/kubernetes-namespace": "dev"}},
    }
    by_tag = replace(FACTS.role.policies[0], document={"Statement": statement})
    assert wrong(links(role=replace(FACTS.role, policies=(by_tag,)))) == {}


def targeted(trust=None, role_a=None, **changes):
    """Facts of an association with a target role."""
    tags = replace(FACTS, pod_identity=known(TARGETING)).session_tags
    target = RoleBTarget(role_arn=ROLE_B_ARN, external_id=TARGETING.external_id, tags=tags)
    trust = trust or target_role_trust_policy([TargetedBy(ROLE_ARN, CLUSTER, ACCOUNT)])
    return replace(
        FACTS,
        pod_identity=known(TARGETING),
        role_b=RoleBFacts(target=target, role=Role(ROLE_B_ARN, "AROAB", trust, policies=ALL)),
        role=role_a or FACTS.role,
        **changes,
    )


def targeting(calls=TARGET_CALLS, **changes):
    return {link.key: link for link in Chain(targeted(**changes)).links(calls)}


def test_the_session_of_a_target_role_is_made_in_one_call():
    found = targeting()

    assert wrong(found) == {}
    assert [key for key in found if key.startswith("chain") or key in ("assume", "caller")] == [
        *("chain-role", "chain-permission", "chain-trust", "chain-assume", "chain-caller"),
        *("chain-permissions", "chain-data"),
    ]


def test_role_a_must_be_allowed_to_tag_the_target_role_s_session():
    one = {"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}}
    role_a = replace(FACTS.role, policies=(replace(ROLE.policies[0], document=one),))

    link = targeting(role_a=role_a, calls=Calls())["chain-permission"]

    assert link.status is Status.FAILED
    assert '"sts:TagSession"' in link.remedy.shell[0]


def test_the_target_role_s_trust_policy_gets_statements_for_the_association():
    trust = target_role_trust_policy(
        [TargetedBy(ROLE_ARN, CLUSTER, ServiceAccountRef("dev", "other"))]
    )
    link = targeting(trust=trust, calls=Calls())["chain-trust"]

    wanted = target_role_trust_policy([TargetedBy(ROLE_ARN, CLUSTER, ACCOUNT)])
    document = {**trust, "Statement": [*trust["Statement"], *wanted["Statement"]]}
    assert link.remedy.commands[0].words[-1] == readable(document)


def test_an_external_id_that_eks_does_not_send_is_a_finding():
    odd = known(replace(TARGETING, external_id="other"))
    assert links(pod_identity=odd)["association"].status is Status.FAILED


def test_the_stack_s_target_role_is_compared():
    expects = {"expects_association": True, "expected_role": ROLE_ARN}
    missing = links(**expects, expected_target=ROLE_B_ARN)["association"]
    assert missing.remedy.shell[0] == UPDATE.replace(
        f"--role-arn {ROLE_ARN}", f"--target-role-arn {ROLE_B_ARN}"
    )
    assert links(**expects)["association"].status is Status.PASSED


CONFIG = {"AWS_CONFIG_FILE": "/etc/aws/config"}
AWS = {"name": "aws", "configMap": {"name": "aws"}}


def with_profile(text):
    """Facts of a Pod whose AWS config file leads to role B."""
    spec = env(*CONFIG.items())
    spec["containers"][0]["volumeMounts"].append({"name": "aws", "mountPath": "/etc/aws"})
    spec["volumes"].append(AWS)
    return {
        "pods": (pod(spec),),
        "profile": "B",
        "objects": {("ConfigMap", "aws"): {"config": text}},
        "role_b": RoleBFacts(target=RoleBTarget(role_arn=ROLE_B_ARN, profile="B"), role=UNREAD),
    }


@pytest.mark.parametrize(
    "source", ["web_identity_token_file = /token", "source_profile = B", "region = x"]
)
def test_a_profile_starts_from_the_agent_s_credentials(source):
    right = f"[profile B]\ncredential_source = EcsContainer\nrole_arn = {ROLE_B_ARN}\n"
    wrong_one = f"[profile B]\nrole_arn = {ROLE_B_ARN}\n{source}\n"

    assert links(**with_profile(right))["profile"].status is Status.PASSED
    link = links(**with_profile(wrong_one))["profile"]
    patch = json.loads(link.remedy.commands[0].words[-1])
    assert "does not start from the association" in link.found
    assert links(**with_profile(patch["data"]["config"]))["profile"].status is Status.PASSED


def test_each_profile_that_starts_from_the_agent_is_a_chain():
    text = "".join(
        f"[profile {name}]\nrole_arn = {ROLE_B_ARN}\ncredential_source = {source}\n"
        for name, source in (("B", "EcsContainer"), ("C", "EcsContainer"), ("D", "Environment"))
    )
    facts = replace(FACTS, **with_profile(text))

    assert facts.chaining_profiles == ["B", "C"]
    assert replace(facts, pod_identity=known(TARGETING)).chaining_profiles == []


def chained(trust, sent):
    """The link chain-trust of a profile that sends an external id from an association's session."""
    text = (
        f"[profile B]\nrole_arn = {ROLE_B_ARN}\ncredential_source = EcsContainer\n"
        f"external_id = {sent}\n"
    )
    target = RoleBTarget(
        role_arn=ROLE_B_ARN, profile="B", external_id=sent, tags=FACTS.session_tags
    )
    role = Role(ROLE_B_ARN, "AROAB", trust, policies=ALL)
    more = {**with_profile(text), "role_b": RoleBFacts(target=target, role=role)}
    return links(calls=Calls(), **more)["chain-trust"]


def test_the_role_of_a_profile_trusts_the_association_and_its_tags():
    by = TargetedBy(ROLE_ARN, CLUSTER, ACCOUNT)
    wanted, sent = target_role_trust_policy([by]), TARGETING.external_id
    other = target_role_trust_policy([by._replace(service_account=ServiceAccountRef("dev", "x"))])

    assert chained(wanted, sent).status is Status.PASSED
    [command] = chained(other, sent).remedy.commands
    document = {**other, "Statement": [*other["Statement"], *wanted["Statement"]]}
    assert command.words[-1] == readable(document)
    link = chained(wanted, "tenant-7")
    assert link.found == (f"role B asks for external id {sent!r}, the caller sends 'tenant-7'")
    assert f"external_id = {sent}" in link.remedy.shell[0]


class Cluster(FakeCluster):
    """The API server of an EKS cluster that a kubeconfig names."""

    eks = cluster_arn(CLUSTER)

    def __init__(self, spec=INJECTED):
        super().__init__(ServiceAccount("dev", "s3-app", {}), spec)
        self.asked = []

    def token(self, namespace, name, audience, pod=None):
        self.asked.append((audience, pod and pod.name))
        return TOKEN

    def agent(self):
        return READY


class Aws(FakeAws):
    """Account A, with the cluster and an association."""

    found = ASSOCIATION

    def eks_cluster(self, name):
        return EKS

    def association(self, cluster, account):
        return self.found


def test_a_token_for_eks_is_bound_to_the_running_pod():
    cluster, aws = Cluster(), Aws()

    found = gather(Question(namespace="dev", name="s3-app"), Sources(cluster, aws))

    assert (found.pod_identity, found.role_arn) == (known(), ROLE_ARN)
    assert cluster.asked == [("pods.eks.amazonaws.com", "s3-app-1")]


def test_the_nodes_of_the_pods_are_read_with_their_roles():
    cluster, aws = Cluster({**INJECTED, "nodeName": "n"}), Aws()
    cluster.node_groups = lambda: {"n": "workers", "other": "gpu"}
    aws.node_role = lambda _, group: replace(NODE_ROLE, unique_id=group)

    found = gather(Question(namespace="dev", name="s3-app"), Sources(cluster, aws)).pod_identity

    assert found.nodes == {"n": "workers"}
    assert found.node_roles == {"workers": replace(NODE_ROLE, unique_id="workers")}
    cluster.node_groups = lambda: UNREAD
    found = gather(Question(namespace="dev", name="s3-app"), Sources(cluster, aws)).pod_identity
    assert (found.nodes, found.node_roles) == (UNREAD, {})


@pytest.mark.parametrize(
    ("labels", "group"),
    [
        ({"eks.amazonaws.com/nodegroup": "workers"}, "workers"),
        ({"eks.amazonaws.com/compute-type": "auto"}, AUTO),
        ({"karpenter.sh/nodepool": "default"}, ""),
    ],
)
def test_a_node_is_of_a_node_group_or_of_auto_mode(labels, group):
    assert node_group({"metadata": {"name": "n", "labels": labels}}) == ("n", group)


@pytest.mark.parametrize("partition", ["aws", ""], ids=["arn", "eksctl"])
def test_the_cluster_of_the_same_name_in_another_region_is_not_read(partition):
    """`--region` names it, or another account has it."""
    cluster, aws = Cluster(), Aws()
    account = cluster.eks.account if partition else ""
    cluster.eks = ClusterArn(partition, "eu-west-1", account, "dev")

    found = gather(Question(namespace="dev", name="s3-app"), Sources(cluster, aws))

    assert isinstance(found.pod_identity, Unread)
    assert found.pod_identity.reason == f"region us-east-1 has {CLUSTER}"


def test_a_cluster_that_the_region_does_not_have_needs_no_grant():
    cluster, aws = Cluster(), Aws()
    aws.eks_cluster = lambda _: None

    found = gather(Question(namespace="dev", name="s3-app"), Sources(cluster, aws))

    assert isinstance(found.pod_identity, Unread)
    assert found.pod_identity.remedy == "give --region and credentials of the kubeconfig's cluster"


def test_one_of_several_clusters_of_an_issuer_is_not_chosen():
    cluster, aws = Cluster(), Aws()
    cluster.eks = ClusterArn("", "", "", "")
    cluster.issuer_url = aws.clusters = lambda *_: ["dev", "dev-2"]

    found = gather(Question(namespace="dev", name="s3-app"), Sources(cluster, aws))

    assert isinstance(found.pod_identity, Unread)
    assert found.pod_identity.reason == "dev, dev-2 have this issuer"


def test_without_an_association_the_token_is_for_sts():
    cluster, aws = Cluster(SPEC), Aws()
    aws.found = None

    found = gather(Question(namespace="dev", name="s3-app"), Sources(cluster, aws))

    assert found.pod_identity == known(None, agent=frozenset())
    assert cluster.asked == [("sts.amazonaws.com", None)]
