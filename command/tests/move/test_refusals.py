"""Moves that are refused before the first change, and the questions to AWS that decide it.

They go to IAM's simulator, else to the evaluator, else to nothing.
"""

from dataclasses import replace
from types import MappingProxyType, SimpleNamespace

import pytest

from command.tests.move import moves
from command.tests.move.moves import ASSOCIATION, IRSA, pod, trusting, with_irsa, with_pod_identity
from command.tests.verify.chains import READY
from command.tests.verify.pods import AWS_MOUNT, AWS_VOLUME, config
from irsa.move.plan import notes
from irsa.move.refusals import BY_KUBECTL, ask, refusals, unproven
from irsa.observe.eks import DescribedCluster
from irsa.observe.facts import Answer, Owner, PermissionsPolicy, RegisteredProvider, Unread
from irsa_core.identity.eks import FARGATE_LABEL, SKIP_LABEL
from irsa_core.identity.pod_identity import NAMESPACE_TAG
from irsa_core.identity.policies import TrustedRole, irsa_trust_policy, role_trust_policy
from tests.support.world import CLUSTER_ARN, ISSUER, PROVIDER_ARN, ROLE_ARN

OTHER = ROLE_ARN.replace("1111", "9999", 1)
BY_HAND = {"spec": {"containers": [{"name": "app", "env": [IRSA]}]}}
BY_OTHERS = irsa_trust_policy([PROVIDER_ARN.replace("1111", "9999", 1)], [moves.ACCOUNT])
CHAIN = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": OTHER}
ANY = {"Effect": "Allow", "Resource": "*"}
ADMIN = {**ANY, "Action": "*"}
DIFFERENTLY = "statement 1, answers AssumeRole and sts:TagSession differently"
NO_TAGS = {"Effect": "Deny", "Action": "sts:TagSession", "Resource": "*"}
DENY = {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}
READ = {"Effect": "Allow", "Action": "s3:GetObject"}
KEYS = "aws:PrincipalTag/team", f"aws:PrincipalTag/{NAMESPACE_TAG}", f"{ISSUER}:sub"
BY_ROLE_TAG, TAGGED, BY_ISSUER = ({**READ, "Resource": f"arn:aws:s3:::b/${{{e}}}/*"} for e in KEYS)
BY_NAME = {**ADMIN, "Condition": {"StringLike": {"aws:userid": "*:reports"}}}
IF_TAGGED = {"Null": {f"aws:PrincipalTag/{NAMESPACE_TAG}": False}}
OTHER_IDS = {"StringNotEquals": {"sts:ExternalId": "x"}}
UNREAD = Unread("policies of role s3-app", "AccessDenied", "iam:GetRolePolicy")
PULUMI = {"app.kubernetes.io/managed-by": "pulumi"}
FROM_SECRET = {"name": "app", "envFrom": [{"secretRef": {"name": "aws"}}]}
SECRET = {("Secret", "aws"): {"AWS_ROLE_ARN": None}}
SKIPS = {SKIP_LABEL: "true"}
JOB = Owner("job", "j", moves.TEMPLATE)
NO_AGENT = {"cluster": DescribedCluster(CLUSTER_ARN), "agent": frozenset()}
NIGHTLY = Owner("cronjob", "nightly", {"spec": {**BY_HAND["spec"], "serviceAccountName": "s3-app"}})
BY_ANY_ROLE = {**CHAIN, "Action": "sts:*", "Condition": {"StringEquals": {"sts:ExternalId": "x"}}}
IN_STACK = {"project": "irsa", "stack": "dev"}
DENIED = Unread("permission", "AccessDenied", "iam:SimulatePrincipalPolicy")
SESSION = "arn:aws:sts::111122223333:assumed-role/deploy/ci"
NOT_ASKED = [
    f"not asked: {each} (AccessDenied)"
    for each in (
        f"iam:UpdateAssumeRolePolicy on {ROLE_ARN}",
        f"eks:CreatePodIdentityAssociation on {CLUSTER_ARN}",
        f"iam:PassRole on {ROLE_ARN}",
        f"eks-auth:AssumeRoleForPodIdentity on {CLUSTER_ARN}",
    )
]
DEPLOYER = "arn:aws:iam::111122223333:role/ci/deploy"
NO_PASS = {"Effect": "Deny", "Action": "iam:PassRole", "Resource": "*"}
AT_TIMES = {**ADMIN, "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.1"}}}
NOT_PASSED = f"{ROLE_ARN}: the caller may not call iam:PassRole; grant it"


