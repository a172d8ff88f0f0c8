"""The controllers' policies: each allows its controller's calls on its own resources only."""

import re
from itertools import chain, groupby

import pytest
from botocore.session import get_session

from irsa.decide.scenario import scenario_from
from irsa.decide.simulate import simulate
from irsa.identity.controllers.cluster_autoscaler import cluster_autoscaler_policy
from irsa.identity.controllers.dns import cert_manager_policy, external_dns_policy
from irsa.identity.controllers.external_secrets import external_secrets_policy
from irsa.identity.controllers.karpenter import karpenter_policies
from irsa.identity.controllers.load_balancer import load_balancer_controller_policy
from irsa.identity.policies import size
from irsa.identity.policy_json import as_list, statements

ACCOUNT = "111122223333"
HERE = f"us-east-1:{ACCOUNT}"
CLUSTER = f"arn:aws:eks:{HERE}:cluster/dev"
LONGEST = f"arn:aws-us-gov:eks:us-gov-east-1:{ACCOUNT}:cluster/{'c' * 100}"
NODES = f"arn:aws:iam::{ACCOUNT}:role/dev-nodes"
ZONE = "arn:aws:route53:::hostedzone/Z1"
SECRET = f"arn:aws:secretsmanager:{HERE}:secret:dev-db-AbCdEf"
PARAMETER = f"arn:aws:ssm:{HERE}:parameter/dev/db"
KEY = f"arn:aws:kms:{HERE}:key/dev"
GROUP = f"arn:aws:autoscaling:{HERE}:autoScalingGroup:1:autoScalingGroupName/a"
BALANCER = f"arn:aws:elasticloadbalancing:{HERE}:loadbalancer/app/a/1"
LISTENER = f"arn:aws:elasticloadbalancing:{HERE}:listener/app/a/1/2"
FIREWALL = f"arn:aws:ec2:{HERE}:security-group/sg-1"
INSTANCE = f"arn:aws:ec2:{HERE}:instance/i-1"
TEMPLATE = f"arn:aws:ec2:{HERE}:launch-template/lt-1"
PROFILE = f"arn:aws:iam::{ACCOUNT}:instance-profile/a"


def documents(cluster):
    karpenter = karpenter_policies(cluster, node_role_arn=NODES, interruption_queue="dev")
    return {
        "external-dns": [external_dns_policy(["Z1"])],
        "cert-manager": [cert_manager_policy(["Z1"])],
        "external-secrets": [
            external_secrets_policy(
                secret_arns=[f"arn:aws:secretsmanager:{HERE}:secret:dev-*"],
                parameter_arns=[f"arn:aws:ssm:{HERE}:parameter/dev/*"],
                key_arns=[KEY],
            )
        ],
        "cluster-autoscaler": [cluster_autoscaler_policy(cluster)],
        "load-balancer": [load_balancer_controller_policy(cluster)],
        "karpenter": list(karpenter.values()),
    }


POLICIES = documents(CLUSTER)


ABSENT = {
    key: None
    for document in chain.from_iterable(POLICIES.values())
    for statement in statements(document)
    for keys in statement.get("Condition", {}).values()
    for key in keys
}
"""Every condition key of the policies, as a request has it that says nothing of it."""


def decide(controller, action, resource, context):
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    trusts_account = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    step = {
        "principal": f"arn:aws:sts::{ACCOUNT}:assumed-role/controller/pod",
        "action": action,
        "resource": resource,
        "resource_account": ACCOUNT,
        "identity_policies": POLICIES[controller],
        "context": ABSENT | context,
    }
    if action.startswith("kms:"):
        step["resource_policy"] = {"Version": "2012-10-17", "Statement": [trusts_account]}
    return simulate(scenario_from({"steps": [step]})).as_json()["decision"]


def tags(kind, **values):
    return {f"aws:{kind}/{TAGS[name]}": value for name, value in values.items()}


ANY = "any value"
TAGS = {
    "lb": "elbv2.k8s.aws/cluster",
    "cluster": "kubernetes.io/cluster/dev",
    "name": "eks:eks-cluster-name",
    "pool": "karpenter.sh/nodepool",
    "node_class": "karpenter.k8s.aws/ec2nodeclass",
    "region": "topology.kubernetes.io/region",
    "scaled": "k8s.io/cluster-autoscaler/dev",
}
RECORDS = "route53:ChangeResourceRecordSetsRecordTypes"
OWN_LB, NEW_LB = (tags(kind, lb="dev") for kind in ("ResourceTag", "RequestTag"))
NODE = tags("ResourceTag", cluster="owned", pool=ANY)
NEW_NODE = tags("RequestTag", cluster="owned", name="dev", pool=ANY)
OWN_PROFILE, NEW_PROFILE = (
    tags(kind, cluster="owned", region="us-east-1", node_class=ANY)
    for kind in ("ResourceTag", "RequestTag")
)
NAMED_PROFILE = NEW_PROFILE | tags("RequestTag", name="dev")

