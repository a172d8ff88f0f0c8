"""Reading another stack's outputs: the value, or one line that says what to do."""

from typing import Any

import pulumi
import pytest

from components.config.stack_outputs import StackOutputs
from tests.support.engine import Engine, deploy, secret

STACK = "organization/irsa/dev"
OUTPUTS = {"issuer_url": "https://x", "workloads": {"s3-app": {"role_arn": "arn", "replicas": 1}}}


def read(outputs: dict[str, Any], *, stack: str = STACK, preview: bool = False) -> StackOutputs:
    found: list[StackOutputs] = []

    async def main() -> dict[str, Any]:
        found.append(await StackOutputs.read(stack))
        return {}

    deploy(lambda: pulumi.run(main), Engine(preview=preview, stacks={stack: outputs}))
    return found[0]


def refused(outputs: dict[str, Any], kind: type, *path: str, **options: Any) -> str:
    known = read(outputs, **options)
    with pytest.raises(pulumi.RunError) as caught:
        known.require(kind, *path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("preview", [False, True])
def test_an_output_is_read_in_a_preview_too(preview):
    assert read(OUTPUTS, preview=preview).require(str, "issuer_url") == "https://x"


def test_a_value_inside_an_output_is_read():
    known = read(OUTPUTS)

    assert known.require(str, "workloads", "s3-app", "role_arn") == "arn"
    assert known.require(dict, "workloads", "s3-app") == {"role_arn": "arn", "replicas": 1}


def test_a_secret_output_is_no_hindrance_to_the_others():
    known = read({**OUTPUTS, "kubeconfig": secret("x")})

    assert known.require(str, "issuer_url") == "https://x"


@pytest.mark.parametrize("preview", [False, True])
def test_a_stack_that_was_not_brought_up_says_so(preview):
    assert refused({}, str, "issuer_url", preview=preview) == (
        f"stack {STACK} exports no 'issuer_url' (it has []); run `pulumi up` there first, "
        "or point to the right stack"
    )


def test_a_missing_key_is_named_with_what_is_there():
    assert refused(OUTPUTS, str, "workloads", "other", "role_arn") == (
        f"stack {STACK} exports no 'workloads.other.role_arn' (workloads has ['s3-app']); "
        "run `pulumi up` there first, or point to the right stack"
    )


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
            "exports 'issuer_url' as True, which is not a str",
        ),
        (
            {"workloads": {"s3-app": {"role_arn": []}}},
            ("workloads", "s3-app", "role_arn"),
            "exports 'workloads.s3-app.role_arn' as [], which is not a str",
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
    assert refused(outputs, str, *path).startswith(f"stack {STACK} {line}")
