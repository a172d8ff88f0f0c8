"""Variables of a container that keep its SDKs from a session."""

import pytest

from irsa.observe.facts import Answer
from irsa.verify.link import Status
from tests.unit.irsa.verify.links.pod_scenarios import container, links, pod, spec, statuses

INSIDE = Answer(allowed=True, arn="arn:aws:sts::111122223333:assumed-role/s3-app/x")


def precedence(*variables, **changes):
    return links(pod(spec(container("app", *variables))), **changes)["precedence"]


@pytest.mark.parametrize(
    ("name", "value", "found", "change"),
    [
        ("AWS_ROLE_SESSION_NAME", "reports / prod", "'reports / prod' must be 2 to 64", "-"),
        ("AWS_ROLE_SESSION_NAME", "x", "which STS refuses", "-"),
        ("AWS_REGION", "us-east-1a", "an availability zone of region us-east-1", "=us-east-1"),
        ("AWS_DEFAULT_REGION", "eu-west-2c", "zone of region eu-west-2", "=eu-west-2"),
        ("AWS_REGION", "us-east-1\n", r"'us-east-1\n' has white space", "=us-east-1"),
        ("AWS_REGION", " us-east-1", "' us-east-1' has white space", "=us-east-1"),
    ],
)
def test_a_variable_that_sts_refuses_is_a_finding_and_corrected(name, value, found, change):
    link = precedence((name, value), inside=INSIDE)

    assert link.status is Status.FAILED
    assert found in link.found
    assert link.remedy.shell == (f"kubectl set env deployment/app --namespace dev {name}{change}",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_REGION", "us-esat-1"),
        ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9"),
        ("HTTPS_PROXY", "http://proxy.internal:3128"),
        ("https_proxy", "http://proxy.internal:3128"),
    ],
)
def test_what_may_not_answer_is_asked_inside_the_pod(name, value):
    link = precedence((name, value))

    assert (link.status, link.remedy.text) == (Status.UNKNOWN, "ask inside the Pod, with --exec")
    assert value in link.found
    assert precedence((name, value), inside=INSIDE).status is Status.PASSED


@pytest.mark.parametrize(
    "variables",
    [
        [("AWS_ROLE_SESSION_NAME", "reports@prod")],
        [("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "eu-west-1")],
        [("AWS_ENDPOINT_URL_STS", "")],
        [("AWS_ENDPOINT_URL", "http://x"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")],
        [("HTTPS_PROXY", "http://x"), ("NO_PROXY", "10.0.0.0/8,.amazonaws.com")],
        [("HTTPS_PROXY", "http://x"), ("no_proxy", "*")],
    ],
)
def test_variables_that_change_nothing_pass(variables):
    assert statuses(links(pod(spec(container("app", *variables))))) == {}
