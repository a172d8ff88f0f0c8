"""`up` refuses to create what exists and is not the stack's, and leaves it as it was."""

import pulumi
import pulumi_aws as aws
import pytest
from botocore.exceptions import ClientError
from lightkube.resources.core_v1 import ServiceAccount
from pulumi import ResourceOptions

import irsa_components as irsa
from irsa_core.identity.arns import provider_arn_for, role_arn
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.session import create_service_account
from irsa_sandbox.testing.sandbox import CLUSTER
from tests.sandbox.support import programs
from tests.sandbox.support.programs import TRUST, in_cluster, refusal, stack_of, unchanged

NAME, OTHERS = "taken", "theirs"
BUCKET, IRISH_BUCKET = "taken-in-virginia", "taken-in-ireland"
ROLE = role_arn(ACCOUNT_A, "any")
PROVIDER = provider_arn_for("oidc.example.com", ACCOUNT_A)
READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
BARE = "bare"
"""A service account that is no stack's."""


def stack(session, project):
    """A stack with one thing of each kind. All of them have the same things, but for what comes
    before a thing in its component, which is named for the project."""

    def program() -> None:
        for name in (NAME, project):
            subjects = {"subjects": ["dev/app"], "provider_arns": [PROVIDER]}
            irsa.ServiceAccountRole(name, irsa.ServiceAccountRoleArgs(role_name=name, **subjects))
        irsa.AccessKeyUser(NAME, irsa.AccessKeyUserArgs(user_name=NAME))
        policy = {"bucket_name": f"{project}-data", "read_policy_name": NAME}
        irsa.DataBucket(project, irsa.DataBucketArgs(force_destroy=True, **policy))
        cluster = irsa.EksClusterArgs(cluster_name=CLUSTER, existing=True, create_provider=True)
        irsa.EksCluster(NAME, cluster)
        irsa.DataBucket(BUCKET, irsa.DataBucketArgs(bucket_name=BUCKET, force_destroy=True))
        ireland = aws.Provider("ireland", region="eu-west-1")
        irish = irsa.DataBucketArgs(bucket_name=IRISH_BUCKET, force_destroy=True)
        irsa.DataBucket(IRISH_BUCKET, irish, ResourceOptions(providers=[ireland]))

        beside = in_cluster(session)
        inside = programs.in_namespace(beside, NAME, force_destroy=True)
        # In the other stack, each thing is refused beside the namespace.
        opts = inside if project == OTHERS else beside
        key = irsa.AccessKeyArgs(access_key_id="AKIA", secret_access_key="key", region="us-east-1")
        target = irsa.TargetRoleArgs(role_arn=role_arn(ACCOUNT_B, "b"))
        chain = irsa.RoleChainArgs(targets=[target], region="us-east-1")
        for name, account, args in (
            (project, "account", {"role_arn": ROLE}),
            ("chained", f"chained-{project}", {"role_arn": ROLE, "chain": chain}),
            ("keys", f"keys-{project}", {"access_key": key}),
            ("pods", f"pods-{project}", {"role_arn": ROLE}),
        ):
            programs.pods(name, irsa.ServiceAccount(namespace=NAME, name=account), opts, **args)

    return stack_of(session, project, program)


@pytest.fixture(scope="module")
def theirs(session, sandbox):
    """Check that a stack of others has its things as they were, with the data in them."""
    s3, provider = session.aws("s3"), {"OpenIDConnectProviderArn": sandbox.provider_arn}
    session.aws("iam").delete_open_id_connect_provider(**provider)
    other_stack = stack(session, OTHERS)
    assert other_stack.up().keys() <= {"create", "read"}
    for bucket in (BUCKET, IRISH_BUCKET):
        s3.put_object(Bucket=bucket, Key="data", Body=b"theirs")
    create_service_account(session.cluster, NAME, BARE)

    def are_as_they_were() -> None:
        unchanged(other_stack)
        for bucket in (BUCKET, IRISH_BUCKET):
            assert s3.get_object(Bucket=bucket, Key="data")["Body"].read() == b"theirs"

    return are_as_they_were


