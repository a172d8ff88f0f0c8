"""One stack through its life: changed, drifted, renamed, removed; and what stays."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, ServiceAccount
from lightkube.resources.core_v1 import Namespace as K8sNamespace
from pulumi import export

import irsa_components as irsa
from core.tests.decide.policies import FOR_ALL, deny, document
from irsa_core.identity.arns import provider_arn_for
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION
from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.demo import left_overs
from irsa_sandbox.session import Session
from irsa_sandbox.state import SandboxError
from tests.sandbox.support import programs

ACME, BUCKET, LOGS = "acme", "acme-reports", "logs"
SALES = {"account": "sales", "role": "sales"}
LIST = ["aws", "s3", "ls", f"s3://{BUCKET}"]
SECOND_CLUSTER = provider_arn_for("oidc.example.com/id/2", ACCOUNT_A)

FORCED_DATA = irsa.DataBucketArgs(bucket_name=BUCKET, force_destroy=True)


@dataclass(frozen=True, kw_only=True)
class Acme:
    """A bucket, a role and its pods in a namespace, and a neighbour with an access key."""

    session: Session
    provider_arn: str
    name: str = "reports"
    account: str = "reports"
    role: str = "reports"
    path: str = "/"
    duration: int = 3600
    neighbour: str = "writer"
    data: irsa.DataBucketArgs | None = FORCED_DATA
    namespace: Mapping[str, bool] | None = field(default_factory=lambda: {"force_destroy": True})
    """Options of the namespace that the stack has."""
    pods: bool = True

    def stack(self, **changes):
        return programs.stack_of(self.session, "acme", replace(self, **changes).program)

    def program(self) -> None:
        opts, policies = programs.in_cluster(self.session), {}
        if self.namespace is not None:
            opts = programs.in_namespace(opts, ACME, **self.namespace)
        if self.data is not None:
            bucket = irsa.DataBucket(BUCKET, replace(self.data, full_policy_name=BUCKET))
            policies = {"data": bucket.full_policy_arn}
        account = irsa.ServiceAccount(namespace=ACME, name=self.account)
        by = {"service_accounts": [account], "subjects": [f"{LOGS}/loki"]}
        by |= {"provider_arns": [SECOND_CLUSTER, self.provider_arn], "policy_arns": policies}
        role_args = {"role_name": self.role, "path": self.path, "exclusive": True}
        role_args |= {"max_session_duration": self.duration}
        role = irsa.ServiceAccountRole("reports", irsa.ServiceAccountRoleArgs(**role_args, **by))
        export("role_arn", role.role_arn)
        if self.pods:
            programs.pods(self.name, account, opts, role_arn=role.role_arn)
        if self.namespace is not None:
            user = irsa.AccessKeyUser("writer", irsa.AccessKeyUserArgs(user_name="writer"))
            neighbour = irsa.ServiceAccount(namespace=ACME, name=self.neighbour)
            programs.pods(self.neighbour, neighbour, opts, access_key=programs.key_of(user))


@pytest.fixture(scope="module")
def acme(session, sandbox):
    return Acme(session=session, provider_arn=sandbox.provider_arn)


def names(session, kind):
    """Names of the objects of a kind, in the namespace if they are in one."""
    where = {} if kind is K8sNamespace else {"namespace": ACME}
    return [each.metadata.name for each in session.cluster.list(kind, **where)]


def up_in_order(stack, *steps):
    """Bring the stack up without a replacement; check that the output has these lines in order."""
    lines: list[str] = []
    assert "replace" not in stack.up(on_output=lines.append)
    moments = ["\n".join(lines).index(step) for step in steps]
    assert moments == sorted(moments)


def test_a_property_changes_in_place_and_a_path_not_at_all(session, acme: Acme):
    stack = acme.stack()
    assert stack.preview().keys() == {"create"}
    assert stack.up().keys() == {"create"}
    programs.unchanged(stack)
    # Pods that were scaled by hand keep their number.
    scale = {"spec": {"replicas": 2}}
    client = session.cluster
    client.patch(Deployment.Scale, "reports", scale, namespace=ACME, field_manager="kubectl")
    stack.refresh()

    stack = acme.stack(duration=7200)
    preview = stack.preview()
    assert (preview["update"], set(preview)) == (1, {"same", "update"})
    assert stack.up() == preview
    role = session.aws("iam").get_role(RoleName="reports")["Role"]
    assert role["MaxSessionDuration"] == 7200
    assert client.get(Deployment, "reports", namespace=ACME).spec.replicas == 2

    line = programs.refusal(acme.stack(path="/team/").up)

    assert "creating IAM Role (reports): CreateRole: EntityAlreadyExists" in line
    assert (
        "; the stack has it as irsa:index:ServiceAccountRole$aws:iam/role:Role::reports: " in line
    )
    assert session.aws("iam").get_role(RoleName="reports")["Role"]["Arn"] == role["Arn"]
    assert "replace" not in acme.stack().up()


def test_drift_fails_the_nightly_preview_and_the_next_up_repairs_it(session, acme: Acme):
    stack = acme.stack()
    stack.up()
    iam, before = session.aws("iam"), stack.export()
    trust = iam.get_role(RoleName="reports")["Role"]["AssumeRolePolicyDocument"]
    opened = copy.deepcopy(trust)
    opened["Statement"][0]["Condition"] = {}
    iam.update_assume_role_policy(RoleName="reports", PolicyDocument=json.dumps(opened))
    suspended = {"VersioningConfiguration": {"Status": "Suspended"}}
    session.aws("s3").put_bucket_versioning(Bucket=BUCKET, **suspended)
    annotations = {"metadata": {"annotations": {ROLE_ARN_ANNOTATION: None}}}
    session.cluster.patch(ServiceAccount, "reports", annotations, namespace=ACME)
    [policy] = iam.list_attached_role_policies(RoleName="reports")["AttachedPolicies"]
    iam.detach_role_policy(RoleName="reports", PolicyArn=policy["PolicyArn"])
    iam.attach_role_policy(RoleName="reports", PolicyArn="arn:aws:iam::aws:policy/IAMFullAccess")

    with pytest.raises(SandboxError, match="no changes were expected"):
        programs.unchanged(stack)
    assert stack.export()["resources"] == before["resources"], "a preview writes nothing"

    refreshed = stack.refresh()
    assert (refreshed["update"], refreshed["delete"]) == (4, 1)
    repaired = stack.up()
    assert (repaired["update"], repaired["create"]) == (4, 1)
    assert iam.get_role(RoleName="reports")["Role"]["AssumeRolePolicyDocument"] == trust
    assert iam.list_attached_role_policies(RoleName="reports")["AttachedPolicies"] == [policy]
    programs.unchanged(stack)


def test_what_is_renamed_exists_before_the_old_and_takes_nothing_along(session, acme: Acme):
    acme.stack().up()
    uid = session.cluster.get(ServiceAccount, "reports", namespace=ACME).metadata.uid

    made, gone = "aws:iam:Role renamed created", "aws:iam:Role reports deleted"
    updated = ("core/v1:ServiceAccount acme/reports", "apps/v1:Deployment reports")
    updated = [f"kubernetes:{resource} updated" for resource in updated]
    up_in_order(acme.stack(role="renamed"), made, *updated, gone)
    assert session.cluster.get(ServiceAccount, "reports", namespace=ACME).metadata.uid == uid
    listed = session.in_pod(ACME, "reports", LIST)
    assert listed.code == 0, f"the provider of the second cluster is in the way: {listed.output}"

    lines = ("acme/sales created", "Deployment reports updated", "acme/reports deleted")
    up_in_order(acme.stack(**SALES), *lines)

    iam = session.aws("iam")

    def kept():
        return (
            session.cluster.get(ServiceAccount, "sales", namespace=ACME).metadata.uid,
            iam.get_role(RoleName="sales")["Role"],
            iam.get_user(UserName="writer")["User"]["UserId"],
            iam.list_access_keys(UserName="writer")["AccessKeyMetadata"],
        )

    before, renamed = kept(), {"name": "sales", "neighbour": "reader", **SALES}
    stack = acme.stack(**renamed)
    up_in_order(stack, "Deployment sales created", "Deployment reports deleted")
    assert kept() == before
    programs.unchanged(stack)

    acme.stack(**renamed, pods=False).up()

    assert names(session, Deployment) == ["reader"]


def protection(session):
    s3, kinds = session.aws("s3"), ("public_access_block", "bucket_policy", "bucket_versioning")
    kinds += ("bucket_encryption", "bucket_ownership_controls")
    found = [getattr(s3, f"get_{kind}")(Bucket=BUCKET) for kind in kinds]
    return [{**each, "ResponseMetadata": None} for each in found]


def test_a_bucket_that_cannot_go_keeps_its_protection_and_all_else_goes(session, acme: Acme):
    acme.stack(pods=False).up()
    s3 = session.aws("s3")
    s3.put_object(Bucket=BUCKET, Key="data", Body=b"data")
    policy, before = s3.get_bucket_policy(Bucket=BUCKET)["Policy"], protection(session)
    locked = document(deny("s3:DeleteBucket", f"arn:aws:s3:::{BUCKET}", **FOR_ALL))
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(locked))

    assert BUCKET in programs.refusal(acme.stack(pods=False, data=None).up)

    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)
    assert protection(session) == before
    # Of what is forced nothing stays.
    assert acme.stack().destroy().keys() == {"delete"}
    assert ACME not in names(session, K8sNamespace)
    assert [name for name in left_overs(session) if "reports" in name or "writer" in name] == []


def test_data_and_namespace_stay_and_are_used_again_as_existing(session, acme: Acme):
    data = irsa.DataBucketArgs(bucket_name=BUCKET)
    acme.stack(data=data, namespace={}, pods=False).up()
    s3 = session.aws("s3")
    s3.put_object(Bucket=BUCKET, Key="2026.csv", Body=b"amount\n")
    session.cluster.create(ConfigMap(metadata=ObjectMeta(name="theirs", namespace=ACME)))
    before = protection(session)
    without = acme.stack(data=None, namespace=None, pods=False)
    lines: list[str] = []

    without.preview(on_output=lines.append)
    without.up()

    for name in (f"s3:Bucket {BUCKET}", f"v1:Namespace {ACME}"):
        [said] = [line for line in lines if name in line]
        assert "[retain]" in said
    assert protection(session) == before
    assert "theirs" in names(session, ConfigMap)

    acme.stack(data=replace(data, existing=True), namespace={"existing": True}).up()
    assert "2026.csv" in session.in_pod(ACME, "reports", LIST).output
    without.up()
    assert s3.head_object(Bucket=BUCKET, Key="2026.csv")
    assert ACME in names(session, K8sNamespace)