FOR_ELB = {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}
CREATES_FIREWALL = {"ec2:CreateAction": "CreateSecurityGroup"}
CREATES_LB = {"elasticloadbalancing:CreateAction": "CreateLoadBalancer"}
SHIFTED = "arc-zonal-shift:ResourceIdentifier"
SCALED = tags("ResourceTag", scaled=ANY)

# At least one call for each statement, with the facts that it asks for.
OWN = [
    ("external-dns", "route53:ListHostedZones", "*", {}),
    ("external-dns", "route53:ChangeResourceRecordSets", ZONE, {}),
    ("cert-manager", "route53:GetChange", "arn:aws:route53:::change/C1", {}),
    ("cert-manager", "route53:ChangeResourceRecordSets", ZONE, {RECORDS: ["TXT"]}),
    ("cert-manager", "route53:ListResourceRecordSets", ZONE, {}),
    ("external-secrets", "secretsmanager:GetSecretValue", SECRET, {}),
    ("external-secrets", "ssm:GetParameter", PARAMETER, {}),
    ("external-secrets", "kms:Decrypt", KEY, {"kms:ViaService": "ssm.us-east-1.amazonaws.com"}),
    ("cluster-autoscaler", "autoscaling:DescribeAutoScalingGroups", "*", {}),
    ("cluster-autoscaler", "eks:DescribeNodegroup", f"arn:aws:eks:{HERE}:nodegroup/dev/a/1", {}),
    ("cluster-autoscaler", "autoscaling:SetDesiredCapacity", GROUP, SCALED),
    ("load-balancer", "iam:CreateServiceLinkedRole", "*", FOR_ELB),
    ("load-balancer", "ec2:DescribeSubnets", "*", {}),
    ("load-balancer", "ec2:AuthorizeSecurityGroupIngress", "*", tags("ResourceTag", cluster=ANY)),
    ("load-balancer", "elasticloadbalancing:CreateLoadBalancer", "*", NEW_LB),
    ("load-balancer", "ec2:CreateTags", FIREWALL, NEW_LB | CREATES_FIREWALL),
    ("load-balancer", "elasticloadbalancing:AddTags", BALANCER, NEW_LB | CREATES_LB),
    ("load-balancer", "elasticloadbalancing:AddTags", BALANCER, OWN_LB),
    ("load-balancer", "ec2:DeleteTags", FIREWALL, OWN_LB),
    ("load-balancer", "elasticloadbalancing:DeleteLoadBalancer", "*", OWN_LB),
    ("load-balancer", "elasticloadbalancing:AddTags", LISTENER, {}),
    ("load-balancer", "elasticloadbalancing:ModifyListener", LISTENER, {}),
    ("karpenter", "ec2:RunInstances", f"arn:aws:ec2:{HERE}:subnet/subnet-1", {}),
    ("karpenter", "ec2:RunInstances", TEMPLATE, NODE),
    ("karpenter", "ec2:RunInstances", INSTANCE, NEW_NODE),
    ("karpenter", "ec2:CreateTags", INSTANCE, NEW_NODE | {"ec2:CreateAction": "RunInstances"}),
    ("karpenter", "ec2:CreateTags", INSTANCE, NODE | {"aws:TagKeys": ["Name"]}),
    ("karpenter", "ec2:TerminateInstances", INSTANCE, NODE),
    ("karpenter", "iam:PassRole", NODES, {"iam:PassedToService": "ec2.amazonaws.com"}),
    ("karpenter", "iam:CreateInstanceProfile", PROFILE, NAMED_PROFILE),
    ("karpenter", "iam:TagInstanceProfile", PROFILE, OWN_PROFILE | NAMED_PROFILE),
    ("karpenter", "iam:AddRoleToInstanceProfile", PROFILE, OWN_PROFILE),
    ("karpenter", "iam:GetInstanceProfile", PROFILE, {}),
    ("karpenter", "iam:ListInstanceProfiles", "*", {}),
    ("karpenter", "eks:DescribeCluster", CLUSTER, {}),
    ("karpenter", "sqs:ReceiveMessage", f"arn:aws:sqs:{HERE}:dev", {}),
    ("karpenter", "arc-zonal-shift:GetManagedResource", "*", {SHIFTED: CLUSTER}),
    ("karpenter", "ec2:DescribeInstances", "*", {"aws:RequestedRegion": "us-east-1"}),
    ("karpenter", "ssm:GetParameter", "arn:aws:ssm:us-east-1::parameter/aws/service/a", {}),
]  # fmt: skip
OTHERS = [
    ("external-dns", "route53:DeleteHostedZone", ZONE, {}),
    ("cert-manager", "route53:ListHostedZonesByName", "*", {}),
    ("external-secrets", "secretsmanager:PutSecretValue", SECRET, {}),
    ("external-secrets", "secretsmanager:ListSecrets", "*", {}),
    ("load-balancer", "ec2:DeleteSecurityGroup", FIREWALL, tags("ResourceTag", cluster=ANY)),
    ("load-balancer", "elasticloadbalancing:AddTags", BALANCER, OWN_LB | NEW_LB),
    ("karpenter", "ec2:CreateTags", INSTANCE, NODE | tags("RequestTag", name="prod")),
]  # fmt: skip


