"""What exists already, through the real engine: brought in, kept, left alone."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, ServiceAccount

from sandbox.engine.stack import SandboxStack
from sandbox.state import SandboxError

pytestmark = pytest.mark.sandbox

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
HEAD = """\
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions

cluster = kubernetes.Provider("cluster", kubeconfig=Path({kubeconfig!r}).read_text())
TRUST = {trust!r}


def options(**more):
    return ResourceOptions(provider=cluster, **more)


"""

Open = Callable[[str], SandboxStack]


@pytest.fixture
def program(session, tmp_path: Path) -> Iterator[Open]:
    """Write a program, and open its stack; what it made goes afterwards."""
    name = f"existing-{tmp_path.name}"[:40].replace("_", "-").rstrip("-")
    head = HEAD.format(kubeconfig=session.state.kubeconfig, trust=TRUST)
    settings = {"name": name, "runtime": "python"}
    (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump(settings))

    def open_one(text: str) -> SandboxStack:
        (tmp_path / "__main__.py").write_text(head + text)
        return SandboxStack(session.state, tmp_path, config={"aws:region": "us-east-1"})

    yield open_one
    open_one("").destroy()


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(SandboxError) as raised:
        call()
    return str(raised.value)


def test_a_namespace_is_brought_in(session, program: Open):
    """F6."""
    theirs = Namespace(metadata=ObjectMeta(name="legacy", labels={"team": "a"}))
    session.cluster.create(theirs, field_manager="kubectl-create")
    text = """
kubernetes.core.v1.Namespace(
    "legacy",
    metadata={"name": "legacy", "labels": {"team": TEAM, "kubernetes.io/metadata.name": "legacy"}},
    spec={"finalizers": ["kubernetes"]},
    opts=options(import_="legacy"),
)
"""

    stack = program(text.replace("TEAM", '"a"'))
    assert stack.preview()["import"] == 1
    assert stack.up()["import"] == 1
    assert stack.up().keys() == {"same"}
    assert program(text.replace("TEAM", '"b"')).up()["update"] == 1
    assert session.cluster.get(Namespace, "legacy").metadata.labels["team"] == "b"


def test_a_service_account_is_brought_in(session, program: Open):
    """F6."""
    metadata = ObjectMeta(name="theirs", namespace="default")
    session.cluster.create(ServiceAccount(metadata=metadata))
    text = """
kubernetes.core.v1.ServiceAccount(
    "theirs",
    metadata={"name": "theirs", "namespace": "default"},
    opts=options(import_="default/theirs"),
)
"""

    assert program(text).up()["import"] == 1
    assert program(text).up().keys() == {"same"}


def test_a_role_is_brought_in(session, program: Open):
    """F6."""
    session.aws("iam").create_role(RoleName="team-x", AssumeRolePolicyDocument=TRUST)
    text = """
aws.iam.Role(
    "x", name="team-x", assume_role_policy=TRUST, opts=ResourceOptions(import_="team-x")
)
"""

    assert program(text).up()["import"] == 1
    assert program(text).up().keys() == {"same"}


def test_a_bucket_is_brought_in_with_what_is_in_it(session, program: Open):
    """F3, F6."""
    s3 = session.aws("s3")
    s3.create_bucket(Bucket="acme-existing")
    s3.put_object(Bucket="acme-existing", Key="k", Body=b"data")
    text = """
aws.s3.Bucket("b", bucket="acme-existing", force_destroy=FORCE, opts=ResourceOptions(IMPORT))
"""

    kept = text.replace("FORCE", "False").replace("IMPORT", 'import_="acme-existing"')
    assert program(kept).up()["import"] == 1
    assert program(kept).up().keys() == {"same"}
    assert s3.get_object(Bucket="acme-existing", Key="k")["Body"].read() == b"data"
    assert "deleting S3 Bucket (acme-existing): DeleteBucket: BucketNotEmpty: " in refused(
        program("").up
    )
    program(text.replace("FORCE", "True").replace("IMPORT", "")).up()


def test_an_import_that_differs_is_brought_to_the_program_and_the_preview_says_so(
    session, program: Open
):
    """F6: the engine's own rule."""
    theirs = Namespace(metadata=ObjectMeta(name="other", labels={"team": "a"}))
    session.cluster.create(theirs, field_manager="kubectl-create")
    stack = program(
        'kubernetes.core.v1.Namespace("other", metadata={"name": "other"}, '
        'opts=options(import_="other"))'
    )

    preview = stack.preview()
    assert (preview["import"], preview["update"]) == (1, 1)
    stack.up()
    assert "team" not in session.cluster.get(Namespace, "other").metadata.labels


def test_a_namespace_that_exists_is_not_taken_over(session, program: Open):
    """F1, F6: it was, in silence, and deleted with everything in it later."""
    session.cluster.create(Namespace(metadata=ObjectMeta(name="before")))
    stack = program(
        'kubernetes.core.v1.Namespace("before", metadata={"name": "before"}, opts=options())'
    )

    assert stack.preview()["create"] > 0
    line = refused(stack.up)
    assert 'Kubernetes refused (409): namespaces "before" already exists; bring it in with' in line
    stack.destroy()
    assert session.cluster.get(Namespace, "before").metadata.deletionTimestamp is None


def test_what_is_retained_stays_and_what_goes_with_another_is_not_deleted_by_itself(
    session, program: Open
):
    """F1, F3: `retainOnDelete` and `deletedWith` are the engine's, and work here."""
    stack = program("""
kept = kubernetes.core.v1.Namespace(
    "kept", metadata={"name": "kept"}, opts=options(retain_on_delete=True)
)
gone = kubernetes.core.v1.Namespace("gone", metadata={"name": "gone"}, opts=options())
kubernetes.core.v1.ServiceAccount(
    "left", metadata={"name": "left", "namespace": "default"}, opts=options(deleted_with=gone)
)
aws.s3.Bucket("data", bucket="retained-data", opts=ResourceOptions(retain_on_delete=True))
""")
    stack.up()

    stack.destroy()

    # Had the provider been asked, it would have deleted this one, which is in another namespace.
    session.cluster.delete(ServiceAccount, "left", namespace="default")
    assert session.cluster.get(Namespace, "kept").metadata.deletionTimestamp is None
    with pytest.raises(ApiError):
        session.cluster.get(Namespace, "gone")
    session.aws("s3").head_bucket(Bucket="retained-data")
    session.cluster.delete(Namespace, "kept")
    session.aws("s3").delete_bucket(Bucket="retained-data")


def test_a_resource_may_stand_where_its_name_is_wanted(session, program: Open):
    """P6: a reference to a resource is sent as its id to a provider that cannot take it."""
    stack = program("""
role = aws.iam.Role("referred", name="referred", assume_role_policy=TRUST)
aws.iam.RolePolicyAttachment(
    "referred", role=role, policy_arn="arn:aws:iam::aws:policy/ReadOnlyAccess"
)
""")

    stack.up()

    [attached] = session.aws("iam").list_attached_role_policies(RoleName="referred")[
        "AttachedPolicies"
    ]
    assert attached["PolicyName"] == "ReadOnlyAccess"
    assert stack.up().keys() == {"same"}
