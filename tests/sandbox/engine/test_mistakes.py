"""Errors of a program, wherever it raises them, as one line."""

from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi import ResourceOptions

import irsa_components as irsa
from tests.sandbox.support.programs import refusal, stack_of

HERE = "test_mistakes.py:"
ACCOUNT = irsa.ServiceAccount(namespace="default", name="mistaken")
NO_ARN = "not-an-arn"
NO_PROVIDER = f"provider_arns[0]: '{NO_ARN}' is not an OIDC provider ARN; "


def role(arn: Any) -> None:
    args = irsa.ServiceAccountRoleArgs(service_accounts=[ACCOUNT], provider_arns=[arn])
    irsa.ServiceAccountRole("mistaken", args)


def fails(_: Any) -> None:
    raise KeyError("certificate")


MISTAKES = {
    "a component's constructor": (lambda: role(NO_ARN), (HERE, NO_PROVIDER)),
    "a component's apply": (
        lambda: role(pulumi.Output.from_input(NO_ARN).apply(str)),
        (HERE, f": ServiceAccountRoleArgs.{NO_PROVIDER}", ", in args = "),
    ),
    "an apply": (
        lambda: pulumi.export("x", pulumi.Output.from_input(1).apply(fails)),
        (HERE, ": KeyError: 'certificate', in raise KeyError(\"certificate\")"),
    ),
    # Two tasks await it.
    "an apply of a resource": (
        lambda: pulumi.export("x", k8s.core.v1.ConfigMap("x").metadata.name.apply(fails)),
        (HERE, ": KeyError: 'certificate', in raise KeyError(\"certificate\")"),
    ),
    "a transform": (
        lambda: k8s.core.v1.ConfigMap("x", opts=ResourceOptions(transforms=[fails])),
        (HERE, ": KeyError in a transform of kubernetes:core/v1:ConfigMap x: 'certificate', in"),
    ),
    "a type that the sandbox lacks": (
        lambda: pulumi.CustomResource("aws:sqs/queue:Queue", "jobs", {}),
        (HERE, ": aws:sqs/queue:Queue is no type of the sandbox; leave it out here", '"jobs"'),
    ),
}


@pytest.mark.cases(("program", "parts"), MISTAKES)
def test_an_error_is_one_line_that_names_its_place(session, program, parts):
    shown: list[str] = []
    line = refusal(lambda: stack_of(session, "mistakes", program).preview(shown.append))

    assert [part for part in parts if part not in line] == []
    assert [text for text in shown if "Traceback" in text or "File " in text] == []