def elsewhere(resource):
    """ARNs of the resource in another region, account, zone or cluster, where it names one."""
    names = (("us-east-1", "us-west-2"), ("iam::1111", "iam::4444"), ("Z1", "Z2"), ("dev", "prod"))
    return {resource.replace(*each) for each in names} - {resource}


def otherwise(facts):
    """The facts with one of them missing, or different."""
    for key, value in facts.items():
        if isinstance(value, list):
            yield facts | {key: ["other"]}
            continue
        yield facts | {key: None}
        if value != ANY:
            yield facts | {key: "other"}


FOREIGN = [(*call, each, facts) for *call, own, facts in OWN for each in sorted(elsewhere(own))]
FOREIGN += [(*call, each) for *call, facts in OWN for each in otherwise(facts)]


@pytest.mark.parametrize(("controller", "action", "resource", "context"), OWN)
def test_a_controller_may_do_its_work(controller, action, resource, context):
    assert decide(controller, action, resource, context) == "allow"


@pytest.mark.parametrize(("controller", "action", "resource", "context"), [*FOREIGN, *OTHERS])
def test_a_controller_reaches_nothing_of_others(controller, action, resource, context):
    assert decide(controller, action, resource, context) == "deny"


@pytest.mark.parametrize("controller", POLICIES)
def test_the_longest_cluster_name_fits_into_a_policy(controller):
    assert all(size(each) <= 6144 for each in documents(LONGEST)[controller])


@pytest.mark.parametrize(
    "function",
    [
        external_dns_policy,
        cert_manager_policy,
        external_secrets_policy,
        cluster_autoscaler_policy,
        load_balancer_controller_policy,
        karpenter_policies,
    ],
)
def test_a_docstring_ends_with_the_page_of_the_vendor(function):
    assert re.fullmatch(r"https://\S+", function.__doc__.split()[-1])


SERVICE_MODELS = {"elasticloadbalancing": "elbv2"}
NO_OPERATION = {"iam:PassRole", "elasticloadbalancing:SetWebAcl"}
"""Actions that the service authorization reference has, and no API."""


def test_every_action_is_an_operation_of_its_service():
    named = {
        action
        for document in chain.from_iterable(POLICIES.values())
        for statement in statements(document)
        for action in as_list(statement["Action"])
    }
    session = get_session()
    for service, names in groupby(sorted(named - NO_OPERATION), lambda each: each.split(":")[0]):
        model = session.get_service_model(SERVICE_MODELS.get(service, service))
        assert {each.split(":")[1] for each in names} <= set(model.operation_names)


def test_too_many_zones_are_refused_before_iam_is_asked():
    with pytest.raises(ValueError, match=r"^the policy has \d+ characters and IAM accepts 6144: "):
        external_dns_policy([f"Z{n:020}" for n in range(200)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: external_dns_policy([]), "the policy names no hosted zone; give"),
        (lambda: cert_manager_policy(["*"]), "'*' is not the id of a hosted zone; expected"),
        (lambda: external_dns_policy(["/hostedzone/Z1"]), "'/hostedzone/Z1' is not the id of a"),
        (external_secrets_policy, "the policy names no secret and no parameter; give"),
        (lambda: external_secrets_policy(secret_arns=["*"]), "'*' is not the ARN that the policy"),
        (
            lambda: external_secrets_policy(secret_arns=[PARAMETER]),
            "expected arn:aws:secretsmanager:<region>:<account>:secret:<name>",
        ),
        (lambda: cluster_autoscaler_policy("dev"), "'dev' is not the ARN of an EKS cluster"),
        (
            lambda: karpenter_policies(CLUSTER, node_role_arn=NODES, interruption_queue="*"),
            "'*' is not the name of an SQS queue; expected",
        ),
        (
            lambda: karpenter_policies(CLUSTER, node_role_arn="*", interruption_queue="dev"),
            "'*' is not the ARN of a role",
        ),
    ],
)
def test_a_wrong_argument_is_refused_by_its_value(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_the_partition_of_zones_is_given():
    document = external_dns_policy(["Z1"], partition="aws-cn")
    assert document["Statement"][0]["Resource"] == ["arn:aws-cn:route53:::hostedzone/Z1"]