def with_role(make=with_irsa, **fields):
    found = make()
    return replace(found, role=replace(found.role, **fields))


def with_account(**fields):
    found = with_irsa()
    return replace(found, account=replace(found.account, **fields))


def with_policies(*listed, make=with_irsa):
    documents = ({"Version": "2012-10-17", "Statement": [each]} for each in listed)
    return with_role(make, policies=tuple(PermissionsPolicy("p", each) for each in documents))


def full():
    """A role whose trust policy has no room, and no statement that takes one more account."""
    others = [f"arn:aws:iam::111122223333:role/{number:060}" for number in range(7)]
    return trusting(moves.BY_TOKEN, role_trust_policy([TrustedRole(each, "A") for each in others]))


def with_profile(to, setting):
    env = [{"name": "AWS_CONFIG_FILE", "value": "/etc/aws/config"}]
    more = {"name": "more", "env": env, "volumeMounts": [AWS_MOUNT]}
    spec = {"serviceAccountName": "s3-app", "volumes": [AWS_VOLUME], "containers": [more]}
    template = Owner("deployment", "b", {"spec": spec})
    return with_irsa(to, owners=(moves.OWNER, template), **config(f"[profile A]\n{setting}\n"))


def owned(template, **owner):
    """A move whose Pod has an owner with this template."""
    owner = replace(moves.OWNER, template=template, **owner)
    return {"owners": (owner,), "pods": (pod(IRSA, owner),)}


FROM_SECRET_TEMPLATE = owned({"spec": {"containers": [FROM_SECRET]}})


@pytest.mark.cases(("found", "text"), {
    "Fargate": (with_irsa(pods=(pod(IRSA, labels={FARGATE_LABEL: "a"}),)),
        "on Fargate, where no agent"),
    "no agent": (with_irsa(**NO_AGENT), "aws eks create-addon --cluster-name dev --addon-name"),
    "role of another account": (with_irsa(role=replace(trusting(BY_OTHERS), arn=OTHER)),
        "is not in account 111122223333"),
    "association of an add-on": (with_irsa(association=replace(ASSOCIATION, owner_arn="arn:addon")),
        "change the add-on"),
    "association with another role": (with_irsa(association=replace(ASSOCIATION, role_arn=OTHER)),
        "let both name the role"),
    "Pod that waits": (with_irsa(pods=(pod(IRSA, phase="Pending"),)),
        "run a Deployment with it meanwhile"),
    "webhook skipped": (with_irsa(**owned({"metadata": {"labels": SKIPS}, **moves.TEMPLATE})),
        "remove the label, or"),
    "Pod without a controller": (with_irsa(pods=(pod(IRSA, None),)), "no controller replaces it"),
    "Job": (with_irsa(pods=(pod(IRSA, JOB),)), "wait for its end"),
    "rollouts paused": (with_irsa(pods=(pod(IRSA, replace(moves.OWNER, paused=True)),)),
        "resume its rollouts"),
    "role set by hand": (with_irsa(**owned(BY_HAND)), "sets AWS_ROLE_ARN by hand"),
    "token file in a profile": (with_profile("pod-identity", "web_identity_token_file = /t"),
        "config file takes /t"),
    "source in a profile": (with_profile("irsa", "credential_source = EcsContainer"),
        "file takes EcsContainer"),
    "role from a Secret": (with_irsa(**FROM_SECRET_TEMPLATE, objects=SECRET),
        "container app sets AWS_ROLE_ARN by h"),
    "CronJob with a role by hand": (with_irsa(owners=(moves.OWNER, NIGHTLY)),
        "CronJob nightly: container app sets AWS_ROLE_ARN by"),
    "trust denies": (with_irsa(role=trusting(moves.BY_TOKEN, {"Statement": [DENY]})),
        "remove the condition or"),
    "target role": (with_pod_identity(association=replace(ASSOCIATION, target_role_arn=OTHER)),
        "no target"),
    "session policy": (with_irsa(association=replace(ASSOCIATION, policy="{}")),
        "no session policy"),
    "no provider": (with_pod_identity(providers=()), "aws iam create-open-id-connect-provider"),
    "no client id": (with_pod_identity(providers=(RegisteredProvider(PROVIDER_ARN, ()),)),
        "not a client id"),
    "policies unread": (with_role(policies=UNREAD), "grant iam:GetRolePolicy"),
    "PassRole denied": (replace(with_irsa(), denied=("PassRole",)), "PassRole"),
    "no trust": (with_irsa(role=trusting()),
        f"neither dev/s3-app by {CLUSTER_ARN} nor by {PROVIDER_ARN}"),
    "trust above its quota": (with_irsa(role=full()), "its trust policy would have 2"),
    "account of Pulumi": (with_account(labels=PULUMI), "Pulumi manages it; give --stack"),
    "role of Pulumi": (with_role(tags=IN_STACK), "(project irsa, stack dev); give --stack"),
})  # fmt: skip
def test_a_move_is_refused_with_the_fix(found, text):
    [reason] = refusals(found)
    assert text in reason


