"""Reading another stack's outputs: the value, or one line that says what to do."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.stack_outputs import pick, require_output
from tests.engine import Engine, deploy, secret

STACK = "organization/irsa/dev"
OUTPUTS = {"issuer_url": "https://x", "workloads": {"s3-app": {"role_arn": "arn", "replicas": 1}}}


def read(
    outputs: dict[str, Any], kind: type, name: str, *, stack: str = STACK, preview: bool = False
) -> Any:
    found: list[Any] = []

    def program() -> None:
        require_output(pulumi.StackReference(stack), kind, name).apply(found.append)

    deploy(program, Engine(preview=preview, stacks={stack: outputs}))
    return found[0]


def refused(outputs: dict[str, Any], kind: type, name: str, **options: Any) -> str:
    with pytest.raises(pulumi.RunError) as caught:
        read(outputs, kind, name, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("preview", [False, True])
def test_an_output_is_read_in_a_preview_too(preview):
    assert read(OUTPUTS, str, "issuer_url", preview=preview) == "https://x"


def test_a_value_inside_an_output_is_read():
    assert pick(STACK, OUTPUTS, str, "workloads", "s3-app", "role_arn") == "arn"
    assert read(OUTPUTS, dict, "workloads") == OUTPUTS["workloads"]


@pytest.mark.parametrize("preview", [False, True])
def test_a_stack_that_was_not_brought_up_says_so(preview):
    assert refused({}, str, "issuer_url", preview=preview) == (
        f"stack {STACK} exports no 'issuer_url' (it has []); run `pulumi up` there first, "
        "or point to the right stack"
    )


def test_a_missing_key_is_named_with_what_is_there():
    with pytest.raises(pulumi.RunError) as caught:
        pick(STACK, OUTPUTS, str, "workloads", "other", "role_arn")
    assert str(caught.value) == (
        f"stack {STACK} exports no 'workloads.other.role_arn' (workloads has ['s3-app']); "
        "run `pulumi up` there first, or point to the right stack"
    )


@pytest.mark.parametrize(("name", "as_input"), [("public", "x"), ("kubeconfig", secret("y"))])
def test_one_secret_output_does_not_make_the_others_secret(name, as_input):
    outputs = {"public": "x", "kubeconfig": secret("y")}

    def program() -> None:
        value = require_output(pulumi.StackReference(STACK), str, name)
        aws.ssm.Parameter("uses-it", type="String", description=value)

    engine = deploy(program, Engine(stacks={STACK: outputs}))
    assert engine.one("aws:ssm/parameter:Parameter").inputs["description"] == as_input


def test_another_stack_is_recognised_by_what_it_exports():
    stack = "organization/website/dev"

    assert refused({"url": "x"}, str, "issuer_url", stack=stack) == (
        f"stack {stack} exports no 'issuer_url' (it has ['url']); run `pulumi up` there first, "
        "or point to the right stack"
    )


@pytest.mark.parametrize(
    ("outputs", "path", "line"),
    [
        (
            {"issuer_url": True},
            ("issuer_url",),
            "exports 'issuer_url' as True, which is no str",
        ),
        (
            {"workloads": {"s3-app": {"role_arn": []}}},
            ("workloads", "s3-app", "role_arn"),
            "exports 'workloads.s3-app.role_arn' as [], which is no str",
        ),
        (
            {"workloads": "x"},
            ("workloads", "s3-app", "role_arn"),
            "exports no 'workloads.s3-app.role_arn' (workloads has x)",
        ),
        (
            {"workloads": ["s3-app"]},
            ("workloads", "s3-app"),
            "exports no 'workloads.s3-app' (workloads has ['s3-app'])",
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_named(outputs, path, line):
    with pytest.raises(pulumi.RunError) as caught:
        pick(STACK, outputs, str, *path)
    assert str(caught.value).startswith(f"stack {STACK} {line}")


def test_an_output_of_the_wrong_type_is_named():
    assert refused({"issuer_url": True}, str, "issuer_url") == (
        f"stack {STACK} exports 'issuer_url' as True, which is no str; "
        "point to the stack of project irsa, or run `pulumi up` there"
    )