def test_up_refuses_what_exists_and_leaves_it_as_it_was(session, theirs):
    ours, iam = stack(session, "ours"), session.aws("iam")
    refusals = [
        *(
            f"creating IAM {kind} ({NAME}): Create{kind}: EntityAlreadyExists: "
            for kind in ("Role", "User", "Policy")
        ),
        f"EntityAlreadyExists: Provider with url {session.state.issuer_url} already exists",
        f"creating S3 Bucket ({BUCKET}): BucketAlreadyExists",
        f"creating S3 Bucket ({IRISH_BUCKET}): CreateBucket: BucketAlreadyOwnedByYou: ",
        f'namespaces "{NAME}" already exists',
        'serviceaccounts "account" already exists',
        'configmaps "chained" already exists',
        'secrets "keys" already exists',
        'deployments.apps "pods" already exists',
    ]
    assert ours.preview().keys() <= {"create", "read"}

    line = refusal(lambda: ours.up(continue_on_error=True))  # with every error

    assert [error for error in refusals if error not in line] == []
    theirs()
    # Nor does the destroy of the half-made stack take anything but what is its own.
    iam.get_role(RoleName="ours")
    assert ours.destroy().keys() <= {"delete", "discard"}
    theirs()
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName="ours")


def test_what_exists_is_used_without_changes(session, theirs):
    def run() -> None:
        irsa.EksCluster(NAME, irsa.EksClusterArgs(cluster_name=CLUSTER, existing=True))
        irsa.DataBucket(NAME, irsa.DataBucketArgs(bucket_name=BUCKET, existing=True))
        opts = in_cluster(session)
        irsa.Namespace(NAME, irsa.NamespaceArgs(namespace=NAME, existing=True), opts)
        account, arn = irsa.ServiceAccount(namespace=NAME, name=BARE), role_arn(ACCOUNT_A, NAME)
        programs.pods("user", account, opts, existing_service_account=True, role_arn=arn)

    def annotations():
        return session.cluster.get(ServiceAccount, BARE, namespace=NAME).metadata.annotations

    existing = stack_of(session, "existing", run)
    existing.up()
    assert annotations() == {ROLE_ARN_ANNOTATION: role_arn(ACCOUNT_A, NAME)}
    assert existing.preview().keys() == {"same", "read"}
    theirs()

    existing.destroy()
    assert not annotations()
    theirs()


def test_a_bucket_and_a_role_come_under_the_stack_by_import(session):
    """The component's children get `import_`; a role has an argument for it."""
    name = "adopted-data"
    session.aws("s3").create_bucket(Bucket=name)
    session.aws("s3").put_object(Bucket=name, Key="data", Body=b"theirs")
    iam = session.aws("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    iam.attach_role_policy(RoleName=name, PolicyArn=READ_ONLY)

    def bucket_by_name(args):
        if args.type_ != "aws:s3/bucket:Bucket":
            return None
        opts = ResourceOptions.merge(args.opts, ResourceOptions(import_=name))
        return pulumi.ResourceTransformationResult(args.props, opts)

    def run(*, imported: bool) -> None:
        adopt = ResourceOptions(transformations=[bucket_by_name] if imported else [])
        irsa.DataBucket(name, irsa.DataBucketArgs(bucket_name=name, force_destroy=True), adopt)
        args = irsa.ServiceAccountRoleArgs(
            role_name=name,
            subjects=["dev/app"],
            provider_arns=[PROVIDER],
            policy_arns={"this": READ_ONLY},
            imported=imported,
        )
        irsa.ServiceAccountRole(name, args)

    assert stack_of(session, "adopted", lambda: run(imported=True)).up()["import"] == 3
    adopted = stack_of(session, "adopted", lambda: run(imported=False))
    assert adopted.up().keys() == {"same"}
    assert session.aws("s3").get_object(Bucket=name, Key="data")["Body"].read() == b"theirs"
    assert adopted.destroy().keys() == {"delete"}


def test_the_provider_of_an_existing_cluster_is_created_only_when_asked(session, sandbox, theirs):
    iam, arn = session.aws("iam"), {"OpenIDConnectProviderArn": sandbox.provider_arn}
    iam.delete_open_id_connect_provider(**arn)

    def provider(**create):
        args = irsa.EksClusterArgs(cluster_name=CLUSTER, existing=True, **create)
        return stack_of(session, "provider", lambda: irsa.EksCluster(NAME, args))

    assert sandbox.provider_arn in refusal(provider().preview)

    assert provider(create_provider=True).up()["create"] == 4
    created = iam.get_open_id_connect_provider(**arn)
    provider().up()  # lets go of it
    assert provider().preview().keys() == {"same"}
    provider().destroy()
    assert iam.get_open_id_connect_provider(**arn)["CreateDate"] == created["CreateDate"]
