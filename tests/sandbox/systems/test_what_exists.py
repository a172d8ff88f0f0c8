"""`up` refuses to create what exists and is not the stack's, and leaves it as it was."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from botocore.exceptions import ClientError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Secret, ServiceAccount
from lightkube.resources.core_v1 import Namespace as K8sNamespace
from pulumi import ResourceOptions

from irsa.identity.arns import provider_arn_for, role_arn
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa_components import EksCluster, EksClusterArgs
from irsa_components import ServiceAccount as Account
from irsa_components.access_key_user import AccessKeyUser, AccessKeyUserArgs
from irsa_components.credentials import AccessKeyArgs, RoleChainArgs, TargetRoleArgs
from irsa_components.data_bucket import DataBucket, DataBucketArgs
from irsa_components.namespace import Namespace, NamespaceArgs
from irsa_components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from irsa_components.workload import Workload, WorkloadArgs
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.demo import left_overs
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.session import Session
from tests.sandbox.support.namespaces import delete_namespace
from tests.sandbox.support.programs import POD_SPEC, in_cluster, refusal, stack_of

pytestmark = pytest.mark.sandbox

NAME = "taken"
BUCKET, IRISH_BUCKET = "taken-in-virginia", "taken-in-ireland"
IRELAND = "eu-west-1"
TAGS = [{"Key": "owner", "Value": "others"}]
LABELS = {"owner": "others"}
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
ALLOW = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": [ALLOW]})
ROLE = role_arn(ACCOUNT_A, "any")


def provider_arn(session: Session) -> str:
    return provider_arn_for(session.state.issuer_url.removeprefix("https://"), ACCOUNT_A)


def create(session: Session) -> None:
    """Create one thing of each kind that the components create."""
    iam, s3, cluster = session.aws("iam"), session.aws("s3"), session.cluster
    role = iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=TRUST, Tags=TAGS)["Role"]
    subnets = [each["SubnetId"] for each in session.aws("ec2").describe_subnets()["Subnets"]]
    session.aws("eks").create_cluster(
        name=NAME, roleArn=role["Arn"], resourcesVpcConfig={"subnetIds": subnets[:2]}
    )
    iam.create_user(UserName=NAME, Tags=TAGS)
    iam.create_policy(PolicyName=NAME, PolicyDocument=DOCUMENT, Tags=TAGS)
    iam.create_open_id_connect_provider(
        Url=session.state.issuer_url, ClientIDList=["their-audience"], Tags=TAGS
    )
    for bucket, where in (
        (BUCKET, {}),
        (IRISH_BUCKET, {"CreateBucketConfiguration": {"LocationConstraint": IRELAND}}),
    ):
        s3.create_bucket(Bucket=bucket, **where)
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": TAGS})
        s3.put_object(Bucket=bucket, Key="data", Body=b"theirs")
    cluster.create(K8sNamespace(metadata=ObjectMeta(name=NAME, labels=LABELS)))
    cluster.create(ServiceAccount(metadata=metadata_of(ServiceAccount)))
    cluster.create(ConfigMap(metadata=metadata_of(ConfigMap), data={"config": "theirs"}))
    cluster.create(Secret(metadata=metadata_of(Secret), stringData={"access_key": "theirs"}))
    pods = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": LABELS}, "template": pods}
    metadata = metadata_of(Deployment).to_dict()
    cluster.create(Deployment.from_dict({"metadata": metadata, "spec": spec}))


def metadata_of(kind: Any) -> ObjectMeta:
    """Each kind has another name: a workload gives its name to a ConfigMap and a Deployment."""
    return ObjectMeta(name=f"{NAME}-{kind.__name__.lower()}", namespace=NAME, labels=LABELS)


def remove(session: Session) -> None:
    iam, s3 = session.aws("iam"), session.aws("s3")
    session.aws("eks").delete_cluster(name=NAME)
    iam.delete_role(RoleName=NAME)
    iam.delete_user(UserName=NAME)
    iam.delete_policy(PolicyArn=f"arn:aws:iam::{ACCOUNT_A}:policy/{NAME}")
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider_arn(session))
    for bucket in (BUCKET, IRISH_BUCKET):
        session.empty_bucket(bucket)
        s3.delete_bucket(Bucket=bucket)
    delete_namespace(session, NAME)


def state(session: Session) -> dict[str, Any]:
    """Return each thing as its API shows it, without the IRSA annotation."""
    iam, s3, found = session.aws("iam"), session.aws("s3"), {}
    details = iam.get_account_authorization_details()
    for kind in ("RoleDetailList", "UserDetailList", "Policies"):
        named = [each for each in details[kind] if NAME in each.values()]
        found[kind] = [{**each, "RoleLastUsed": None} for each in named]
    found["keys"] = iam.list_access_keys(UserName=NAME)["AccessKeyMetadata"]
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider_arn(session))
    found["provider"] = {key: provider[key] for key in ("ClientIDList", "Tags", "CreateDate")}
    for bucket in (BUCKET, IRISH_BUCKET):
        with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
            s3.get_bucket_policy(Bucket=bucket)
        found[bucket] = (
            s3.get_object(Bucket=bucket, Key="data")["Body"].read(),
            s3.get_bucket_tagging(Bucket=bucket)["TagSet"],
            s3.get_bucket_versioning(Bucket=bucket).get("Status"),
        )
    for kind in (K8sNamespace, ServiceAccount, ConfigMap, Secret, Deployment):
        metadata = ObjectMeta(name=NAME) if kind is K8sNamespace else metadata_of(kind)
        shown = session.cluster.get(kind, metadata.name, namespace=metadata.namespace).to_dict()
        metadata = shown["metadata"]
        assert "deletionTimestamp" not in metadata
        own = (metadata["uid"], metadata["labels"], shown.get("data"), shown.get("spec"))
        found[kind.__name__] = own
    return found


def program(session: Session) -> Callable[[], None]:
    """The components, each with the name of a thing that exists, and one role that is new."""

    def run() -> None:
        for name in (NAME, "new"):
            subjects = {"subjects": ["dev/app"], "provider_arns": [provider_arn(session)]}
            ServiceAccountRole(name, ServiceAccountRoleArgs(role_name=name, **subjects))
        AccessKeyUser(NAME, AccessKeyUserArgs(user_name=NAME))
        DataBucket(
            "new",
            DataBucketArgs(bucket_name="new-data", force_destroy=True, read_policy_name=NAME),
        )
        args = EksClusterArgs(cluster_name=NAME, existing=True, create_provider=True)
        EksCluster(NAME, args)
        DataBucket(BUCKET, DataBucketArgs(bucket_name=BUCKET, force_destroy=True))
        ireland = aws.Provider("ireland", region=IRELAND)
        irish = DataBucketArgs(bucket_name=IRISH_BUCKET, force_destroy=True)
        DataBucket(IRISH_BUCKET, irish, ResourceOptions(providers=[ireland]))

        opts = in_cluster(session)
        Namespace(NAME, NamespaceArgs(namespace=NAME, force_destroy=True), opts)

        def pods(account: str) -> dict[str, Any]:
            own = Account(namespace=NAME, name=account)
            return {"service_account": own, "pod_spec": POD_SPEC}

        key = AccessKeyArgs(access_key_id="AKIA", secret_access_key="key", region="us-east-1")
        target = TargetRoleArgs(role_arn=role_arn(ACCOUNT_B, "b"))
        chain = RoleChainArgs(targets=[target], region="us-east-1")
        account = metadata_of(ServiceAccount).name
        Workload("new", WorkloadArgs(role_arn=ROLE, **pods(account)), opts)
        for kind, credentials in (
            (ConfigMap, {"role_arn": ROLE, "chain": chain}),
            (Secret, {"access_key": key}),
            (Deployment, {"role_arn": ROLE}),
        ):
            name = metadata_of(kind).name
            args = WorkloadArgs(**pods(f"{name}-new"), **credentials)
            Workload(name, args, opts)

    return run


@pytest.fixture(scope="module")
def theirs(session: Session) -> Iterator[dict[str, Any]]:
    """State of the existing things, which are removed afterwards."""
    SandboxStack(session.state).destroy()  # it may have the cluster's OIDC provider
    before = left_overs(session)
    create(session)
    yield state(session)
    remove(session)
    assert left_overs(session) == before


def refusals(session: Session) -> list[str]:
    """The error of each kind of resource."""
    objects = [
        f'{plural} "{metadata_of(kind).name}" already exists'
        for plural, kind in (
            ("serviceaccounts", ServiceAccount),
            ("configmaps", ConfigMap),
            ("secrets", Secret),
            ("deployments.apps", Deployment),
        )
    ]
    return [
        *(
            f"creating IAM {kind} ({NAME}): Create{kind}: EntityAlreadyExists: "
            for kind in ("Role", "User", "Policy")
        ),
        f"EntityAlreadyExists: Provider with url {session.state.issuer_url} already exists.",
        f"creating S3 Bucket ({BUCKET}): BucketAlreadyExists",
        f"creating S3 Bucket ({IRISH_BUCKET}): CreateBucket: BucketAlreadyOwnedByYou: ",
        f'namespaces "{NAME}" already exists',
        *objects,
    ]


def test_up_refuses_what_exists_and_leaves_it_as_it_was(session, theirs):
    stack = stack_of(session, "what-exists", program(session))
    assert stack.preview().keys() == {"create"}

    line = refusal(lambda: stack.up(continue_on_error=True))  # with every error

    assert [each for each in refusals(session) if each not in line] == []
    assert state(session) == theirs
    # Nor does the destroy of the half-made stack take anything but what is its own.
    iam = session.aws("iam")
    iam.get_role(RoleName="new")
    assert stack.destroy().keys() <= {"delete", "discard"}
    assert state(session) == theirs
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName="new")


def test_what_exists_is_used_without_changes(session: Session, theirs):
    account = metadata_of(ServiceAccount)

    def run() -> None:
        EksCluster(NAME, EksClusterArgs(cluster_name=NAME, existing=True))
        DataBucket(NAME, DataBucketArgs(bucket_name=BUCKET, existing=True))
        opts = in_cluster(session)
        Namespace(NAME, NamespaceArgs(namespace=NAME, existing=True), opts)
        args = WorkloadArgs(
            service_account=Account(namespace=NAME, name=account.name),
            existing_service_account=True,
            role_arn=role_arn(ACCOUNT_A, NAME),
            pod_spec=POD_SPEC,
        )
        Workload("user", args, opts)

    stack = stack_of(session, "existing", run)
    stack.up()
    annotated = session.cluster.get(ServiceAccount, account.name, namespace=NAME).metadata
    assert annotated.annotations == {ROLE_ARN_ANNOTATION: role_arn(ACCOUNT_A, NAME)}
    assert stack.preview().keys() == {"same", "read"}
    assert state(session) == theirs

    stack.destroy()
    given_back = session.cluster.get(ServiceAccount, account.name, namespace=NAME).metadata
    assert not given_back.annotations
    assert state(session) == theirs


WITHOUT_ACCOUNT = WorkloadArgs(
    service_account=Account(namespace="default", name="missing"),
    existing_service_account=True,
    role_arn=ROLE,
    pod_spec=POD_SPEC,
)
MISSING: dict[str, Callable[[ResourceOptions], Any]] = {
    "cluster": lambda _: EksCluster("x", EksClusterArgs(cluster_name="missing", existing=True)),
    "bucket": lambda _: DataBucket("x", DataBucketArgs(bucket_name="missing", existing=True)),
    "namespace": lambda opts: Namespace(
        "x", NamespaceArgs(namespace="missing", existing=True), opts
    ),
    "service account": lambda opts: Workload("missing", WITHOUT_ACCOUNT, opts),
}


@pytest.mark.parametrize("kind", MISSING)
def test_a_preview_refuses_an_existing_resource_that_is_missing(session: Session, kind: str):
    stack = stack_of(session, "missing", lambda: MISSING[kind](in_cluster(session)))

    assert "missing" in refusal(stack.preview)


def test_a_bucket_and_a_role_come_under_the_stack_by_import(session: Session):
    """The component's children get `import_`; a role has an argument for it."""
    name = "adopted-data"
    session.aws("s3").create_bucket(Bucket=name)
    session.aws("s3").put_object(Bucket=name, Key="data", Body=b"theirs")
    session.aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    provider = provider_arn_for("oidc.example.com", ACCOUNT_A)

    def bucket_by_name(args: pulumi.ResourceTransformationArgs) -> Any:
        if args.type_ != "aws:s3/bucket:Bucket":
            return None
        opts = ResourceOptions.merge(args.opts, ResourceOptions(import_=name))
        return pulumi.ResourceTransformationResult(args.props, opts)

    def run(*, imported: bool) -> None:
        adopt = ResourceOptions(transformations=[bucket_by_name] if imported else [])
        DataBucket(name, DataBucketArgs(bucket_name=name, force_destroy=True), adopt)
        args = ServiceAccountRoleArgs(
            role_name=name, subjects=["dev/app"], provider_arns=[provider], imported=imported
        )
        ServiceAccountRole(name, args)

    assert stack_of(session, "adopted", lambda: run(imported=True)).up()["import"] == 2
    stack = stack_of(session, "adopted", lambda: run(imported=False))
    assert stack.up().keys() == {"same"}
    assert session.aws("s3").get_object(Bucket=name, Key="data")["Body"].read() == b"theirs"
    assert stack.destroy().keys() == {"delete"}


def test_the_provider_of_an_existing_cluster_is_created_only_when_asked(session: Session, theirs):
    iam, arn = session.aws("iam"), {"OpenIDConnectProviderArn": provider_arn(session)}
    iam.delete_open_id_connect_provider(**arn)

    def stack(create_provider: bool) -> SandboxStack:
        args = EksClusterArgs(cluster_name=NAME, existing=True, create_provider=create_provider)
        return stack_of(session, "provider", lambda: EksCluster(NAME, args))

    assert provider_arn(session) in refusal(stack(False).preview)

    assert stack(True).up()["create"] == 4
    created = iam.get_open_id_connect_provider(**arn)
    stack(False).up()  # lets go of it
    assert stack(False).preview().keys() == {"same"}
    stack(False).destroy()
    assert iam.get_open_id_connect_provider(**arn)["CreateDate"] == created["CreateDate"]