@pytest.mark.parametrize("make", [with_irsa, with_pod_identity])
@pytest.mark.cases(("listed", "text"), {
    "resource by tag": ([TAGGED],
        "policy p, statement 1, goes by aws:PrincipalTag/kubernetes-namespace, where"),
    "resource by sub": ([BY_ISSUER],
        f"goes by {ISSUER}:sub, where the sessions differ; name the resources"),
    "resource by user id": ([BY_NAME], "goes by aws:userid, where"),
    "denied with tags": ([ADMIN, {**NO_TAGS, "Action": "*", "Condition": IF_TAGGED}],
        "-namespace, where"),
    "AssumeRole without TagSession": ([CHAIN], DIFFERENTLY),
    "TagSession for another role":
        ([CHAIN, {**CHAIN, "Action": "sts:TagSession", "Resource": f"{OTHER}-x"}], DIFFERENTLY),
    "TagSession for all but role B": ([CHAIN,
        {**READ, "Action": "sts:TagSession", "NotResource": OTHER}], DIFFERENTLY),
    "TagSession denied": ([ADMIN, NO_TAGS], DIFFERENTLY),
    "sts:* by one external id": ([BY_ANY_ROLE], DIFFERENTLY),
    "all but TagSession": ([{"NotAction": ["iam:*", "sts:TagSession"], **ANY}], DIFFERENTLY),
    "sts:* denied but by one id": ([ADMIN, {**NO_TAGS, "Action": "sts:*", "Condition": OTHER_IDS}],
        DIFFERENTLY),
})  # fmt: skip
def test_a_policy_that_answers_the_two_sessions_differently_is_named(make, listed, text):
    [reason] = refusals(with_policies(*listed, make=make))
    assert text in reason


@pytest.mark.parametrize(
    ("tool", "place", "mark"),
    [
        ("Argo CD", "annotations", "argocd.argoproj.io/tracking-id"),
        ("Argo CD", "managers", "argocd-controller"),
        ("Flux", "labels", "kustomize.toolkit.fluxcd.io/name=apps"),
        ("Flux", "managers", "helm-controller"),
        ("Helm", "annotations", "meta.helm.sh/release-name"),
        ("Helm", "labels", "app.kubernetes.io/managed-by=Helm"),
        ("eksctl", "tags", "alpha.eksctl.io/iamserviceaccount-name=dev/s3-app"),
        ("Terraform", "managers", "Terraform"),
        ("Terraform", "tags", "ManagedBy=terraform"),
        ("CloudFormation", "tags", "aws:cloudformation:stack-name=s"),
        ("Crossplane", "tags", "crossplane-providerconfig=default"),
        ("kapp", "labels", "kapp.k14s.io/app=1700000000000000000"),
        ("Rancher", "labels", "cattle.io/creator=norman"),
        ("Argo CD, by its label,", "labels", "app.kubernetes.io/instance=shop"),
    ],
)
def test_what_another_tool_manages_is_left_to_its_source(tool, place, mark):
    key, _, value = mark.partition("=")
    marked = {place: (key,) if place == "managers" else {key: value}}
    [reason] = refusals(with_role(**marked) if place == "tags" else with_account(**marked))
    assert f"{tool} manages it ({mark}); make these steps in its source" in reason


