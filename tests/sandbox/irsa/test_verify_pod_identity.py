"""`python -m irsa verify` for EKS Pod Identity: the link that fails, and a remedy that works."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from lightkube.resources.core_v1 import Pod

from irsa_core.identity import pod_identity
from irsa_core.identity.arns import role_arn
from irsa_core.identity.eks import FARGATE_LABEL, ROLE_ARN_ANNOTATION
from irsa_core.identity.policies import irsa_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_B
from irsa_sandbox.aws.clients import AccessKeys, AwsClients
from irsa_sandbox.testing.sandbox import CLUSTER
from irsa_sandbox.webhook.identities import held_back
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.pod_identity import ADDON
from tests.sandbox.support.remedies import apply, remedied
from tests.sandbox.support.workload import CLUSTER_ARN, AssociatedWorkload, link_of, troubles


@pytest.fixture(scope="module")
def workload(agent) -> AssociatedWorkload:
    found = AssociatedWorkload(agent, "associated")
    found.create()
    return found


def test_what_was_deleted_is_created(workload):
    workload.dissociate()
    remedied(workload, ("association", "no association"))
    workload.delete_role()
    remedied(workload, ("role", "no such role"), ("permissions", "the role has no policy"))


def test_what_the_trust_policy_and_the_association_say_is_corrected(workload):
    """The service account there, its role, and the session tags that the policy goes by."""
    account = ServiceAccountRef(workload.namespace, "other")
    workload.set_trust(pod_identity.pod_identity_trust_policy([CLUSTER_ARN], [account]))
    remedied(workload, ("trust", "the request says"))
    iam, trust = workload.session.aws("iam"), json.dumps(workload.trust_policy)
    other = iam.create_role(RoleName="other", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    workload.associate(disableSessionTags=True)
    eks = workload.session.aws("eks")
    eks.update_pod_identity_association(**workload.association, roleArn=other)
    workload.restart()
    remedied(workload, ("association", "role/other"), ("trust", "aws:RequestTag"))


def test_the_agents_add_on_is_created(workload):
    workload.session.aws("eks").delete_addon(clusterName=CLUSTER, addonName=ADDON)
    pods = workload.session.cluster.list
    eventually(lambda: ADDON not in [p.metadata.name for p in pods(Pod, namespace="kube-system")])

    [result] = workload.verify().chains
    apply(workload, link_of(result, "agent")["commands"])

    assert result["failing_link"] == "agent"
    eventually(lambda: workload.verify().code == 0)
    assert workload.sdk().startswith(workload.session_arn)


def test_a_pod_that_is_older_than_its_association_is_restarted(workload):
    workload.dissociate()
    with held_back(workload.session.aws("eks"), workload.session.state.path):
        workload.associate()
        workload.restart()
    remedied(workload, ("injection", "the Pod was not mutated"))


def test_a_pod_on_fargate_moves_to_irsa(workload):
    irsa = irsa_trust_policy([workload.world.provider_arn], [workload.account])
    both = [*workload.trust_policy["Statement"], *irsa["Statement"]]
    workload.set_trust({**irsa, "Statement": both})
    workload.service_account({ROLE_ARN_ANNOTATION: workload.role_arn})
    workload.deploy(metadata={"labels": {FARGATE_LABEL: "default"}})
    remedied(workload, ("agent", "on Fargate, where no agent runs"))


def test_credentials_are_those_of_the_pods(workload):
    done = workload.world.irsa("credentials", f"{workload.namespace}/{workload.account.name}")
    assert (done.code, done.err) == (0, "")
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    keys, state = AccessKeys(*(done.json[each] for each in names)), workload.session.state
    with closing(AwsClients(keys, state.aws_proxy, Path(state.aws_ca_bundle))("sts")) as sts:
        assert sts.get_caller_identity()["Arn"].startswith(workload.session_arn)


class Targeting(AssociatedWorkload):
    """With a target role in account B, which may list a bucket there."""

    role_b = bucket = "targeting-b"
    session_arn = f"arn:aws:sts::{ACCOUNT_B}:assumed-role/{role_b}/"

    def target(self, trusted: ServiceAccountRef) -> None:
        association = pod_identity.TargetedBy(self.role_arn, CLUSTER_ARN, trusted)
        trust = pod_identity.target_role_trust_policy([association])
        self.create_role_b(self.role_b, trust)
        role_b_arn = role_arn(ACCOUNT_B, self.role_b)
        both = ["sts:AssumeRole", "sts:TagSession"]
        statement = {"Effect": "Allow", "Action": both, "Resource": role_b_arn}
        self.put_policy({"Version": "2012-10-17", "Statement": [statement]})
        self.associate(targetRoleArn=role_b_arn)
        self.deploy()

    def verify(self, *more, **_):
        return self.verify_in_b(*more)


@pytest.mark.cases("trusts_it", {"trusted Pod": True, "Pod that is not trusted": False})
def test_the_target_role_s_session_is_the_pod_s(agent, tmp_path, trusts_it):
    targeting = Targeting(agent, "targeting")
    targeting.create_identity()
    targeting.administer_b(tmp_path)
    targeting.target(targeting.account._replace(name="app" if trusts_it else "other"))

    if trusts_it:
        assert troubles(targeting.verify().chains[0]) == []
        assert targeting.sdk().startswith(targeting.session_arn)
    else:
        remedied(targeting, ("role-b-trust", "'other'"))
