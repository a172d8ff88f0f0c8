"""Account A's stack in the real engine: up, change, replace, drift, destroy."""

import copy
import json

import pytest
import yaml
from lightkube.resources.core_v1 import ServiceAccount

from irsa.identity.eks import ROLE_ARN_ANNOTATION
from sandbox import lifecycle
from sandbox.demo import irsa, left_overs
from sandbox.state import SandboxError

pytestmark = pytest.mark.sandbox

WORKLOADS = yaml.safe_load((lifecycle.ROOT / "Pulumi.dev.yaml").read_text())["config"][
    "irsa:workloads"
]


def workloads(**changes):
    """The example's workloads, with changes to the first one."""
    changed = copy.deepcopy(WORKLOADS)
    changed[0].update(changes)
    return {"irsa:workloads": changed}


def role_arn(stack, name="s3-app"):
    return stack.outputs()["workloads"][name]["role_arn"]


def events_of(run):
    """The URNs that an operation touched, in order, as (operation, type, name)."""
    lines: list[str] = []
    counts = run(on_output=lines.append)
    return counts, lines


def test_up_refresh_change_replace_and_destroy(session, open_stack):
    stack = open_stack()
    stack.destroy()
    assert stack.preview().keys() == {"create"}
    assert left_overs(session) == [], "a preview has side effects"

    assert stack.up().keys() == {"create"}
    assert stack.up().keys() == {"same"}
    assert stack.refresh().keys() == {"same"}
    assert stack.up().keys() == {"same"}

    # One property, changed in place.
    stack = open_stack(workloads(role={"maxSessionDuration": 7200}))
    preview = stack.preview()
    assert (preview["update"], set(preview)) == (1, {"same", "update"})
    assert stack.up() == preview
    assert session.aws("iam").get_role(RoleName="s3-app")["Role"]["MaxSessionDuration"] == 7200

    # Another role name: the new role stands and is used before the old one goes.
    stack = open_stack(workloads(role={"name": "s3-app-renamed"}))
    counts, lines = events_of(stack.up)
    text = "\n".join(lines)
    assert "replace" not in counts
    moments = [
        text.index(moment)
        for moment in (
            "aws:iam:Role s3-app-renamed created",
            "kubernetes:core/v1:ServiceAccount dev/s3-app updated",
            "kubernetes:apps/v1:Deployment s3-app updated",
            "aws:iam:Role s3-app deleted",
        )
    ]
    assert moments == sorted(moments), text
    assert role_arn(stack).endswith(":role/s3-app-renamed")
    irsa.upload(session, _Silent())
    listed = session.in_pod("dev", "s3-app", irsa.LIST)
    assert irsa.OBJECT in listed.output
    assert stack.up().keys() == {"same"}
    session.empty_bucket(irsa.BUCKET)

    assert stack.destroy().keys() == {"delete"}
    assert left_overs(session) == []


class _Silent:
    def progress(self, text):
        pass


def test_drift_shows_in_a_refresh_and_is_mended_by_the_next_up(session, open_stack):
    stack = open_stack()
    stack.up()
    iam = session.aws("iam")
    trust = iam.get_role(RoleName="s3-app")["Role"]["AssumeRolePolicyDocument"]
    opened = copy.deepcopy(trust)
    opened["Statement"][0]["Condition"] = {}
    iam.update_assume_role_policy(RoleName="s3-app", PolicyDocument=json.dumps(opened))
    session.aws("s3").put_bucket_versioning(
        Bucket=irsa.BUCKET, VersioningConfiguration={"Status": "Suspended"}
    )
    session.cluster.patch(
        ServiceAccount,
        "s3-app",
        {"metadata": {"annotations": {ROLE_ARN_ANNOTATION: None}}},
        namespace="dev",
    )

    assert stack.refresh()["update"] == 3
    preview = stack.preview()
    assert (preview["update"], set(preview)) == (3, {"same", "update"})
    stack.up()

    assert iam.get_role(RoleName="s3-app")["Role"]["AssumeRolePolicyDocument"] == trust
    assert stack.refresh().keys() == {"same"}


def test_a_field_that_somebody_else_took_is_a_conflict_with_a_remedy(session, open_stack):
    stack = open_stack()
    stack.up()
    session.cluster.patch(
        ServiceAccount,
        "s3-app",
        {"metadata": {"annotations": {ROLE_ARN_ANNOTATION: "arn:aws:iam::111122223333:role/x"}}},
        namespace="dev",
    )

    stack.refresh()

    with pytest.raises(SandboxError) as raised:
        stack.up()

    assert "conflict" in str(raised.value)
    assert 'annotate the object with pulumi.com/patchForce: "true"' in str(raised.value)
    session.cluster.delete(ServiceAccount, "s3-app", namespace="dev")
    stack.refresh()
    assert stack.up()["create"] == 1


def test_what_was_deleted_behind_its_back_is_made_again(session, open_stack):
    stack = open_stack()
    stack.up()
    iam = session.aws("iam")
    [policy] = iam.list_attached_role_policies(RoleName="s3-app")["AttachedPolicies"]
    iam.detach_role_policy(RoleName="s3-app", PolicyArn=policy["PolicyArn"])

    assert stack.refresh()["delete"] == 1
    assert stack.up()["create"] == 1
    assert iam.list_attached_role_policies(RoleName="s3-app")["AttachedPolicies"] == [policy]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"namespace": "Dev"}, "namespace 'Dev' is not a DNS-1123 label"),
        ({"serviceAccount": "s3-*"}, "s3-*"),
        ({"role": {"name": "r" * 65}}, "65"),
        ({"nmae": "s3-app"}, "nmae"),
        ({"bucket": {"permissions": "read"}}, "bucket"),
        ({"container": {"image": "i", "env": {"AWS_ROLE_ARN": "x"}}}, "AWS_ROLE_ARN"),
    ],
    ids=["upper-case", "wildcard", "long-name", "unknown-key", "no-bucket-name", "reserved-env"],
)
def test_wrong_configuration_is_one_line_before_anything_is_registered(
    open_stack, changes, message
):
    stack = open_stack(workloads(**changes))

    with pytest.raises(SandboxError) as raised:
        stack.preview()

    text = str(raised.value)
    assert message in text
    assert "\n" not in text