@pytest.mark.cases("found", {
    "IRSA": with_irsa(),
    "Pod Identity": with_pod_identity(),
    "administrator": with_policies(ADMIN),
    "chain with tags": with_policies({**CHAIN, "Action": ["sts:AssumeRole", "sts:TagSession"]}),
    "bucket": with_policies({**CHAIN, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}),
    "Job of Pod Identity": with_irsa(pods=(pod(moves.POD_IDENTITY, JOB),)),
    "skipped Pod beside": with_irsa(pods=(pod(IRSA), pod({"name": "HOME"}, JOB, labels=SKIPS))),
    "label, managed by kubectl": with_account(labels={"app.kubernetes.io/instance": "shop"},
        managers=(BY_KUBECTL,)),
    "by a tag of the role": with_policies(BY_ROLE_TAG, make=with_pod_identity),
})  # fmt: skip
def test_a_plain_workload_is_not_refused(found):
    assert [*refusals(found)] == []


def deployer(*policies):
    documents = tuple(PermissionsPolicy("p", {"Statement": [each]}) for each in policies)
    return replace(trusting(moves.BY_TOKEN), arn=DEPLOYER, policies=documents)


def asked(caller, role, simulated=DENIED, nodes=MappingProxyType({})):
    callers = []

    def simulate(arn, *_):
        callers.append(arn)
        return simulated

    aws = SimpleNamespace(caller=lambda: Answer(True, caller), simulate=simulate)
    aws.role = aws.node_role = lambda *_: role
    cluster = SimpleNamespace(may=lambda *_: True, node_groups=lambda _: nodes)
    cluster.next_pod = lambda *_: pod(IRSA).spec
    return ask(with_irsa(), SimpleNamespace(cluster=cluster, aws=aws)), callers


NO_POLICIES = replace(deployer(), policies=Unread("policies", "no", "iam:GetRolePolicy"))


@pytest.mark.cases(("role", "denied", "unasked"), {
    "allowed": (deployer(ADMIN), (), []),
    "denied": (deployer(ADMIN, NO_PASS), (NOT_PASSED,), []),
    "condition": (deployer(AT_TIMES), (), NOT_ASKED),
    "policies-unread": (NO_POLICIES, (), NOT_ASKED),
    "role-unread": (Unread("role", "no", "iam:GetRole"), (), NOT_ASKED),
})  # fmt: skip
def test_where_iam_does_not_simulate_the_evaluator_is_asked(role, denied, unasked):
    found, _ = asked(SESSION, role)
    assert (found.denied, notes(found)[1:]) == (denied, unasked)


def test_the_simulator_is_asked_about_the_role_of_a_session_by_its_whole_arn():
    found, callers = asked(SESSION, deployer(), simulated=True)
    assert (found.denied, found.unasked, {*callers}) == ((), (), {DEPLOYER})


def test_every_node_that_can_run_the_pods_is_judged():
    texts = {"n-2": "no agent is ready on n-2, where the Pods can run"}
    texts |= dict.fromkeys(READY, "of the nodes (spot): there is no policy")
    for node, text in texts.items():
        found, _ = asked(SESSION, deployer(), simulated=True, nodes={node: "spot"})
        [reason] = refusals(found)
        assert text in reason


def test_nodes_whose_role_is_not_known_are_said_and_not_refused():
    """Only a call inside a Pod shows that their agent may ask EKS: the move ends with 3."""
    found = with_irsa(agent=Unread("the node's role", "no label", "a managed node group"))

    assert [each.partition("(")[0] for each in unproven(found)] == ["the agent of the Pods' nodes "]
    assert [*refusals(found)] == []
    assert unproven(with_irsa()) == []
