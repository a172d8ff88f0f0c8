"""AccessKeyUser: the user, its key, and how the key is rotated."""

import pulumi_aws as aws

from irsa_components.access_key_user import AccessKeyUser, AccessKeyUserArgs
from tests.support.engine import Engine, deploy, secret

POLICY = "arn:aws:iam::111122223333:policy/s3-app"


ARGS = {"user_name": "s3-manager", "policy_arns": {"bucket": POLICY}}


def user(engine: Engine | None = None, **changes) -> Engine:
    args = AccessKeyUserArgs(**{**ARGS, **changes})
    return deploy(lambda: AccessKeyUser("s3-app", args), engine)


def test_the_user_has_a_policy_and_a_key_whose_secret_is_no_output(registered_outputs):
    engine = user(path="/debug/")

    assert engine.one("User").inputs == {"name": "s3-manager", "path": "/debug/"}
    assert engine.one("UserPolicyAttachment").inputs == {"user": "s3-manager", "policyArn": POLICY}
    assert engine.one("AccessKey").inputs == {"user": "s3-manager"}
    outputs = {"access_key_id": "debug/s3-manager-v1-id", "user_name": "s3-manager"}
    assert registered_outputs("irsa:index:AccessKeyUser") == outputs


def test_the_preview_says_why_not_to():
    (line,) = user(Engine(preview=True)).logged
    assert line == (
        "warning: user 's3-manager' has a static access key: it never expires and works from any "
        "machine, while IRSA's credentials expire and belong to one service account. Use it for "
        "local debugging only."
    )


def test_the_next_key_is_another_resource_so_that_both_work_during_the_up():
    """Pulumi deletes resources that left the program last; a replacement could delete first."""
    first, second = user(), user(key_version=20261129)  # a number, or a date

    assert first.one("AccessKey").name != second.one("AccessKey").name
    assert first.one("User").inputs == second.one("User").inputs


def test_the_key_is_a_secret_and_its_id_waits_for_the_attachments():
    def program() -> None:
        made = AccessKeyUser("s3-app", AccessKeyUserArgs(**ARGS))
        used = {"description": made.access_key_id, "data_type": made.secret_access_key}
        aws.ssm.Parameter("uses-it", type="String", **used)

    engine = deploy(program)
    inputs = engine.one("Parameter").inputs
    assert inputs["description"] == "s3-manager-v1-id"
    assert inputs["dataType"] == secret("s3-manager-v1-secret")
    assert engine.waits_for("Parameter", "UserPolicyAttachment")
